package httpx

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// LaterError says that no call was made because one is not allowed yet.
type LaterError struct {
	At  time.Time // when it is free again, UTC
	Why string    // value-free, one phrase
}

func (e *LaterError) Error() string {
	return fmt.Sprintf("no call was made: %s; due again at %s", e.Why, e.At.UTC().Format(time.RFC3339))
}

// Due is At: callers that must not know this package find it by assertion.
func (e *LaterError) Due() time.Time { return e.At }

// Budget is asked before every call and told after it. It needs no type of this package, so that a store shared by
// several workers can be one.
type Budget interface {
	// Take asks for one call with a key pair, named by a non-secret id, to a host. A zero time: go ahead, the call is
	// counted. Otherwise nothing was counted and one may ask again at free. An error: the budget cannot say, make no
	// call.
	Take(ctx context.Context, key, host string) (free time.Time, err error)
	// Done ends a call that Take allowed; failing says that the host refused the pair.
	Done(ctx context.Context, key, host string, failing bool) error
	// Silence keeps every key from calling host until then, because the host asked for it. An earlier end than the one
	// known changes nothing.
	Silence(ctx context.Context, host string, until time.Time) error
}

// Limits are what a budget holds to. A zero field takes ProbeLimits' value.
type Limits struct {
	PerSecond float64       // calls per key and host
	Failing   int           // failing calls per key, over all hosts, within Window
	Window    time.Duration //
}

// ProbeLimits are those of smoke calls: one a second, three failing in ten minutes.
func ProbeLimits() Limits { return Limits{PerSecond: 1, Failing: 3, Window: 10 * time.Minute} }

// NewBudget returns a budget for one process, kept in memory. It is safe for concurrent use.
func NewBudget(l Limits, now func() time.Time) Budget {
	fallback := ProbeLimits()
	if l.PerSecond <= 0 {
		l.PerSecond = fallback.PerSecond
	}
	if l.Failing <= 0 {
		l.Failing = fallback.Failing
	}
	if l.Window <= 0 {
		l.Window = fallback.Window
	}
	return &memory{limits: l, now: now, last: map[target]time.Time{}, keys: map[string]*record{}, silent: map[string]time.Time{}}
}

type target struct{ key, host string }

// record is what one key did. A call under way may still fail, so it counts as failing until Done says otherwise.
type record struct {
	failed  []time.Time // oldest first
	pending int
}

type memory struct {
	limits Limits
	now    func() time.Time
	mu     sync.Mutex
	last   map[target]time.Time
	keys   map[string]*record
	silent map[string]time.Time // by host
}

func (m *memory) Take(ctx context.Context, key, host string) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now, at := m.now(), target{key, host}
	m.forget(now)
	free := later(m.rate(at, now), m.failures(key, now))
	if until := m.silent[host]; until.After(now) {
		free = later(free, until)
	}
	if !free.IsZero() {
		return free, nil
	}
	m.last[at] = now
	m.record(key).pending++
	return time.Time{}, nil
}

func (m *memory) Done(_ context.Context, key, _ string, failing bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.record(key)
	r.pending = max(0, r.pending-1)
	if failing {
		r.failed = append(r.failed, m.now())
	}
	return nil
}

func (m *memory) Silence(_ context.Context, host string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silent[host] = later(m.silent[host], until)
	return nil
}

func (m *memory) record(key string) *record {
	if m.keys[key] == nil {
		m.keys[key] = &record{}
	}
	return m.keys[key]
}

func (m *memory) interval() time.Duration {
	return time.Duration(float64(time.Second) / m.limits.PerSecond)
}

// rate treats a last call in the near future like one in the past: clocks step back a little. A far one is a clock
// that was set, and is ignored rather than waited for.
func (m *memory) rate(at target, now time.Time) time.Time {
	last, known := m.last[at]
	if known && now.Sub(last).Abs() < m.interval() {
		return last.Add(m.interval())
	}
	return time.Time{}
}

func (m *memory) failures(key string, now time.Time) time.Time {
	r := m.keys[key]
	switch {
	case r == nil || len(r.failed)+r.pending < m.limits.Failing:
		return time.Time{}
	case len(r.failed) >= m.limits.Failing:
		return r.failed[len(r.failed)-m.limits.Failing].Add(m.limits.Window)
	}
	return now.Add(m.interval())
}

// forget drops what no longer counts, so that a long-lived process does not remember every key it ever tried.
func (m *memory) forget(now time.Time) {
	for at, last := range m.last {
		if now.Sub(last) >= m.limits.Window+m.interval() {
			delete(m.last, at)
		}
	}
	for key, r := range m.keys {
		for len(r.failed) > 0 && now.Sub(r.failed[0]) >= m.limits.Window {
			r.failed = r.failed[1:]
		}
		if len(r.failed)+r.pending == 0 {
			delete(m.keys, key)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
