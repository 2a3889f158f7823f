package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/secret"
)

// TestOpeningFailsWhole: whatever keeps a ledger from being made, it is said, and nothing is left in the folder.
func TestOpeningFailsWhole(t *testing.T) {
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	folder := t.TempDir()
	long := filepath.Join(folder, strings.Repeat("l", 250)) // it fits, and a name beside it does not
	for _, c := range []struct {
		ctx        context.Context
		path, says string
	}{
		{t.Context(), "", "needs the path of a file"},
		{t.Context(), long, "cannot be created here"},
		{dead, filepath.Join(folder, "ledger.db"), "stopped before it was done"},
	} {
		if _, err := OpenSQLite(c.ctx, c.path, ledgertest.NewClock().Now, Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.path, err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	dangling := filepath.Join(folder, "dangling")
	allRight(t, os.Symlink(filepath.Join(folder, "nowhere"), dangling))
	if _, err := OpenSQLite(t.Context(), dangling, ledgertest.NewClock().Now, Options{}); err == nil || !strings.Contains(err.Error(), "cannot be looked at") {
		t.Errorf("a name that leads nowhere: %v", err)
	}
}

// TestMakersMayMeet: who finds that another was first has made nothing, and that is no error; nobody leaves anything beside.
func TestMakersMayMeet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := &SQLite{path: path, now: ledgertest.NewClock().Now, o: Options{Wait: time.Second}}
	for who, want := range []string{"the first", "the second"} {
		if err := l.create(t.Context(), path); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if left, err := filepath.Glob(path + "*"); err != nil || len(left) != 1 {
			t.Errorf("after %d: %v, %v", who+1, left, err)
		}
	}
}

// TestOneWriterAndFewReaders: writers wait in the pool, where it is fair.
func TestOneWriterAndFewReaders(t *testing.T) {
	l := open(t, ledgertest.NewClock().Now)
	if write, read := l.db.Stats().MaxOpenConnections, l.seen.Stats().MaxOpenConnections; write != 1 || read != 4 {
		t.Errorf("%d writers and %d readers", write, read)
	}
}

// TestSweepWaitsForReaders: while somebody reads, wiped ciphertext stays in the log; the next write takes it away, and the
// ones after that have nothing to do.
func TestSweepWaitsForReaders(t *testing.T) {
	clock := ledgertest.NewClock()
	l := openAt(t, filepath.Join(t.TempDir(), "ledger.db"), clock.Now, Options{Wait: time.Millisecond})
	p := pairOf("p", "current")
	p.Sealed = secret.Sealed(strings.Repeat("ciphertext that must go away ", 1000))
	allRight(t, l.Adopt(t.Context(), p))
	reader, err := l.seen.BeginTx(t.Context(), nil)
	allRight(t, err)
	var n int
	allRight(t, reader.QueryRowContext(t.Context(), `SELECT count(*) FROM pairs`).Scan(&n))
	p.Sealed = nil
	allRight(t, l.Adopt(t.Context(), p))
	if !l.wiped.Load() {
		t.Error("it counts as swept while somebody reads the log")
	}
	allRight(t, reader.Rollback(), l.Silence(t.Context(), "h", clock.Now().Add(time.Hour)))
	if l.wiped.Load() || held(t, l, "ciphertext that must go away") {
		t.Error("nobody reads any more, and it was not swept")
	}
	allRight(t, l.Silence(t.Context(), "i", clock.Now().Add(time.Hour)))
	if info, err := os.Stat(l.path + "-wal"); err != nil || info.Size() == 0 {
		t.Errorf("the log is swept again and again: %v", err)
	}
}

// TestTruncateSays whether it is done.
func TestTruncateSays(t *testing.T) {
	l := open(t, ledgertest.NewClock().Now)
	if done, err := l.truncate(t.Context()); !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	if done, err := l.truncate(dead); done || !errors.Is(err, context.Canceled) {
		t.Errorf("in a dead context: %v, %v", done, err)
	}
}

// openIn lists what this process has open in a folder.
func openIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("NOT RUN: this system does not list what a process has open")
	}
	for _, fd := range all {
		if name, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(name, folder+"/") {
			names = append(names, name)
		}
	}
	return names
}

// TestNothingStaysOpen after an opening that failed, a backup and a restore: a service does all of them again and again.
func TestNothingStaysOpen(t *testing.T) {
	l, clock, path, file := kept(t)
	if len(openIn(t, filepath.Dir(path))) == 0 {
		t.Fatal("an open ledger shows nothing open: this test sees nothing")
	}
	allRight(t, l.Close())
	_, err := Restore(t.Context(), path, file, clock.Now, true)
	allRight(t, err)
	later := filepath.Join(t.TempDir(), "newer.db")
	newer(t, later)
	if _, err := OpenSQLite(t.Context(), later, clock.Now, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("error is %v", err)
	}
	for _, name := range []string{path, file, later} {
		if left := openIn(t, filepath.Dir(name)); len(left) > 0 {
			t.Errorf("still open: %v", left)
		}
	}
}
