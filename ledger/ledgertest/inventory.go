package ledgertest

import (
	"time"

	"quarterturn/notify"
	"quarterturn/rotator"
)

func (w *world) agenda() rotator.Agenda {
	w.Helper()
	a, err := w.ledger.Ready(w.ctx, w.clock.Now(), 100)
	w.must(err)
	return a
}

func (w *world) items(names ...string) []rotator.Item {
	w.Helper()
	all, err := w.ledger.Inventory(w.ctx, names...)
	w.must(err)
	return all
}

func (w *world) item(credential string, look time.Duration) rotator.Item {
	return rotator.Item{Credential: credential, State: rotator.IsListed, Digest: "of " + credential,
		Parts: map[string]string{"places.env": "1"}, LookAt: w.clock.Now().Add(look)}
}

func inventory(w *world) {
	w.same("an empty ledger's agenda", w.agenda(), rotator.Agenda{})
	due, later := w.item("due", 0), w.item("later", time.Hour)
	gone := w.item("gone", 0)
	gone.State = rotator.Vanished
	chain := rotator.ID("credential:due")
	w.must(w.ledger.Stock(w.ctx, rotator.Stock{Digest: "all of it", Items: []rotator.Item{later, due, gone},
		Events: []rotator.Event{{Rotation: chain, Kind: "configured", Text: "it is in the configuration"}}}))
	w.same("the inventory, by name", w.items(), []rotator.Item{due, gone, later})
	w.same("one of it", w.items("later"), []rotator.Item{later})
	w.same("events of it", len(w.events(chain)), 1)
	a := w.agenda()
	w.same("due", []any{a.Credentials, a.Vanished, a.Inventory, a.Newest.Equal(w.clock.Now())},
		[]any{[]string{"due"}, []string{"gone"}, "all of it", true})
	w.clock.Advance(time.Hour)
	w.same("time passes", w.agenda().Credentials, []string{"due", "later"})
}

// judged: what was judged by a look that has been overtaken is not stored, nor what it would have said.
func judged(w *world) {
	i := w.item("one", 0)
	seen := map[string]time.Time{"one": i.LookAt}
	w.must(w.ledger.Stock(w.ctx, rotator.Stock{Items: []rotator.Item{i}}))
	i.LookAt, i.Reminded = w.clock.Now().Add(30*24*time.Hour), "2026-03-01 7d"
	say := []notify.Message{{ID: "m1", Kind: notify.Reminder, Credential: "one"}}
	w.must(w.ledger.Stock(w.ctx, rotator.Stock{Items: []rotator.Item{i}, Seen: seen, Messages: say}))
	w.same("stored", w.items("one"), []rotator.Item{i})
	i.Reminded = "overtaken"
	w.must(w.ledger.Stock(w.ctx, rotator.Stock{Items: []rotator.Item{i}, Seen: seen, Messages: say}))
	w.same("not stored by an older look", w.items("one")[0].Reminded, "2026-03-01 7d")
	w.same("messages", len(w.parcels()), 1)
}

// stirred: whatever changes a credential's pairs, or ends its rotation, has its age judged again.
func stirred(w *world) {
	rest := func() {
		w.clock.Advance(time.Minute)
		w.must(w.ledger.Stock(w.ctx, rotator.Stock{Items: []rotator.Item{w.item("one", time.Hour), w.item("two", time.Hour)}}))
		w.same("at rest", len(w.agenda().Credentials), 0)
	}
	rest()
	w.must(w.ledger.Adopt(w.ctx, rotator.Pair{ID: "p1", Credential: "one", Life: rotator.Current}))
	w.same("after adopt", w.agenda().Credentials, []string{"one"})
	rest()
	w.open(w.journey("r1", "one"))
	r := w.claim("r1")
	w.record(rotator.Change{Rotation: r, Release: true})
	w.same("a rotation goes on", len(w.agenda().Credentials), 0)
	w.end("r1")
	w.same("a rotation ended", w.agenda().Credentials, []string{"one"})
}

// superseding: one journey ends and another opens in one transaction.
func superseding(w *world) {
	w.open(w.journey("r1", "one"))
	r := w.claim("r1")
	next := w.journey("r2", "one")
	next.Lane = rotator.Compromised
	_, err := w.ledger.Record(w.ctx, rotator.Change{Rotation: r, Opens: []rotator.Rotation{next}, Lease: ttl})
	w.want(err, rotator.ErrOpen)
	r.State = rotator.Abandoned
	w.record(rotator.Change{Rotation: r, Opens: []rotator.Rotation{next, w.burial("b1", "one", "p1")}, Release: true,
		Events: []rotator.Event{event("moved")}})
	w.same("one ended", w.stored("r1").State, rotator.Abandoned)
	w.same("the other is open", w.stored("r2").Lane, rotator.Compromised)
	w.same("it has a trail", len(w.events("r2")), 1)
}

// retiring is part of the record that ends the journey.
func retiring(w *world) {
	w.must(w.ledger.Stock(w.ctx, rotator.Stock{Items: []rotator.Item{w.item("one", time.Hour)}}))
	r := w.journey("r1", "one")
	r.Lane = rotator.Retire
	w.open(r)
	r = w.claim("r1")
	r.State = rotator.Closed
	w.record(rotator.Change{Rotation: r, Retires: true, Events: []rotator.Event{event("moved")}})
	w.same("the inventory says so", w.items("one")[0].State, rotator.Retired)
	w.clock.Advance(2 * time.Hour)
	w.same("its age is not judged", len(w.agenda().Credentials), 0)
}

// epochs are counted over all of a credential's rotations, burials included.
func epochs(w *world) {
	w.open(w.journey("r1", "one"))
	w.open(w.burial("b1", "one", "p1"))
	w.open(w.journey("r2", "two"))
	for i, id := range []rotator.ID{"r1", "b1"} {
		w.same("epoch of "+string(id), w.claim(id).Epoch, int64(i+1))
	}
	w.same("another credential's", w.claim("r2").Epoch, int64(1))
	w.clock.Advance(ttl)
	w.same("after a lease was over", w.claim("r1").Epoch, int64(3))
	w.end("b1")
	w.clock.Advance(ttl)
	w.end("r1")
	w.open(w.journey("r3", "one"))
	if got := w.claim("r3").Epoch; got <= 3 {
		w.Fatalf("a later rotation's epoch is %d", got)
	}
}

func (w *world) parcels() []rotator.Parcel {
	w.Helper()
	all, err := w.ledger.Outbox(w.ctx, w.clock.Now(), 100)
	w.must(err)
	return all
}

// outbox: a message is there with the record that says it, and stays until it is over.
func outbox(w *world) {
	w.open(w.journey("r1", "one"))
	r := w.claim("r1")
	m := notify.Message{ID: "m1", At: w.clock.Now(), Kind: notify.Waits, Credential: "one", What: "a person is asked", To: []string{"o@x.example"}}
	w.record(rotator.Change{Rotation: r, Messages: []notify.Message{m}, Lease: ttl})
	_, err := w.ledger.Record(w.ctx, rotator.Change{Rotation: r, Messages: []notify.Message{{ID: "m2"}}})
	w.want(err, rotator.ErrStale)
	all := w.parcels()
	w.same("messages", len(all), 1)
	w.same("the message", all[0].Message, m)
	w.same("the agenda says so", w.agenda().Parcels, true)
	p := all[0]
	p.Done, p.Tries, p.NextAt, p.Trouble = []string{"mail"}, 1, w.clock.Now().Add(time.Minute), "the other did not answer"
	w.must(w.ledger.Posted(w.ctx, p))
	w.same("not before its time", len(w.parcels()), 0)
	w.same("nor in the agenda", w.agenda().Parcels, false)
	w.clock.Advance(time.Minute)
	w.same("again", w.parcels(), []rotator.Parcel{p})
	p.Over = true
	w.must(w.ledger.Posted(w.ctx, p))
	w.clock.Advance(24 * time.Hour)
	w.same("over", len(w.parcels()), 0)
}

// skew: a vendor's clock that is far from ours is kept in mind until it answers with another time.
func skew(w *world) {
	call := func(id string, ahead time.Duration) {
		c := rotator.Call{ID: id, Credential: "one"}
		c.Reading.At, c.Reading.ServerTime = w.clock.Now(), w.clock.Now().Add(ahead)
		w.must(w.ledger.Log(w.ctx, c))
	}
	for i, ahead := range []time.Duration{10 * time.Minute, 0, -time.Hour, rotator.ClockTolerance} {
		call("c"+string(rune('0'+i)), ahead)
		want := ahead
		if ahead.Abs() <= rotator.ClockTolerance {
			want = 0
		}
		w.same("skew after "+ahead.String(), w.agenda().Skew, want)
	}
}
