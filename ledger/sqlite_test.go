package ledger

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
)

func openAt(t *testing.T, path string, now func() time.Time, o Options) *SQLite {
	t.Helper()
	l, err := OpenSQLite(t.Context(), path, now, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func open(t *testing.T, now func() time.Time) *SQLite {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "ledger.db"), now, Options{})
}

func TestLedger(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T, now func() time.Time) rotator.Ledger { return open(t, now) })
}

// rawDB is another program's hand on the file.
func rawDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
