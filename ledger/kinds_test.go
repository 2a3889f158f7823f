package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"quarterturn/ledger/ledgertest"
)

// TestKinds: each of SQLite's codes, extended or not, is what a person can do something about, or nothing of that.
func TestKinds(t *testing.T) {
	for code, want := range map[int]error{
		sqlite3.SQLITE_BUSY: ErrLocked, sqlite3.SQLITE_LOCKED: ErrLocked, sqlite3.SQLITE_BUSY_SNAPSHOT: ErrLocked,
		sqlite3.SQLITE_READONLY: ErrReadOnly, sqlite3.SQLITE_PERM: ErrReadOnly, sqlite3.SQLITE_CANTOPEN: ErrReadOnly, sqlite3.SQLITE_AUTH: ErrReadOnly,
		sqlite3.SQLITE_FULL: ErrFull, sqlite3.SQLITE_IOERR_SHMSIZE: ErrFull, sqlite3.SQLITE_IOERR: ErrDisk, sqlite3.SQLITE_IOERR_READ: ErrDisk,
		sqlite3.SQLITE_CORRUPT: ErrDamaged, sqlite3.SQLITE_NOTADB: ErrForeign, sqlite3.SQLITE_CONSTRAINT: ErrRefused,
		sqlite3.SQLITE_CONSTRAINT_TRIGGER: ErrRefused, sqlite3.SQLITE_ERROR: nil, sqlite3.SQLITE_NOMEM: nil,
	} {
		if got := kindOf(code); got != want {
			t.Errorf("code %d is %v, want %v", code, got, want)
		}
	}
}

// sqliteErrors are errors as the driver gives them: of a statement that makes no sense, of a rule that is broken, and of
// a database that another has locked.
func sqliteErrors(t *testing.T) (senseless, broken, locked error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openAt(t, path, ledgertest.NewClock().Now, Options{Wait: 1})
	_, senseless = l.db.ExecContext(t.Context(), `SELECT nothing FROM nowhere`)
	_, broken = l.db.ExecContext(t.Context(), `INSERT INTO retention VALUES (1, 0)`)
	lock(t, l)
	_, locked = l.db.ExecContext(t.Context(), `DELETE FROM silences`)
	for _, err := range []error{senseless, broken, locked} {
		if err == nil {
			t.Fatal("a statement that must fail did not")
		}
	}
	return senseless, broken, locked
}

// TestFaultTells: whatever it was, which ledger, whether anything was recorded, and what to do.
func TestFaultTells(t *testing.T) {
	senseless, broken, locked := sqliteErrors(t)
	l := &SQLite{path: "a.db"}
	for name, c := range map[string]struct {
		err, kind error
		says      string
	}{
		"a code without a kind": {senseless, nil, "SQLite refused with code 1. Nothing was recorded"},
		"a rule":                {broken, ErrRefused, "Nothing was recorded"},
		"a lock":                {locked, ErrLocked, "Run the same command again"},
		"a lock, wrapped":       {fmt.Errorf("goose: %w", locked), ErrLocked, "Run the same command again"},
		"time is up":            {fmt.Errorf("x: %w", context.DeadlineExceeded), context.DeadlineExceeded, "stopped before it was done"},
		"stopped":               {fmt.Errorf("x: %w", context.Canceled), context.Canceled, "stopped before it was done"},
		"foreign":               {fmt.Errorf("x: %w", ErrForeign), ErrForeign, "It was not changed"},
		"newer":                 {fmt.Errorf("%w (schema 9)", ErrNewer), ErrNewer, "schema 9"},
	} {
		got := l.fault(c.err)
		if c.kind != nil && !errors.Is(got, c.kind) || !strings.HasPrefix(fmt.Sprint(got), "ledger a.db: ") || !strings.Contains(got.Error(), c.says) ||
			strings.Contains(got.Error(), "nowhere") {
			t.Errorf("%s: %v", name, got)
		}
	}
	if err := l.fault(errFlaky); err != errFlaky {
		t.Errorf("an error of our own came out as %v", err)
	}
}

// TestRerun: only what another process's migration may have caused is tried again.
func TestRerun(t *testing.T) {
	senseless, broken, locked := sqliteErrors(t)
	for err, want := range map[error]bool{senseless: true, broken: true, fmt.Errorf("goose: %w", senseless): true, locked: false, errFlaky: false} {
		if rerun(err) != want {
			t.Errorf("%v: tried again is %v", err, !want)
		}
	}
}

// TestMigrationMayLoseARace: a step that fails because another process was first is tried again, and whatever step it is,
// the schema is whole in the end; another failure is told at once, and one that stays is told at last.
func TestMigrationMayLoseARace(t *testing.T) {
	senseless, broken, locked := sqliteErrors(t)
	db, f := flakyFile(t)
	allRight(t, migrate(t.Context(), db))
	steps := -f.left
	if steps < 10 {
		t.Fatalf("only %d steps: this test sees nothing", steps)
	}
	var all sync.WaitGroup // goose waits a second before it looks again for what it did not find
	for _, err := range []error{senseless, broken, locked, errFlaky} {
		for n := 1; n <= steps; n++ {
			db, f := flakyFile(t)
			all.Go(func() { failedStep(t, db, f, err, n) })
		}
	}
	all.Wait()
	db, f = flakyFile(t)
	f.says, f.stays = senseless, true
	f.arm(1)
	if err := migrate(t.Context(), db); !errors.Is(err, senseless) {
		t.Errorf("it always fails: %v", err)
	}
}

// TestOursTellsWhenItCannotLook: a database that cannot be read is not taken for an empty one.
func TestOursTellsWhenItCannotLook(t *testing.T) {
	db, f := flakyFile(t)
	allRight(t, migrate(t.Context(), db))
	for n := 1; ; n++ {
		f.arm(n)
		err := ours(t.Context(), db)
		if !f.fired {
			if n < 4 {
				t.Errorf("only %d steps: this test sees nothing", n-1)
			}
			break
		}
		if !errors.Is(err, errFlaky) {
			t.Errorf("step %d failed, and it said %v", n, err)
		}
	}
}

// failedStep has the n-th step of a migration fail so.
func failedStep(t *testing.T, db *sql.DB, f *flaky, with error, n int) {
	f.says = with
	f.arm(n)
	err := migrate(t.Context(), db)
	switch {
	case !f.fired:
		t.Errorf("step %d was not reached", n)
	case rerun(with) && err != nil, err != nil && !errors.Is(err, with):
		t.Errorf("step %d failed with %v: %v", n, with, err)
	case err == nil:
		var last int
		err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM outbox, silences`).Scan(&last)
		if err := errors.Join(err, ours(t.Context(), db)); err != nil {
			t.Errorf("step %d failed with %v, and the schema is not whole: %v", n, with, err)
		}
	}
}

func flakyFile(t *testing.T) (*sql.DB, *flaky) {
	t.Helper()
	inner := rawDB(t, filepath.Join(t.TempDir(), "ledger.db"))
	f := &flaky{}
	db := sql.OpenDB(flakyConnector{f, inner})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _, _ = db.Close(), inner.Close() })
	return db, f
}
