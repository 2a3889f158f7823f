package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quarterturn/rotator"
)

// spoilt is one way a ledger's file can be no good.
type spoilt struct {
	name  string
	spoil func(t *testing.T, path string)
	code  int
	says  string
}

// spoiltLines are the command lines that a spoilt ledger is tried with: every one that opens it in its own way.
func spoiltLines() [][]string {
	return [][]string{{"status"}, {"run"}, {"submit", demoName}, {"audit", "verify"}, {"evidence", demoName}, {"check"}, {"plan"},
		{"abandon", demoName, "--reason", "a test"}, {"config", "show"}, {"ledger", "backup", "--file", "copy.db"}, {"ledger", "reconcile"},
		{"rotate", demoName, "--no-wait"}}
}

// spoken runs one command line beside others, and returns its exit code and what it said on one line.
func spoken(b *bench, stdin string, args ...string) (int, string) {
	var said bytes.Buffer
	w := b.w
	w.in, w.out, w.err = strings.NewReader(stdin), &said, &said
	for i, arg := range args {
		if arg == "copy.db" {
			args[i] = b.path(arg)
		}
	}
	code := (&app{w: w, wi: b.o.Wiring}).run(b.ctx, append([]string{"--config", b.path("quarterturn.yaml"), "--as", b.as}, args...))
	return code, strings.Join(strings.Fields(said.String()), " ")
}

// asking is a bench that awaits a key, with a ledger that nobody holds open, and the bytes of it.
func asking(t *testing.T) (*bench, []byte) {
	t.Helper()
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.fresh = b.create()
	b.must(closeShop(b.stage))
	data, err := os.ReadFile(b.path("quarterturn.db"))
	b.must(err)
	return b, data
}

func handed(b *bench) string {
	return fmt.Sprintf("BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", b.fresh.Key, b.fresh.Secret)
}

// TestSpoiltLedger: every command says what the file is, ends with the right code, and leaves every byte as it was.
func TestSpoiltLedger(t *testing.T) {
	for _, c := range []spoilt{
		{"not a database", overwritten(0, 1<<20), exitStop, "not a quarterturn ledger"},
		{"its first page is damaged", overwritten(0, 4096), exitStop, "first page is damaged"},
		{"cut in the first page", cutAt(1000), exitStop, "damaged"},
		{"cut in the middle", cutAt(5 * 4096), exitStop, "the file is damaged"},
		{"everything behind the first page", overwritten(4096, 1<<20), exitStop, "the file is damaged"},
		{"a newer schema", statement("INSERT INTO quarterturn_schema (version_id, is_applied) VALUES (99, 1)"), exitStop, "a newer quarterturn has written it"},
		{"another program's", statement("ALTER TABLE quarterturn_schema RENAME TO something_else"), exitStop, "not a quarterturn ledger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, whole := asking(t)
			path := b.path("quarterturn.db")
			c.spoil(t, path)
			before, err := os.ReadFile(path)
			b.must(err)
			if bytes.Equal(before, whole) {
				t.Fatal("nothing was spoilt")
			}
			for _, args := range spoiltLines() {
				code, said := spoken(b, handed(b), args...)
				if args[0] == "config" {
					continue // opens no ledger
				}
				if code != c.code || !strings.Contains(said, c.says) {
					t.Errorf("%v: exit code %d, want %d and %q: %s", args, code, c.code, c.says, said)
				}
				if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
					t.Fatalf("%v changed the file (%v)", args, err)
				}
			}
			if c.name != "another program's" { // a look at its WAL leaves an empty one: SQLite can't remove what it may not write
				alone(b)
			}
			b.must(os.WriteFile(path, whole, 0o600))
			goesOn(b)
		})
	}
}

// alone: nothing was left beside the ledger.
func alone(b *bench) {
	b.t.Helper()
	all, err := filepath.Glob(b.path("*.db*"))
	b.must(err)
	if len(all) != 1 {
		b.t.Errorf("left beside the ledger: %v", all)
	}
}

// goesOn takes the pair in and plays to the end.
func goesOn(b *bench) {
	b.t.Helper()
	b.must(b.reopen(b.ctx))
	b.is(rotator.AwaitingKey, "")
	b.submits(exitDone, b.fresh, portal()...)
	b.closes()
	b.does(exitDone, "audit", "verify")
}

func overwritten(from, length int) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i < min(from+length, len(data)); i++ {
			data[i] ^= 0xa5
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func cutAt(size int64) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
}

func statement(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSpoiltPage turns the bits of every third page: audit verify sees each, whoever else meets it says that the file
// is damaged, and nobody fails in another way.
func TestSpoiltPage(t *testing.T) {
	b, whole := asking(t)
	path := b.path("quarterturn.db")
	for from := 4096; from < len(whole); from += 3 * 4096 {
		for _, args := range [][]string{{"audit", "verify"}, {"status"}, {"evidence", demoName}} {
			b.must(os.WriteFile(path, whole, 0o600))
			overwritten(from, 4096)(t, path)
			code, said := spoken(b, "", args...)
			if code == exitDone && args[0] != "audit" {
				continue // it had no need of that page
			}
			if code != exitStop || !strings.Contains(said, "the file is damaged") {
				t.Errorf("page %d: %v: exit code %d: %s", from/4096+1, args, code, said)
			}
		}
	}
	b.must(os.WriteFile(path, whole, 0o600))
	goesOn(b)
}

// TestLockedLedger: another process holds the ledger for longer than a command waits. Who only reads needs no lock.
func TestLockedLedger(t *testing.T) {
	b, _ := asking(t)
	db, err := sql.Open("sqlite", b.path("quarterturn.db"))
	b.must(err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.ExecContext(b.ctx, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE quarterturn_schema SET is_applied = is_applied; COMMIT")
	b.must(err)
	before, err := os.ReadFile(b.path("quarterturn.db"))
	b.must(err)
	var all sync.WaitGroup
	for _, args := range spoiltLines() {
		all.Go(func() {
			code, said := spoken(b, handed(b), args...)
			if args[0] != "config" && (code != exitTransient || !strings.Contains(said, "another process is writing to it") ||
				!strings.Contains(said, "Run the same command again")) {
				t.Errorf("%v: exit code %d: %s", args, code, said)
			}
		})
	}
	all.Wait()
	if after, err := os.ReadFile(b.path("quarterturn.db")); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file was changed (%v)", err)
	}
	b.must(db.Close())
	goesOn(b)
}

// torn is one way in which a crash, or a disk, leaves a write-ahead log; whole says that nothing committed is in what went.
type torn struct {
	name  string
	spoil func(wal []byte) []byte
	whole bool
}

// TestSpoiltLog: whatever the write-ahead log is after a crash, the ledger is one that was committed, up to the first byte that
// is no good; what was committed before is there, and the rotation goes on.
func TestSpoiltLog(t *testing.T) {
	junk := bytes.Repeat([]byte{0xa5, 0x5a, 0x01}, 5000)
	for _, c := range []torn{
		{"as it was", func(wal []byte) []byte { return wal }, true},
		{"half a write behind the last", func(wal []byte) []byte { return append(wal, wal[32:1000]...) }, true},
		{"garbage behind the last", func(wal []byte) []byte { return append(wal, junk...) }, true},
		{"cut in the middle", func(wal []byte) []byte { return wal[:len(wal)/2] }, false},
		{"cut in its header", func(wal []byte) []byte { return wal[:20] }, false},
		{"garbage in the middle", func(wal []byte) []byte { copy(wal[len(wal)/2:], junk); return wal }, false},
		{"garbage", func([]byte) []byte { return junk }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := raise(t, stageOptions{})
			b.must(b.reopen(b.ctx)) // the adoption is in the file now
			b.to(rotator.AwaitingKey)
			db, wal := crashed(b)
			if len(wal) < 10000 {
				t.Fatal("nothing is in the log: this test sees nothing")
			}
			b.fresh = b.create()
			b.must(closeShop(b.stage))
			b.must(os.WriteFile(b.path("quarterturn.db"), db, 0o600))
			b.must(os.WriteFile(b.path("quarterturn.db-wal"), c.spoil(wal), 0o600))
			b.clock.advance(time.Hour) // the crash left a lease
			code, said := spoken(b, "", "status")
			if code != exitDone || !strings.Contains(said, "76d") || c.whole && !strings.Contains(said, "awaiting key") {
				t.Errorf("status: exit code %d: %s", code, said)
			}
			for _, args := range [][]string{{"audit", "verify"}, {"run"}, {"audit", "verify"}} {
				if code, said := spoken(b, "", args...); code != exitDone {
					t.Errorf("%v: exit code %d: %s", args, code, said)
				}
			}
			b.must(b.reopen(b.ctx))
			b.to(rotator.AwaitingKey)
			goesOn(b)
		})
	}
}

// TestGarbageLog: a log that is none of ours beside a ledger that was closed takes nothing away.
func TestGarbageLog(t *testing.T) {
	b, _ := asking(t)
	b.must(os.WriteFile(b.path("quarterturn.db-wal"), bytes.Repeat([]byte("no log\n"), 2000), 0o600))
	goesOn(b)
}

// crashed is the file and its log as a crash now would leave them.
func crashed(b *bench) (db, wal []byte) {
	db, err := os.ReadFile(b.path("quarterturn.db"))
	b.must(err)
	wal, err = os.ReadFile(b.path("quarterturn.db-wal"))
	b.must(err)
	return db, wal
}
