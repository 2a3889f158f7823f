package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong with the file. Each comes wrapped with the ledger's path and what to do. After any of them nothing
// was recorded.
var (
	// ErrLocked: another process wrote for longer than Options.Wait. Trying again is right.
	ErrLocked = errors.New("another process is writing to it")
	// ErrReadOnly: the file or its file system can't be written.
	ErrReadOnly = errors.New("it cannot be written")
	// ErrFull: no space left on the disk, or a quota is used up.
	ErrFull = errors.New("the disk is full")
	// ErrDisk: the disk answered with an error.
	ErrDisk = errors.New("the disk reports an error")
	// ErrDamaged: the file's structure is broken. Never retried.
	ErrDamaged = errors.New("the file is damaged")
	// ErrForeign: the file is not a ledger, or its first page is damaged. It was not changed.
	ErrForeign = errors.New("this is not a quarterturn ledger, or its first page is damaged")
	// ErrNewer: a newer release wrote it. It was not changed.
	ErrNewer = errors.New("a newer quarterturn has written it")
	// ErrRefused: a write would have broken a rule of the ledger. Nothing was recorded.
	ErrRefused = errors.New("refused by the ledger")
)

// remedy is the last sentence of an error: what is broken now, and what to do.
func remedy(kind error) string {
	switch kind {
	case ErrLocked:
		return "Nothing was recorded and nothing is broken. Run the same command again"
	case ErrReadOnly:
		return "Nothing was recorded and nothing is broken. Make the file and its folder writable for this user"
	case ErrFull:
		return "Nothing was recorded and nothing is broken. Free some space and run the same command again"
	case ErrDisk:
		return "Nothing was recorded. Check the disk, then run: quarterturn audit verify"
	case ErrDamaged:
		return "Stop every run, keep a copy of the file with its -wal, restore it from a backup, then run: " +
			"quarterturn audit verify"
	case ErrForeign:
		return "It was not changed. Mend `ledger` in the configuration, or restore the file from a backup"
	case ErrNewer:
		return "It was not changed. Use that release or a newer one"
	}
	return "Nothing was recorded. Run: quarterturn audit verify"
}

// fault is the only way out for an error of the driver, whose text may name other paths or quote SQL. Everything else
// passes.
func (l *SQLite) fault(err error) error {
	var driver *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("ledger %s: stopped before it was done: %w", l.path, cause(err))
	case errors.Is(err, ErrForeign):
		return fmt.Errorf("ledger %s: %w. %s", l.path, ErrForeign, remedy(ErrForeign))
	case errors.Is(err, ErrNewer):
		return fmt.Errorf("ledger %s: %w. %s", l.path, err, remedy(ErrNewer))
	case misread(err):
		return fmt.Errorf("ledger %s: %w. %s", l.path, ErrDamaged, remedy(ErrDamaged))
	case !errors.As(err, &driver):
		return err
	}
	kind := kindOf(driver.Code())
	if kind == nil {
		return fmt.Errorf("ledger %s: SQLite refused with code %d. %s", l.path, driver.Code(), remedy(nil))
	}
	return fmt.Errorf("ledger %s: %w. %s", l.path, kind, remedy(kind))
}

// misread: a column holds what it cannot hold. The error is of database/sql, has no type, and quotes the value.
func misread(err error) bool { return strings.Contains(err.Error(), "sql: Scan error on column") }

func cause(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return context.DeadlineExceeded
}

// kindOf goes by the primary code, the low byte. A full disk can first show where the -shm file grows, which
// SQLite calls an error of the disk.
func kindOf(code int) error {
	if code == sqlite3.SQLITE_IOERR_SHMSIZE {
		return ErrFull
	}
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrLocked
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH:
		return ErrReadOnly
	case sqlite3.SQLITE_FULL:
		return ErrFull
	case sqlite3.SQLITE_IOERR:
		return ErrDisk
	case sqlite3.SQLITE_CORRUPT:
		return ErrDamaged
	case sqlite3.SQLITE_NOTADB:
		return ErrForeign
	case sqlite3.SQLITE_CONSTRAINT:
		return ErrRefused
	}
	return nil
}

// rerun reports whether a failed migration may only have lost a race: the other one's tables or rows are there already.
func rerun(err error) bool {
	var driver *sqlite.Error
	if !errors.As(err, &driver) {
		return false
	}
	switch driver.Code() & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_SCHEMA:
		return true
	}
	return false
}
