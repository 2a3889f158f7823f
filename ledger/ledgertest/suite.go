// Package ledgertest is the suite every ledger passes. It comes in tiers, each with a ledger of its own: opening,
// leases, compare-and-swap, words, pairs, chains, calls, inventory, outbox, many goroutines at once, and random histories compared with a
// model that fits on a page. It moves time itself, and never waits.
package ledgertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quarterturn/rotator"
	"quarterturn/secret"
)

// Open returns a new, empty ledger whose only clock is now, and closes it with the test.
type Open func(t *testing.T, now func() time.Time) rotator.Ledger

// Run runs every tier.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, tier := range []struct {
		name string
		run  func(w *world)
	}{
		{"opening", opening},
		{"opening leaves nothing behind when it fails", openingFails},
		{"ready", ready},
		{"claim and lease", leases},
		{"record compares and swaps", swaps},
		{"record keeps what it was given", keeps},
		{"record is all or nothing", atomic},
		{"record opens burials", burials},
		{"words", words},
		{"a word is heard although a pass is at work", wordsDuringPass},
		{"waivers", waivers},
		{"keep", keep},
		{"keep refuses", keepRefuses},
		{"keep old", keepOld},
		{"pairs", pairs},
		{"pairs keep what was proven", deadPairs},
		{"find", find},
		{"adopt", adopt},
		{"sealed", sealed},
		{"chains", chains},
		{"calls", calls},
		{"inventory", inventory},
		{"an older look stores nothing", judged},
		{"a change has the age judged again", stirred},
		{"one journey takes over from another", superseding},
		{"retiring", retiring},
		{"epochs", epochs},
		{"skew", skew},
		{"outbox", outbox},
		{"one claim wins", manyClaims},
		{"no event is lost", manyEvents},
		{"one opens, one keeps", manyOpens},
		{"random histories", histories},
	} {
		t.Run(tier.name, func(t *testing.T) {
			clock := NewClock()
			tier.run(&world{T: t, ctx: t.Context(), ledger: open(t, clock.Now), clock: clock})
		})
	}
}

// Clock is a clock that only Advance moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts on the first day of 2026.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)} }

// Now is the clock as a ledger takes it.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const (
	owner = "worker one"
	ttl   = 2 * time.Minute
)

// world is one ledger under test.
type world struct {
	*testing.T
	ctx    context.Context
	ledger rotator.Ledger
	clock  *Clock
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("unexpected error: %v", err)
	}
}

func (w *world) want(err, target error) {
	w.Helper()
	if !errors.Is(err, target) {
		w.Fatalf("error is %v, want %v", err, target)
	}
}

func (w *world) refused(err error, what string) {
	w.Helper()
	if err == nil {
		w.Fatalf("%s was taken", what)
	}
}

func (w *world) same(what string, got, want any) {
	w.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		w.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// journey is a routine rotation that is ready now.
func (w *world) journey(id rotator.ID, credential string) rotator.Rotation {
	now := w.clock.Now()
	return rotator.Rotation{ID: id, Credential: credential, Lane: rotator.Routine, State: rotator.AwaitingKey,
		OpenedAt: now, EnteredAt: now, NextAt: now, Why: "76 days old; the policy rotates at 75 days"}
}

func (w *world) burial(id rotator.ID, credential string, pair rotator.PairID) rotator.Rotation {
	r := w.journey(id, credential)
	r.Lane, r.State, r.Old = rotator.Burial, rotator.AwaitingRevocation, pair
	return r
}

func (w *world) open(r rotator.Rotation) {
	w.Helper()
	w.must(w.ledger.Open(w.ctx, r, event("opened")))
}

func (w *world) claim(id rotator.ID) rotator.Rotation {
	w.Helper()
	r, err := w.ledger.Claim(w.ctx, id, owner, ttl)
	w.must(err)
	return r
}

func (w *world) record(c rotator.Change) int64 {
	w.Helper()
	rev, err := w.ledger.Record(w.ctx, c)
	w.must(err)
	return rev
}

// end closes a rotation that nobody holds.
func (w *world) end(id rotator.ID) {
	w.Helper()
	r := w.claim(id)
	r.State = rotator.Closed
	w.record(rotator.Change{Rotation: r, Events: []rotator.Event{event("moved")}, Release: true})
}

func (w *world) ready() []rotator.ID {
	w.Helper()
	ids, err := w.ledger.Ready(w.ctx, w.clock.Now(), 100)
	w.must(err)
	return ids.Rotations
}

// stored reads one rotation back without claiming it.
func (w *world) stored(id rotator.ID) rotator.Rotation {
	w.Helper()
	all, err := w.ledger.Rotations(w.ctx, "")
	w.must(err)
	for _, r := range all {
		if r.ID == id {
			return r
		}
	}
	w.Fatalf("rotation %s is not stored", id)
	return rotator.Rotation{}
}

func (w *world) pair(credential string, id rotator.PairID) rotator.Pair {
	w.Helper()
	all, err := w.ledger.Pairs(w.ctx, credential)
	w.must(err)
	for _, p := range all {
		if p.ID == id {
			return p
		}
	}
	w.Fatalf("pair %s is not stored", id)
	return rotator.Pair{}
}

func (w *world) events(id rotator.ID) []rotator.Event {
	w.Helper()
	all, err := w.ledger.Events(w.ctx, id)
	w.must(err)
	return all
}

func event(kind string) rotator.Event {
	return rotator.Event{Kind: kind, Who: "quarterturn", Text: "it happened"}
}

// candidate is a pair with prints of its own and made-up ciphertext.
func (w *world) candidate(credential string, id rotator.PairID) rotator.Pair {
	s := secret.Sealed("ciphertext of " + string(id))
	return rotator.Pair{ID: id, Credential: credential, Environment: "production", Life: rotator.Candidate,
		Created: w.clock.Now().Add(-time.Hour), CreatedBy: "vendor", Fragment: "ab12", BornAt: w.clock.Now(),
		Prints: secret.Prints{"@k1": "whole " + string(id), "key@k1": "key " + string(id), "secret@k1": "secret " + string(id)},
		Sealed: s, Digest: s.Digest(), Organisation: "Acme"}
}

func submitted(id rotator.ID, p rotator.PairID) rotator.Word {
	return rotator.Word{Rotation: id, Kind: rotator.Submitted, Who: "ada", Pair: p}
}
