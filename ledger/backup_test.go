package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
	c, err := l.Backup(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Digest != digestOfFile(t, file) || !c.Report.OK() || c.Report.Events != 4 || c.Kept != "" {
		t.Errorf("the copy is told as %+v", c)
	}
	return l, clock, path, file
}

func digestOfFile(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
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
	if _, err := Restore(t.Context(), path, file, clock.Now, true); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "ledger "+path) {
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
	if c.Digest != digestOfFile(t, path) || !c.Report.OK() || c.Report.Events != 4 {
		t.Errorf("what was put back is told as %+v", c)
	}
	if r := verify(t, openAt(t, c.Kept, clock.Now, Options{})); !r.OK() || r.Events != 5 || len(was) == 0 {
		t.Errorf("what was there: %+v", r)
	}
	back := openAt(t, path, clock.Now, Options{})
	if e, err := back.Events(t.Context(), "ledger"); err != nil || len(e) != 1 || e[0].Kind != "restored" || e[0].Who != "quarterturn" {
		t.Errorf("the trail says %+v, %v", e, err)
	}
	a, err := back.Ready(t.Context(), clock.Now(), 0)
	if r := verify(t, back); err != nil || !a.Restored || !r.OK() || r.Events != 5 {
		t.Errorf("restored: %v %v, %+v", a.Restored, err, r)
	}
	if left, _ := filepath.Glob(path + ".part-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRestoreAgain: over a ledger that knows nothing, or nothing more, nobody has to insist; each one that was there gets a
// name of its own, and what a restore left that was killed is gone.
func TestRestoreAgain(t *testing.T) {
	l, clock, path, file := kept(t)
	allRight(t, l.Close(), os.WriteFile(path+".part-1", nil, 0o600))
	names := map[string]bool{}
	for _, end := range []string{"", "-2", "-3"} {
		c, err := Restore(t.Context(), path, file, clock.Now, end != "") // the ones after the first have been marked
		if err != nil {
			t.Fatal(err)
		}
		if names[c.Kept] = true; c.Kept != path+".replaced-20260101T090000Z"+end {
			t.Errorf("kept as %s", c.Kept)
		}
	}
	if left, _ := filepath.Glob(path + ".part-*"); len(left) > 0 || len(names) != 3 {
		t.Errorf("left behind: %v; kept %v", left, names)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	allRight(t, openAt(t, empty, clock.Now, Options{}).Close())
	if _, err := Restore(t.Context(), empty, file, clock.Now, false); err != nil {
		t.Errorf("over an empty one: %v", err)
	}
	if c, err := Restore(t.Context(), filepath.Join(t.TempDir(), "new.db"), file, clock.Now, false); err != nil || c.Kept != "" {
		t.Errorf("where none was: %+v, %v", c, err)
	}
}

// TestRestoreOverANewerSchema: what a newer release wrote there cannot be compared: somebody must insist.
func TestRestoreOverANewerSchema(t *testing.T) {
	_, clock, _, file := kept(t)
	path := filepath.Join(t.TempDir(), "ledger.db")
	newer(t, path)
	if _, err := Restore(t.Context(), path, file, clock.Now, false); !errors.Is(err, ErrNewer) {
		t.Errorf("it took its place: %v", err)
	}
	if _, err := Restore(t.Context(), path, file, clock.Now, true); err != nil {
		t.Error(err)
	}
}

// TestCopiesFail: what can't be read or written is told by its kind, and without its path.
func TestCopiesFail(t *testing.T) {
	l, clock, path, file := kept(t)
	nowhere := filepath.Join(t.TempDir(), "nowhere", "copy.db")
	_, err1 := l.Backup(t.Context(), nowhere)
	_, err2 := Restore(t.Context(), nowhere, file, clock.Now, true)
	_, err3 := settled(nowhere)
	for name, err := range map[string]error{"backup": err1, "restore": err2, "settled": err3, "folder": syncFolder(nowhere),
		"from nowhere": copied(nowhere, file), "to nowhere": copied(file, nowhere)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if copied(t.TempDir(), file) == nil {
		t.Error("a folder was copied")
	}
	for _, c := range []struct{ err, want error }{{fs.ErrPermission, fs.ErrPermission}, {fs.ErrNotExist, fs.ErrNotExist}, {fs.ErrExist, fs.ErrExist},
		{errFlaky, ErrDisk}, {&fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}, fs.ErrPermission}} {
		if got := plain(c.err); got != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
}

// TestBackupOfADamagedLedger is no backup: there is no file after it.
func TestBackupOfADamagedLedger(t *testing.T) {
	l, _, _, _ := kept(t)
	must(t, l, `DROP TRIGGER events_keep`)
	must(t, l, `UPDATE events SET who = 'nobody' WHERE chain = 'r1' AND seq = 3`)
	file := filepath.Join(t.TempDir(), "copy.db")
	if _, err := l.Backup(t.Context(), file); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "taken away again") {
		t.Errorf("it was taken for a backup: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRestoreRefuses: what does not verify never takes the ledger's place.
func TestRestoreRefuses(t *testing.T) {
	kinds := map[string]error{"not there": fs.ErrNotExist, "empty": ErrForeign, "a folder": ErrForeign, "no ledger": ErrForeign, "an edited trail": ErrDamaged}
	for name, spoil := range map[string]func(t *testing.T, file string) error{
		"not there": func(_ *testing.T, file string) error { return os.Remove(file) },
		"empty":     func(_ *testing.T, file string) error { return os.Truncate(file, 0) },
		"a folder":  func(_ *testing.T, file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) },
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
			if _, err := Restore(t.Context(), path, file, clock.Now, true); !errors.Is(err, kinds[name]) {
				t.Errorf("%v, want %v", err, kinds[name])
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
