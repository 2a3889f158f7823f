package ledgertest

import (
	"time"

	"quarterturn/backends"
	"quarterturn/rotator"
)

func opening(w *world) {
	w.open(w.journey("r1", "one"))
	w.want(w.ledger.Open(w.ctx, w.journey("r2", "one"), event("opened")), rotator.ErrOpen)
	w.open(w.journey("r3", "two"))
	w.open(w.burial("b1", "one", "p1"))
	w.open(w.burial("b2", "one", "p2"))
	w.want(w.ledger.Open(w.ctx, w.burial("b3", "one", "p1"), event("opened")), rotator.ErrOpen)
	w.end("r1")
	w.open(w.journey("r4", "one"))
	w.end("b1")
	w.open(w.burial("b4", "one", "p1"))
	got := w.stored("r4")
	w.same("a new rotation's rev and epoch", []int64{got.Rev, got.Epoch}, []int64{1, 0})
	all, err := w.ledger.Rotations(w.ctx, "one")
	w.must(err)
	var ids []rotator.ID
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	w.same("rotations, oldest first", ids, []rotator.ID{"r1", "b1", "b2", "r4", "b4"})
}

func openingFails(w *world) {
	w.open(w.journey("r1", "one"))
	w.want(w.ledger.Open(w.ctx, w.journey("r2", "one"), event("opened")), rotator.ErrOpen)
	w.refused(w.ledger.Open(w.ctx, w.journey("r1", "two"), event("opened")), "the same id twice")
	all, err := w.ledger.Rotations(w.ctx, "")
	w.must(err)
	w.same("rotations", len(all), 1)
	w.same("events of what was not opened", len(w.events("r2")), 0)
	w.same("events of what was opened", len(w.events("r1")), 1)
}

func ready(w *world) {
	w.same("an empty ledger", len(w.ready()), 0)
	now := w.clock.Now()
	for id, next := range map[rotator.ID]time.Duration{"late": -time.Hour, "now": 0, "soon": time.Second, "later": time.Hour} {
		r := w.journey(id, "credential "+string(id))
		r.NextAt = now.Add(next)
		w.open(r)
	}
	w.same("oldest first, due only", w.ready(), []rotator.ID{"late", "now"})
	w.clock.Advance(time.Second)
	w.same("time passes", w.ready(), []rotator.ID{"late", "now", "soon"})
	first, err := w.ledger.Ready(w.ctx, w.clock.Now(), 1)
	w.must(err)
	w.same("limited", first.Rotations, []rotator.ID{"late"})
	w.claim("late")
	w.end("now")
	w.same("neither leased nor ended", w.ready(), []rotator.ID{"soon"})
	w.clock.Advance(ttl)
	w.same("an expired lease", w.ready(), []rotator.ID{"late", "soon"})
}

func leases(w *world) {
	w.open(w.journey("r1", "one"))
	first := w.claim("r1")
	w.same("epoch of the first claim", first.Epoch, int64(1))
	_, err := w.ledger.Claim(w.ctx, "r1", "worker two", ttl)
	w.want(err, rotator.ErrHeld)
	_, err = w.ledger.Claim(w.ctx, "r1", owner, ttl)
	w.want(err, rotator.ErrHeld)
	w.clock.Advance(ttl - 1)
	_, err = w.ledger.Claim(w.ctx, "r1", "worker two", ttl)
	w.want(err, rotator.ErrHeld)
	w.clock.Advance(1)
	second, err := w.ledger.Claim(w.ctx, "r1", "worker two", ttl)
	w.must(err)
	w.same("epoch and rev of the second claim", []int64{second.Epoch, second.Rev}, []int64{2, 1})
	_, err = w.ledger.Record(w.ctx, rotator.Change{Rotation: first})
	w.want(err, rotator.ErrStale)
	w.record(rotator.Change{Rotation: second, Release: true})
	w.same("epoch after a release", w.claim("r1").Epoch, int64(3))
	_, err = w.ledger.Claim(w.ctx, "nobody", owner, ttl)
	w.want(err, rotator.ErrNotFound)
	w.open(w.journey("r2", "two"))
	w.end("r2")
	_, err = w.ledger.Claim(w.ctx, "r2", owner, ttl)
	w.want(err, rotator.ErrNotFound)
}

func swaps(w *world) {
	w.open(w.journey("r1", "one"))
	r := w.claim("r1")
	stale := func(what string, r rotator.Rotation) {
		w.Helper()
		before, events := w.stored("r1"), w.events("r1")
		r.Why = what
		_, err := w.ledger.Record(w.ctx, rotator.Change{Rotation: r, Events: []rotator.Event{event(what)},
			Pairs: []rotator.Pair{w.candidate("one", "p1")}, Opens: []rotator.Rotation{w.burial("b1", "one", "p9")}})
		w.want(err, rotator.ErrStale)
		w.same(what+": the rotation", w.stored("r1"), before)
		w.same(what+": its trail", w.events("r1"), events)
		left, err := w.ledger.Pairs(w.ctx, "one")
		w.must(err)
		w.same(what+": pairs", len(left), 0)
	}
	other := r
	other.Rev++
	stale("a rev that is not there yet", other)
	other = r
	other.Epoch--
	stale("an older epoch", other)
	old := r
	r.Rev = w.record(rotator.Change{Rotation: r, Events: []rotator.Event{event("looked")}, Lease: ttl})
	w.same("the new rev", r.Rev, int64(2))
	stale("an older rev", old)
	w.clock.Advance(ttl)
	stale("an expired lease", r)
	r = w.claim("r1")
	r.State = rotator.Abandoned
	r.Rev = w.record(rotator.Change{Rotation: r, Lease: ttl})
	r.State = rotator.DueState
	stale("an ended rotation", r)
	gone := r
	gone.ID = "nobody"
	_, err := w.ledger.Record(w.ctx, rotator.Change{Rotation: gone})
	w.refused(err, "a record of a rotation that is not there")
}

func keeps(w *world) {
	w.open(w.journey("r1", "one"))
	r := w.claim("r1")
	now := w.clock.Now()
	r.State, r.Old, r.New, r.Spec = rotator.Staged, "p0", "p1", "spec"
	r.EnteredAt, r.NextAt, r.Why, r.Command = now, now.Add(time.Hour), "it waits", "quarterturn run"
	r.Facts = rotator.Facts{Heard: 3, OldDead: true, Wrote: true, Preflight: now, Misses: 2,
		Places:  map[string]rotator.PlaceFact{"env": {Pair: "p1", Grade: backends.ReadBack, Since: now}},
		Triples: []rotator.Triple{{At: now, Host: "api.example", Old: "401"}},
		Revoked: &rotator.Word{Seq: 2, Kind: rotator.RevokedIt, Who: "ada", At: now},
		Intent:  &rotator.Intent{Do: "put", Target: "env", Pair: "p1", At: now}}
	rev := w.record(rotator.Change{Rotation: r, Events: []rotator.Event{event("moved")}, Lease: 10 * time.Minute})
	r.Rev, r.Words = rev, nil
	w.same("what was recorded", w.stored("r1"), r)
	w.clock.Advance(ttl + time.Second)
	_, err := w.ledger.Claim(w.ctx, "r1", "worker two", ttl)
	w.want(err, rotator.ErrHeld)
	w.clock.Advance(8 * time.Minute)
	again := w.claim("r1")
	r.Epoch++
	w.same("what the next claim gets", again, r)
	again.Credential, again.Lane, again.OpenedAt = "two", rotator.Burial, now.Add(time.Hour)
	w.record(rotator.Change{Rotation: again, Release: true})
	got := w.stored("r1")
	w.same("what no record changes", []any{got.Credential, got.Lane, got.OpenedAt}, []any{"one", rotator.Routine, r.OpenedAt})
}

func atomic(w *world) {
	w.open(w.journey("r1", "one"))
	w.open(w.burial("b1", "one", "p1"))
	r := w.claim("r1")
	before := w.stored("r1")
	r.State = rotator.Closed
	_, err := w.ledger.Record(w.ctx, rotator.Change{Rotation: r, Events: []rotator.Event{event("moved")},
		Pairs: []rotator.Pair{w.candidate("one", "p1")}, Opens: []rotator.Rotation{w.burial("b2", "one", "p1")}})
	w.want(err, rotator.ErrOpen)
	w.same("the rotation", w.stored("r1"), before)
	w.same("its trail", len(w.events("r1")), 1)
	left, err := w.ledger.Pairs(w.ctx, "")
	w.must(err)
	w.same("pairs", len(left), 0)
}

func burials(w *world) {
	w.open(w.journey("r1", "one"))
	r := w.claim("r1")
	r.State = rotator.Abandoned
	p := w.candidate("one", "p1")
	p.Life = rotator.Orphan
	w.record(rotator.Change{Rotation: r, Events: []rotator.Event{event("moved")}, Pairs: []rotator.Pair{p},
		Opens: []rotator.Rotation{w.burial("b1", "one", "p1")}, Release: true})
	b := w.stored("b1")
	w.same("the burial", []any{b.Rev, b.Epoch, b.Old, b.Lane}, []any{int64(1), int64(0), rotator.PairID("p1"), rotator.Burial})
	trail := w.events("b1")
	w.same("events of the burial", len(trail), 1)
	w.same("its first event", trail[0].Kind, "opened")
	w.same("what is ready", w.ready(), []rotator.ID{"b1"})
}
