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
	b.clock.Advance(-day)
	b.take("k", "a", 0)
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
