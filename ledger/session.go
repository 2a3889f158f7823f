package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// session is one transaction with its one timestamp. All SQL goes through exec, row and list, so that a dialect with
// other placeholders than `?` has one place to rewrite them.
type session struct {
	ctx context.Context
	tx  *sql.Tx
	now time.Time
}

// write runs f in the one transaction that may write. The clock is read once the lock is held: two writes have their
// timestamps in the order in which they happened.
func (l *SQLite) write(ctx context.Context, f func(session) error) error {
	err := l.within(ctx, l.db, nil, f)
	if err == nil {
		l.sweep(ctx)
	}
	return err
}

// look runs f over one snapshot of committed data.
func (l *SQLite) look(ctx context.Context, f func(session) error) error {
	return l.within(ctx, l.seen, &sql.TxOptions{ReadOnly: true}, f)
}

func (l *SQLite) within(ctx context.Context, db *sql.DB, o *sql.TxOptions, f func(session) error) error {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return l.fault(err)
	}
	if err := f(session{ctx: ctx, tx: tx, now: l.now().UTC()}); err != nil {
		_ = tx.Rollback()
		return l.fault(err)
	}
	return l.fault(tx.Commit())
}

// exec returns how many rows it touched.
func (s session) exec(query string, args ...any) (int64, error) {
	res, err := s.tx.ExecContext(s.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row scans the first row into dest; sql.ErrNoRows when there is none.
func (s session) row(dest []any, query string, args ...any) error {
	return s.tx.QueryRowContext(s.ctx, query, args...).Scan(dest...)
}

// list scans every row.
func list[T any](s session, scan func(scan func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.tx.QueryContext(s.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		v, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// body scans a row of one JSON column.
func body[T any](scan func(...any) error) (T, error) {
	var v T
	var text string
	if err := scan(&text); err != nil {
		return v, err
	}
	return v, decode(text, &v)
}

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("%w: a record cannot be written as JSON", ErrRefused)
	}
	return string(b), nil
}

// decode never quotes what it could not read.
func decode(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("%w: a row cannot be read. %s", ErrDamaged, remedy(ErrDamaged))
	}
	return nil
}

// nanos keeps a time as an integer; 0 is none. Times that do not fit are moved to the nearest that does, which leaves
// the far past far and the far future far.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Year() < 1678:
		return -1 << 63
	case t.Year() > 2261:
		return 1<<63 - 1
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// clean replaces what not every database or JSON can hold, byte by byte: broken UTF-8 and NUL.
func clean(s string) string {
	return strings.ReplaceAll(string([]rune(s)), "\x00", "�")
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
