package kill

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // leases are looked up, never changed
)

const (
	stopped = 143 // the exit code of a command that a signal ended in order
	loading = -1  // it was still being loaded, and ended by the signal itself
)

// alone raises one world for a test, with its watcher, and lets what was wrong fail the test.
func alone(t *testing.T, bin, dir string, seed uint64) *person {
	t.Helper()
	w, err := raise(dir, bin, seed, newLives(2), newTally())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() { w.watch(ctx) })
	t.Cleanup(func() {
		cancel()
		watch.Wait()
		if err := w.close(); err != nil {
			t.Error(err)
		}
		for _, what := range w.violations() {
			t.Error(what)
		}
	})
	return &person{world: w, todo: lanes(w)}
}

// TestSignals: SIGTERM and SIGINT at random moments end every command in order, with 143 unless it was done before, and no
// lease is left behind.
func TestSignals(t *testing.T) {
	count := 3
	if os.Getenv("QUARTERTURN_KILL") == "all" {
		count = 200
	}
	dir := filepath.Join(t.TempDir(), "world")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := alone(t, program.path(t), dir, 1)
	began, ended := 0, map[int]int{}
	struck := func(stdin string, args ...string) outcome {
		began++
		b := blow{signal: []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}[began%2]}
		p.locked(func() { b.after = p.lives.draw(args[0], p.random) })
		if began%4 == 0 { // what is never measured is never known
			b.signal = 0
		}
		o := p.run(stdin, b, args)
		if ended[o.code]++; o.code == stopped || o.code == loading {
			p.unleased(o)
		}
		return o
	}
	for deadline := time.Now().Add(10 * time.Minute); ended[stopped] < count && time.Now().Before(deadline); {
		if st, ok := p.status(); ok {
			p.act(st, struck)
		}
		if o := struck("", "run"); o.code != 0 && o.code != 1 && o.code != stopped && o.code != loading {
			p.violation("run: exit code %d: %s", o.code, o.said)
		}
	}
	p.settle(recovery)
	if say("%d of %d commands were stopped in order by SIGTERM or SIGINT, and %d while they were loaded; by exit code: %v", ended[stopped],
		began, ended[loading], ended); ended[stopped] < count {
		t.Errorf("%d commands were stopped, and not %d", ended[stopped], count)
	}
}

// unleased: whoever was stopped in order holds nothing any more.
func (w *world) unleased(o outcome) {
	if held, err := w.leases("lease_until > ?"); err != nil || held > 0 {
		w.violation("%s was stopped and left %d leases (%v): %s", o.verb, held, err, o.said)
	}
}

// leases counts the rotations whose lease_until is so, seen from now.
func (w *world) leases(where string) (n int, err error) {
	db, err := sql.Open("sqlite", "file:"+w.path("quarterturn.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRow("SELECT count(*) FROM rotations WHERE "+where, time.Now().UnixNano()).Scan(&n)
	return n, err
}
