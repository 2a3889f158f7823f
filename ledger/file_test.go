package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
)

func TestFilesAreOursAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "50%? of #1")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	clock := ledgertest.NewClock()
	l := openAt(t, filepath.Join(folder, "ledger.db"), clock.Now, Options{})
	story(t, l, clock)
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 3 {
		t.Fatalf("files are %v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

// TestCloseLeavesOneFile also covers reopening: everything is in it.
func TestCloseLeavesOneFile(t *testing.T) {
	clock := ledgertest.NewClock()
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openAt(t, path, clock.Now, Options{})
	story(t, l, clock)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(path + "-*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if r := verify(t, openAt(t, path, clock.Now, Options{})); !r.OK() || r.Events != 4 {
		t.Errorf("report is %+v", r)
	}
}

// TestCloseBesideAnotherProcess empties the log although somebody else has the file open.
func TestCloseBesideAnotherProcess(t *testing.T) {
	clock := ledgertest.NewClock()
	path := filepath.Join(t.TempDir(), "ledger.db")
	first, _ := openAt(t, path, clock.Now, Options{}), openAt(t, path, clock.Now, Options{})
	story(t, first, clock)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() != 0 {
		t.Errorf("the log is %v, %v", info, err)
	}
}

func TestWipeLeavesNoCiphertext(t *testing.T) {
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	story(t, l, clock)
	if !held(t, l, "ciphertext that must go away") {
		t.Fatal("the ciphertext is nowhere before the wipe: this test sees nothing")
	}
	r, err := l.Claim(t.Context(), "r1", "worker", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	all, err := l.Pairs(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	all[0].Sealed = nil
	if _, err := l.Record(t.Context(), rotator.Change{Rotation: r, Pairs: all, Release: true}); err != nil {
		t.Fatal(err)
	}
	if held(t, l, "ciphertext that must go away") {
		t.Error("ciphertext is left in the file or its log")
	}
}

// held reports whether any of the ledger's files contains s.
func held(t *testing.T, l *SQLite, s string) bool {
	t.Helper()
	files, _ := filepath.Glob(l.path + "*")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(s)) {
			return true
		}
	}
	return false
}

func TestOptionsRefuse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	for _, o := range []Options{{KeepCalls: 30*day - 1}, {KeepCalls: -1}, {Wait: -1}, {Gap: -1}, {Failing: -1}, {Window: -1}} {
		if _, err := OpenSQLite(t.Context(), path, ledgertest.NewClock().Now, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was created all the same")
	}
	openAt(t, path, ledgertest.NewClock().Now, Options{KeepCalls: 30 * day})
}

// TestOpeningRefuses checks what is refused, in which words, and that the file is left as it was.
func TestOpeningRefuses(t *testing.T) {
	for _, c := range []struct {
		what string
		make func(t *testing.T, path string)
		kind error
		says string
	}{
		{"text", func(t *testing.T, path string) { put(t, path, strings.Repeat("not a database\n", 100), 0o600) },
			ErrForeign, "It was not changed"},
		{"another program's database", foreign, ErrForeign, "Mend `ledger`"},
		{"a newer schema", newer, ErrNewer, "this program knows 2"},
		{"a cut file", cut, ErrDamaged, "restore it from a backup"},
		{"everybody's file", func(t *testing.T, path string) { put(t, path, "", 0o644) }, nil, "chmod 600"},
		{"a folder", func(t *testing.T, path string) { _ = os.Mkdir(path, 0o700) }, nil, "not a regular file"},
		{"no folder", func(t *testing.T, path string) { _ = os.Remove(filepath.Dir(path)) }, nil, "folder does not exist"},
	} {
		t.Run(c.what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sub", "ledger.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			c.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := OpenSQLite(t.Context(), path, ledgertest.NewClock().Now, Options{})
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Fatalf("error is %v, want %v", err, c.kind)
			}
			if !strings.HasPrefix(err.Error(), "ledger "+path) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error says %q", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func newer(t *testing.T, path string) {
	l := openAt(t, path, ledgertest.NewClock().Now, Options{})
	must(t, l, `INSERT INTO quarterturn_schema (version_id, is_applied) VALUES (99, 1)`)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// cut leaves half of a first page, as a copy that was broken off does.
func cut(t *testing.T, path string) {
	newer(t, path)
	if err := os.Truncate(path, 50); err != nil {
		t.Fatal(err)
	}
}

func foreign(t *testing.T, path string) {
	newer(t, path)
	l := &SQLite{path: path}
	db := rawDB(t, path)
	defer func() { _ = db.Close() }()
	l.db = db
	must(t, l, `ALTER TABLE quarterturn_schema RENAME TO something_else`)
}

// TestFaults provokes what a disk and other processes do, and checks kind, words, and that nothing was recorded.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		what  string
		spoil func(t *testing.T, l *SQLite)
		kind  error
	}{
		{"locked", lock, ErrLocked},
		{"read-only", func(t *testing.T, l *SQLite) { must(t, l, `PRAGMA query_only(ON)`) }, ErrReadOnly},
		{"full", func(t *testing.T, l *SQLite) { must(t, l, `PRAGMA max_page_count(1)`) }, ErrFull},
	} {
		t.Run(c.what, func(t *testing.T) {
			clock := ledgertest.NewClock()
			l := openAt(t, filepath.Join(t.TempDir(), "ledger.db"), clock.Now, Options{Wait: time.Millisecond})
			story(t, l, clock)
			c.spoil(t, l)
			long := rotator.Word{Credential: "one", Text: strings.Repeat("long ", 10000)}
			_, err := l.Say(t.Context(), long, rotator.Event{Kind: "said"})
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), "Nothing was recorded") ||
				strings.Contains(err.Error(), "SQL") {
				t.Errorf("error is %v, want %v", err, c.kind)
			}
			if r := verify(t, l); !r.OK() || r.Events != 4 {
				t.Errorf("report is %+v", r)
			}
		})
	}
}

func lock(t *testing.T, l *SQLite) {
	db := rawDB(t, l.path)
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
}

// TestDamage overwrites the middle of the file: some read must notice, and say what to do.
func TestDamage(t *testing.T) {
	clock := ledgertest.NewClock()
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openAt(t, path, clock.Now, Options{})
	story(t, l, clock)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[4096:], bytes.Repeat([]byte{0xa5}, len(b)-4096))
	put(t, path, string(b), 0o600)
	err = damaged(t.Context(), path, clock)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "restore it from a backup") ||
		!strings.Contains(err.Error(), "ledger "+path) {
		t.Errorf("error is %v", err)
	}
}

func damaged(ctx context.Context, path string, clock *ledgertest.Clock) error {
	l, err := OpenSQLite(ctx, path, clock.Now, Options{})
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	r, err := l.Verify(ctx)
	if err == nil {
		return fmt.Errorf("it was read: %+v", r)
	}
	return err
}

// TestOpenedTogether starts like many pods at once on a file that is not there yet.
func TestOpenedTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	clock := ledgertest.NewClock()
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			l, err := OpenSQLite(t.Context(), path, clock.Now, Options{})
			if err == nil {
				_, err = l.Say(t.Context(), rotator.Word{Credential: "one"}, rotator.Event{Kind: "said"})
				err = errors.Join(err, l.Close())
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, openAt(t, path, clock.Now, Options{})); !r.OK() || r.Events != len(errs) {
		t.Errorf("report is %+v", r)
	}
}

// TestOpenSweepsWhatKilledMakersLeft: half a ledger, and a second name of the whole one.
func TestOpenSweepsWhatKilledMakersLeft(t *testing.T) {
	folder := t.TempDir()
	path, clock := filepath.Join(folder, "ledger.db"), ledgertest.NewClock()
	half := []string{path + ".new-1", path + ".new-1-wal", path + ".new-1-shm", path + ".new-2-journal"}
	for _, name := range append(half, filepath.Join(folder, "other.db.new-1")) {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := openAt(t, path, clock.Now, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, path+".new-3"); err != nil {
		t.Fatal(err)
	}
	l := openAt(t, path, clock.Now, Options{})
	story(t, l, clock)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if all, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(all) != 2 {
		t.Errorf("in the folder: %v, %v", all, err)
	}
}
