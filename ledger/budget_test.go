package ledger

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
)

// It is a budget of internal/httpx, which it cannot name.
var _ interface {
	Take(ctx context.Context, key, host string) (free time.Time, err error)
	Done(ctx context.Context, key, host string, failing bool) error
} = (*SQLite)(nil)

// budget is a ledger whose Take is asked with expectations.
type budget struct {
	*testing.T
	l     *SQLite
	clock *ledgertest.Clock
}

func (b budget) take(key, host string, wait time.Duration) {
	b.Helper()
	free, err := b.l.Take(b.Context(), key, host)
	var want time.Time
	if wait > 0 {
		want = b.clock.Now().Add(wait)
	}
	if err != nil || !free.Equal(want) {
		b.Fatalf("free at %v, %v; want %v", free, err, want)
	}
}

func (b budget) done(key, host string, failing bool) {
	b.Helper()
	if err := b.l.Done(b.Context(), key, host, failing); err != nil {
		b.Fatal(err)
	}
}

func newBudget(t *testing.T) budget {
	clock := ledgertest.NewClock()
	return budget{T: t, l: open(t, clock.Now), clock: clock}
}

func TestBudgetOneCallASecond(t *testing.T) {
	b := newBudget(t)
	b.take("k", "a", 0)
	b.take("k", "a", time.Second)
	b.take("k", "b", 0)
	b.take("other", "a", 0)
	b.done("k", "a", false)
	b.clock.Advance(time.Second - 1)
	b.take("k", "a", 1)
	b.clock.Advance(1)
	b.take("k", "a", 0)
}

func TestBudgetThreeFailing(t *testing.T) {
	b := newBudget(t)
	for range 3 {
		b.take("k", "a", 0)
		b.done("k", "a", true)
		b.clock.Advance(time.Minute)
	}
	b.take("k", "b", 7*time.Minute)
	b.take("other", "a", 0)
	b.clock.Advance(7 * time.Minute)
	b.take("k", "a", 0)
	b.done("k", "a", true)
	b.clock.Advance(time.Second)
	b.take("k", "a", time.Minute-time.Second)
}

// TestBudgetCountsCallsUnderWay: three that may still fail leave no room for a fourth; a process that died with one
// gives it back after a minute.
func TestBudgetCountsCallsUnderWay(t *testing.T) {
	b := newBudget(t)
	for range 3 {
		b.take("k", "a", 0)
		b.clock.Advance(time.Second)
	}
	b.take("k", "a", 57*time.Second)
	b.done("k", "a", false)
	b.take("k", "a", 0)
	b.clock.Advance(time.Minute)
	b.take("k", "a", 0)
	b.done("k", "a", true)
	b.done("k", "a", true)
	b.done("k", "a", true)
	b.clock.Advance(time.Second)
	b.take("k", "a", 10*time.Minute-time.Second)
}

func TestBudgetClockSetBack(t *testing.T) {
	b := newBudget(t)
	b.take("k", "a", 0)
	b.clock.Advance(-time.Minute)
	b.take("k", "a", time.Minute+time.Second)
	b.clock.Advance(-9 * time.Minute)
	b.take("k", "a", 10*time.Minute+time.Second)
	b.clock.Advance(-1)
	b.take("k", "a", 0)
}

// budgetOf has other numbers than usual.
func budgetOf(t *testing.T, o Options) budget {
	clock := ledgertest.NewClock()
	return budget{T: t, l: openAt(t, filepath.Join(t.TempDir(), "ledger.db"), clock.Now, o), clock: clock}
}

// TestBudgetGapBeyondTheWindow: a call is remembered for as long as the next one has to wait, however it ended.
func TestBudgetGapBeyondTheWindow(t *testing.T) {
	b := budgetOf(t, Options{Gap: 20 * time.Minute})
	b.take("k", "a", 0)
	b.done("k", "a", false)
	b.clock.Advance(15 * time.Minute)
	b.take("k", "a", 5*time.Minute)
}

// TestBudgetForgetsInTime: a call without an answer counts for a minute and no longer, and a fine one not at all.
func TestBudgetForgetsInTime(t *testing.T) {
	b := budgetOf(t, Options{Failing: 1})
	b.take("k", "a", 0)
	b.clock.Advance(time.Minute - 1)
	b.take("k", "b", 1)
	b.clock.Advance(1)
	b.take("k", "b", 0)
	b.done("k", "b", false)
	b.take("k", "c", 0)
}

// TestBudgetEndsTheOldestCall, and of what counts the n-th to end decides, in whatever order it began.
func TestBudgetEndsTheOldestCall(t *testing.T) {
	b := budgetOf(t, Options{Failing: 2})
	b.take("k", "a", 0)
	b.clock.Advance(time.Second)
	b.take("k", "a", 0)
	b.done("k", "a", false)
	b.clock.Advance(time.Second)
	b.take("k", "a", 0)
	b.clock.Advance(time.Second)
	b.take("k", "a", 58*time.Second)
	b = budgetOf(t, Options{Failing: 2})
	b.take("k", "a", 0)
	b.clock.Advance(time.Second)
	b.take("k", "b", 0)
	b.done("k", "b", false)
	b.take("k", "c", 0)
	b.take("k", "d", 59*time.Second)
	b = newBudget(t)
	b.take("k", "a", 0)
	b.done("k", "a", true)
	for range 2 {
		b.clock.Advance(time.Second)
		b.take("k", "a", 0)
	}
	b.clock.Advance(time.Second)
	b.take("k", "a", 58*time.Second)
}

// TestSilence: a host that asked for it is left alone until then, by every key; the later end counts, and no other host
// is concerned.
func TestSilence(t *testing.T) {
	b := newBudget(t)
	silence := func(host string, d time.Duration) {
		allRight(t, b.l.Silence(t.Context(), host, b.clock.Now().Add(d)))
	}
	silence("a", time.Minute)
	silence("b", time.Hour)
	b.take("k", "a", time.Minute)
	b.take("other", "a", time.Minute)
	b.take("k", "c", 0)
	silence("a", time.Second)
	b.take("k", "a", time.Minute)
	silence("a", 2*time.Minute)
	b.take("k", "a", 2*time.Minute)
	b.clock.Advance(2*time.Minute - 1)
	b.take("k", "a", 1)
	b.clock.Advance(1)
	b.take("k", "a", 0)
	silence("c", time.Second)
	var rows int
	err := b.l.db.QueryRowContext(t.Context(), `SELECT count(*) FROM silences`).Scan(&rows)
	if err != nil || rows != 2 {
		t.Errorf("%d silences are kept, %v; want those of b and c", rows, err)
	}
}

// TestBudgetIsShared asks from several processes' ledgers at once, and leaves a small table.
func TestBudgetIsShared(t *testing.T) {
	clock := ledgertest.NewClock()
	path := filepath.Join(t.TempDir(), "ledger.db")
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		l := openAt(t, path, clock.Now, Options{})
		for range 4 {
			wg.Go(func() {
				free, err := l.Take(t.Context(), "k", "a")
				if err != nil {
					t.Error(err)
				}
				if err == nil && free.IsZero() {
					allowed.Add(1)
				}
			})
		}
	}
	wg.Wait()
	if allowed.Load() != 1 {
		t.Errorf("%d calls allowed, want 1", allowed.Load())
	}
	b := budget{T: t, l: openAt(t, path, clock.Now, Options{}), clock: clock}
	for range 30 {
		b.clock.Advance(time.Second)
		b.take("busy", "a", 0)
		b.done("busy", "a", false)
	}
	var rows int
	if err := b.l.db.QueryRowContext(t.Context(), `SELECT count(*) FROM probes`).Scan(&rows); err != nil || rows > 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
