package ledger

import (
	"errors"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// care is a ledger with a current pair and one open rotation, claimed.
func care(t *testing.T) (*SQLite, *ledgertest.Clock, rotator.Rotation) {
	t.Helper()
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.Adopt(t.Context(), rotator.Pair{ID: "p1", Credential: "c", Life: rotator.Current, Sealed: secret.Sealed("one"),
		Prints: secret.Prints{"@k1": "aa"}}))
	must(l.Open(t.Context(), rotator.Rotation{ID: "r1", Credential: "c", Lane: rotator.Routine, State: rotator.DueState, Old: "p1",
		NextAt: clock.Now().Add(400 * 24 * time.Hour)}, rotator.Event{Kind: "opened"}))
	r, err := l.Claim(t.Context(), "r1", "w", time.Minute)
	must(err)
	return l, clock, r
}

// TestMend ends a rotation under a lease, and whoever held it finds out.
func TestMend(t *testing.T) {
	l, clock, r := care(t)
	ends := r
	ends.State = rotator.Abandoned
	m := rotator.Mend{Credential: "c", Epoch: 41, Ends: &ends, Pairs: []rotator.Pair{{ID: "p1", Credential: "c", Life: rotator.Orphan},
		{ID: "p2", Credential: "c", Life: rotator.Current}},
		Opens:  []rotator.Rotation{{ID: "b1", Credential: "c", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: "p1"}},
		Events: []rotator.Event{{Kind: "reconciled"}, {Rotation: "r1", Kind: "moved"}}}
	stale := m
	older := ends
	older.Rev--
	stale.Ends = &older
	if err := l.Mend(t.Context(), stale); !errors.Is(err, rotator.ErrStale) {
		t.Fatalf("by an older row: %v", err)
	}
	if epoch, _ := l.Epoch(t.Context(), "c"); epoch != 1 {
		t.Errorf("a refused mend left epoch %d", epoch)
	}
	if err := l.Mend(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record(t.Context(), rotator.Change{Rotation: r}); !errors.Is(err, rotator.ErrStale) {
		t.Errorf("who held the lease: %v", err)
	}
	b, err := l.Claim(t.Context(), "b1", "w", time.Minute)
	if err != nil || b.Epoch != 42 {
		t.Errorf("the next claim: %d, %v", b.Epoch, err)
	}
	m.Ends, m.Pairs, m.Opens, m.Epoch, m.Events = nil, nil, nil, 7, nil
	if err := l.Mend(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if epoch, _ := l.Epoch(t.Context(), "c"); epoch != 42 {
		t.Errorf("lowered to %d", epoch)
	}
	if r := verify(t, l); !r.OK() {
		t.Errorf("%+v at %v", r, clock.Now())
	}
}

// TestRenew changes seal and prints, and nothing that a pass has recorded meanwhile.
func TestRenew(t *testing.T) {
	l, _, _ := care(t)
	was := secret.Sealed("one").Digest()
	p := rotator.Pair{ID: "p1", Life: rotator.Dead, Sealed: secret.Sealed("two"), Prints: secret.Prints{"@k2": "bb"}}
	if err := l.Renew(t.Context(), p, "another"); !errors.Is(err, rotator.ErrStale) {
		t.Errorf("by another digest: %v", err)
	}
	if err := l.Renew(t.Context(), p, was, rotator.Event{Kind: "sealed again"}); err != nil {
		t.Fatal(err)
	}
	all, err := l.Pairs(t.Context(), "c")
	if err != nil || all[0].Life != rotator.Current || string(all[0].Sealed) != "two" || len(all[0].Prints) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	p.Sealed = nil
	if err := l.Renew(t.Context(), p, secret.Sealed("two").Digest()); err != nil {
		t.Fatal(err)
	}
	if s, err := l.Sealed(t.Context(), "p1"); err != nil || len(s) > 0 {
		t.Errorf("given up: %v, %v", s, err)
	}
	if r := verify(t, l); !r.OK() {
		t.Errorf("%+v", r)
	}
}

// TestSettleClock: what a wrong clock put off comes back, and the newest event is one of the right clock.
func TestSettleClock(t *testing.T) {
	l, clock, r := care(t)
	r.NextAt = clock.Now().Add(400 * 24 * time.Hour)
	if _, err := l.Record(t.Context(), rotator.Change{Rotation: r, Release: true, Behind: true,
		Events: []rotator.Event{{Kind: "trouble", At: r.NextAt}}}); err != nil {
		t.Fatal(err)
	}
	a, err := l.Ready(t.Context(), clock.Now(), 9)
	if err != nil || !a.Restored || !a.Newest.After(clock.Now()) || len(a.Rotations) != 0 {
		t.Fatalf("before: %+v, %v", a, err)
	}
	if err := l.Settle(t.Context(), rotator.Event{Rotation: "ledger", Kind: "reconciled"}, true); err != nil {
		t.Fatal(err)
	}
	a, err = l.Ready(t.Context(), clock.Now(), 9)
	if err != nil || a.Restored || a.Newest.After(clock.Now()) || len(a.Rotations) != 1 {
		t.Errorf("after: %+v, %v", a, err)
	}
}

// TestMendEndsOneOnly: another rotation of the credential that has the same Rev goes on.
func TestMendEndsOneOnly(t *testing.T) {
	l, _, r := care(t)
	allRight(t, l.Open(t.Context(), rotator.Rotation{ID: "b1", Credential: "c", Lane: rotator.Burial, State: rotator.AwaitingRevocation, Old: "x"}))
	r.State = rotator.Abandoned
	allRight(t, l.Mend(t.Context(), rotator.Mend{Credential: "c", Ends: &r}))
	if _, err := l.Claim(t.Context(), "b1", "w", time.Minute); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

// TestSettleClockLeavesWhatIsRight: leases and silences of an hour, calls of this moment, what ended, and what comes after
// as many events as need two digits.
func TestSettleClockLeavesWhatIsRight(t *testing.T) {
	l, clock, r := care(t)
	ctx, now := t.Context(), clock.Now()
	_, err := l.Record(ctx, rotator.Change{Rotation: r, Lease: time.Hour})
	allRight(t, err, l.Silence(ctx, "h", now.Add(time.Hour)), l.Open(ctx, rotator.Rotation{ID: "over", Credential: "d", Lane: rotator.Routine,
		State: rotator.Closed, NextAt: now.Add(day)}))
	_, err = l.Take(ctx, "k", "a")
	allRight(t, err)
	for range 11 {
		allRight(t, l.Settle(ctx, rotator.Event{Rotation: "ledger", At: now.Add(day)}, false))
	}
	allRight(t, l.Settle(ctx, rotator.Event{Rotation: "ledger", At: now.Add(day)}, true))
	_, claimed := l.Claim(ctx, "r1", "another", time.Minute)
	silent, err1 := l.Take(ctx, "k", "h")
	soon, err2 := l.Take(ctx, "k", "a")
	agenda, err3 := l.Ready(ctx, now, 9)
	all, err4 := l.Rotations(ctx, "d")
	allRight(t, err1, err2, err3, err4)
	if !errors.Is(claimed, rotator.ErrHeld) || !silent.Equal(now.Add(time.Hour)) || !soon.Equal(now.Add(time.Second)) || !agenda.Newest.IsZero() {
		t.Errorf("claim: %v, silent until %s, free at %s, newest event %s", claimed, silent, soon, agenda.Newest)
	}
	if !all[0].NextAt.Equal(now.Add(day)) {
		t.Errorf("what ended was changed: %+v", all[0])
	}
}
