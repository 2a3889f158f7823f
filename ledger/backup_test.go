package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
)

// kept is a ledger with a story, and a backup of it.
func kept(t *testing.T) (l *SQLite, clock *ledgertest.Clock, path, file string) {
	t.Helper()
	clock = ledgertest.NewClock()
	path = filepath.Join(t.TempDir(), "ledger.db")
	l = openAt(t, path, clock.Now, Options{})
	story(t, l, clock)
	file = filepath.Join(t.TempDir(), "copy.db")
	if _, err := l.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return l, clock, path, file
}

func TestBackupIsAWholeLedgerOfItsOwn(t *testing.T) {
	l, clock, _, file := kept(t)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	before, _ := os.ReadFile(file)
	if _, err := l.Backup(t.Context(), file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("a file that was there is changed")
	}
	if r := verify(t, openAt(t, file, clock.Now, Options{})); !r.OK() || r.Events != 4 {
		t.Errorf("the copy: %+v", r)
	}
}

func TestRestore(t *testing.T) {
	l, clock, path, file := kept(t)
	if _, err := Restore(t.Context(), path, file, clock.Now, true); !errors.Is(err, ErrLocked) {
		t.Errorf("under somebody who has it open: %v", err)
	}
	if err := l.Settle(t.Context(), rotator.Event{Rotation: "ledger", Kind: "later"}, false); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	was, _ := os.ReadFile(path)
	if _, err := Restore(t.Context(), path, file, clock.Now, false); !errors.Is(err, ErrNotOlder) {
		t.Errorf("over a newer one: %v", err)
	}
	c, err := Restore(t.Context(), path, file, clock.Now, true)
	if err != nil {
		t.Fatal(err)
	}
	if r := verify(t, openAt(t, c.Kept, clock.Now, Options{})); !r.OK() || r.Events != 5 || len(was) == 0 {
		t.Errorf("what was there: %+v", r)
	}
	back := openAt(t, path, clock.Now, Options{})
	a, err := back.Ready(t.Context(), clock.Now(), 0)
	if r := verify(t, back); err != nil || !a.Restored || !r.OK() || r.Events != 5 {
		t.Errorf("restored: %v %v, %+v", a.Restored, err, r)
	}
	if left, _ := filepath.Glob(path + ".part-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRestoreRefuses: what does not verify never takes the ledger's place.
func TestRestoreRefuses(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, file string) error{
		"not there": func(_ *testing.T, file string) error { return os.Remove(file) },
		"empty":     func(_ *testing.T, file string) error { return os.Truncate(file, 0) },
		"no ledger": func(_ *testing.T, file string) error {
			return os.WriteFile(file, bytes.Repeat([]byte("junk"), 999), 0o600)
		},
		"an edited trail": func(t *testing.T, file string) error {
			db := rawDB(t, file)
			_, err := db.Exec(`DROP TRIGGER events_keep; UPDATE events SET who = 'nobody'`)
			return errors.Join(err, db.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, clock, path, file := kept(t)
			if err := errors.Join(l.Close(), spoil(t, file)); err != nil {
				t.Fatal(err)
			}
			was, _ := os.ReadFile(path)
			if _, err := Restore(t.Context(), path, file, clock.Now, true); err == nil {
				t.Error("not refused")
			}
			if now, _ := os.ReadFile(path); !bytes.Equal(was, now) {
				t.Error("the ledger was changed")
			}
			if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestRestoreOverADamagedLedger: that is what backups are for; its write-ahead log goes with it.
func TestRestoreOverADamagedLedger(t *testing.T) {
	l, clock, path, file := kept(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal"} {
		if err := os.WriteFile(path+end, bytes.Repeat([]byte("junk"), 999), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Restore(t.Context(), path, file, clock.Now, false)
	if err != nil || !exists(c.Kept) || exists(path+"-wal") {
		t.Fatalf("%v, kept %v", err, c.Kept)
	}
	if r := verify(t, openAt(t, path, clock.Now, Options{})); !r.OK() || r.Events != 5 {
		t.Errorf("restored: %+v", r)
	}
}
