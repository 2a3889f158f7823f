package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
)

var errFlaky = errors.New("the disk went away for a moment")

// flaky stands between a ledger and its database, and lets one step of many fail: a transaction's begin or end, a
// statement, a row.
type flaky struct {
	left  int // steps until the one that fails
	fired bool
	says  error // with which error, errFlaky when nil
	stays bool  // every step after it fails as well
}

// arm has the n-th step from now fail.
func (f *flaky) arm(n int) { f.left, f.fired = n, false }

func (f *flaky) step() error {
	if f.left--; f.left > 0 || f.left < 0 && !f.stays {
		return nil
	}
	f.fired = true
	if f.says != nil {
		return f.says
	}
	return errFlaky
}

// wrap puts f under both of the ledger's databases.
func (f *flaky) wrap(t *testing.T, l *SQLite) {
	t.Helper()
	for _, db := range []**sql.DB{&l.db, &l.seen} {
		inner := *db
		*db = sql.OpenDB(flakyConnector{f, inner})
		(*db).SetMaxOpenConns(1)
		t.Cleanup(func() { _ = inner.Close() })
	}
}

// flakyConnector takes its one connection out of another pool.
type flakyConnector struct {
	f     *flaky
	inner *sql.DB
}

func (c flakyConnector) Driver() driver.Driver { return c.inner.Driver() }

func (c flakyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	held, err := c.inner.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var raw any
	err = held.Raw(func(conn any) error { raw = conn; return nil })
	return flakyConn{raw.(wholeConn), c.f, held}, err
}

type wholeConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type flakyConn struct {
	wholeConn
	f    *flaky
	held *sql.Conn
}

func (c flakyConn) Close() error { return c.held.Close() }

func (c flakyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.f.step(); err != nil {
		return nil, err
	}
	tx, err := c.wholeConn.BeginTx(ctx, o)
	return flakyTx{tx, c.f}, err
}

func (c flakyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.f.step(); err != nil {
		return nil, err
	}
	return c.wholeConn.ExecContext(ctx, query, args)
}

// QueryContext leaves the sweep of the write-ahead log alone: it reports nothing.
func (c flakyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	sweep := strings.HasPrefix(query, "PRAGMA wal_checkpoint")
	if !sweep {
		if err := c.f.step(); err != nil {
			return nil, err
		}
	}
	rows, err := c.wholeConn.QueryContext(ctx, query, args)
	if err != nil || sweep {
		return rows, err
	}
	return flakyRows{rows, c.f}, nil
}

type flakyRows struct {
	driver.Rows
	f *flaky
}

func (r flakyRows) Next(dest []driver.Value) error {
	if err := r.f.step(); err != nil {
		return err
	}
	return r.Rows.Next(dest)
}

type flakyTx struct {
	driver.Tx
	f *flaky
}

func (tx flakyTx) Commit() error {
	if err := tx.f.step(); err != nil {
		return errors.Join(err, tx.Tx.Rollback())
	}
	return tx.Tx.Commit()
}

// version changes whenever somebody else commits a change.
func version(t *testing.T, db *sql.DB) (n int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), `PRAGMA data_version`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
