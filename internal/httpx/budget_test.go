package httpx

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type stub struct{ at time.Time }

func (s *stub) now() time.Time { return s.at }

func newStub() *stub { return &stub{time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)} }

func take(t *testing.T, b Budget, key, host string) time.Time {
	t.Helper()
	free, err := b.Take(t.Context(), key, host)
	if err != nil {
		t.Fatal(err)
	}
	return free
}

func TestBudgetAllowsOneCallASecondPerKeyAndHost(t *testing.T) {
	c := newStub()
	b := NewBudget(Limits{}, c.now)
	if free := take(t, b, "a", "x"); !free.IsZero() {
		t.Fatalf("first: %v", free)
	}
	c.at = c.at.Add(300 * time.Millisecond)
	if free := take(t, b, "a", "x"); !free.Equal(c.at.Add(700 * time.Millisecond)) {
		t.Errorf("same second: %v", free)
	}
	if !take(t, b, "a", "y").IsZero() || !take(t, b, "b", "x").IsZero() {
		t.Error("another host or key was held up")
	}
	c.at = c.at.Add(700 * time.Millisecond)
	if free := take(t, b, "a", "x"); !free.IsZero() {
		t.Errorf("a second later: %v", free)
	}
}

func TestBudgetAllowsThreeFailingCallsInTenMinutesOverAllHosts(t *testing.T) {
	c := newStub()
	b, start := NewBudget(ProbeLimits(), c.now), c.at
	for i := range 3 {
		if free := take(t, b, "a", string(rune('x'+i))); !free.IsZero() {
			t.Fatalf("call %d: %v", i, free)
		}
		if err := b.Done(t.Context(), "a", "x", true); err != nil {
			t.Fatal(err)
		}
		c.at = c.at.Add(time.Minute)
	}
	if free := take(t, b, "a", "x"); !free.Equal(start.Add(10 * time.Minute)) {
		t.Errorf("fourth: free at %v", free)
	}
	if !take(t, b, "b", "x").IsZero() {
		t.Error("another key was held up")
	}
	c.at = start.Add(10 * time.Minute)
	if free := take(t, b, "a", "x"); !free.IsZero() {
		t.Errorf("after the window: %v", free)
	}
}

func TestBudgetCountsCallsUnderWayAsFailing(t *testing.T) {
	c := newStub()
	b := NewBudget(Limits{}, c.now)
	for range 3 {
		take(t, b, "a", "x")
		c.at = c.at.Add(time.Second)
	}
	if free := take(t, b, "a", "x"); !free.After(c.at) {
		t.Errorf("a fourth call beside three open ones: %v", free)
	}
	_ = b.Done(t.Context(), "a", "x", false)
	if free := take(t, b, "a", "x"); !free.IsZero() {
		t.Errorf("after a good end: %v", free)
	}
}

func TestBudgetIgnoresALargeStepOfTheClock(t *testing.T) {
	c := newStub()
	b := NewBudget(Limits{}, c.now)
	take(t, b, "a", "x")
	c.at = c.at.Add(-time.Hour)
	if free := take(t, b, "a", "x"); !free.IsZero() {
		t.Errorf("held up until %v", free)
	}
}

func TestBudgetAnswersNothingWhenStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewBudget(Limits{}, newStub().now).Take(ctx, "a", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBudgetForgets(t *testing.T) {
	c := newStub()
	b := NewBudget(Limits{}, c.now).(*memory)
	for i := range 100 {
		key := strings.Repeat("k", i+1)
		take(t, b, key, "x")
		_ = b.Done(t.Context(), key, "x", true)
	}
	c.at = c.at.Add(time.Hour)
	take(t, b, "a", "x")
	if len(b.last) != 1 || len(b.keys) != 1 {
		t.Errorf("%d calls and %d keys remembered", len(b.last), len(b.keys))
	}
}

func TestBudgetIsSafeForConcurrentUse(t *testing.T) {
	b := NewBudget(Limits{}, newStub().now)
	var allowed sync.Map
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if free, err := b.Take(t.Context(), "a", "x"); err == nil && free.IsZero() {
				allowed.Store(i, true)
			}
		})
	}
	all.Wait()
	n := 0
	allowed.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d calls allowed in one moment", n)
	}
}

// I-17: whatever the order of asking and ending, never two calls of one key to one host in a second, and never more
// than three failing ones in ten minutes.
func TestI17BudgetHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newStub()
		b := NewBudget(ProbeLimits(), c.now)
		calls, failed := map[target][]time.Time{}, map[string][]time.Time{}
		var open []target
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			c.at = c.at.Add(time.Duration(rapid.IntRange(0, 90_000).Draw(t, "ms")) * time.Millisecond)
			at := target{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "host")}
			if free, _ := b.Take(t.Context(), at.key, at.host); free.IsZero() {
				calls[at], open = append(calls[at], c.at), append(open, at)
			} else if !free.After(c.at) {
				t.Fatalf("refused now, but free at %v", free)
			}
			if len(open) > 0 && rapid.Bool().Draw(t, "end") {
				bad := rapid.Bool().Draw(t, "failing")
				_ = b.Done(t.Context(), open[0].key, open[0].host, bad)
				if bad {
					failed[open[0].key] = append(failed[open[0].key], c.at)
				}
				open = open[1:]
			}
		}
		for at, times := range calls {
			spaced(t, at.key+at.host, times, 1, time.Second)
		}
		for key, times := range failed {
			spaced(t, key, times, 3, 10*time.Minute)
		}
	})
}

func spaced(t *rapid.T, who string, times []time.Time, most int, window time.Duration) {
	for i := most; i < len(times); i++ {
		if times[i].Sub(times[i-most]) < window {
			t.Fatalf("%s: more than %d within %v", who, most, window)
		}
	}
}

func TestLaterErrorSaysWhen(t *testing.T) {
	err := &LaterError{At: newStub().at, Why: "the budget is used up"}
	if got := err.Error(); got != "no call was made: the budget is used up; due again at 2026-11-23T10:00:00Z" {
		t.Error(got)
	}
	if !err.Due().Equal(err.At) {
		t.Errorf("due at %v", err.Due())
	}
}
