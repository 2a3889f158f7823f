package ledgertest

import (
	"strconv"
	"time"

	"quarterturn/rotator"
	"quarterturn/vendors"
)

// checkChain is what every reader of a trail may rely on.
func (w *world) checkChain(id rotator.ID) []rotator.Event {
	w.Helper()
	events := w.events(id)
	prev := ""
	for i, e := range events {
		if e.Rotation != id || e.Seq != int64(i)+1 || e.Prev != prev || len(e.Hash) != 64 || e.At.IsZero() {
			w.Fatalf("chain %s, event %d is not linked: %+v", id, i+1, e)
		}
		prev = e.Hash
	}
	return events
}

func chains(w *world) {
	w.open(w.journey("r2", "one"))
	w.say(rotator.Word{Credential: "one", Kind: rotator.WaiveIt, Who: "ada", Expires: w.clock.Now().Add(time.Hour)})
	w.open(w.journey("r1", "two"))
	r := w.claim("r2")
	full := rotator.Event{Rotation: "r2", At: w.clock.Now().Add(-time.Minute), Kind: "moved", Who: "ada",
		From: rotator.AwaitingKey, To: rotator.Received, Text: "it went on", Data: map[string]string{"b": "2", "a": "1"}}
	odd := rotator.Event{Kind: "odd", Text: "a\xffb\x00c", Data: map[string]string{"k\xff": "<&>\xfe\xfd"}}
	w.record(rotator.Change{Rotation: r, Events: []rotator.Event{full, odd, event("last")}, Release: true})
	got := w.checkChain("r2")
	w.same("events in order", len(got), 4)
	full.Seq, full.Prev, full.Hash = 2, got[0].Hash, got[1].Hash
	w.same("an event as it was given", got[1], full)
	hashes := map[string]bool{}
	for _, id := range []rotator.ID{"r2", "credential:one", "r1"} {
		for _, e := range w.checkChain(id) {
			hashes[e.Hash] = true
		}
	}
	w.same("different events have different hashes", len(hashes), 6)
	ids, err := w.ledger.Chains(w.ctx)
	w.must(err)
	w.same("chains, oldest first", ids, []rotator.ID{"r2", "credential:one", "r1"})
	w.same("no such chain", len(w.events("nobody")), 0)
	r = w.claim("r2")
	elsewhere := event("elsewhere")
	elsewhere.Rotation = "r1"
	_, err = w.ledger.Record(w.ctx, rotator.Change{Rotation: r, Events: []rotator.Event{elsewhere}})
	w.refused(err, "an event on another rotation's chain")
	w.same("that chain", len(w.checkChain("r1")), 1)
}

func calls(w *world) {
	call := func(i int, credential string) rotator.Call {
		return rotator.Call{ID: "call" + strconv.Itoa(i), Credential: credential, Pair: "p1", Reading: vendors.Reading{
			Verdict: vendors.Refused, Host: "api.example", Method: "GET", Path: "/v1/accounts", Status: 401, Code: "E-401",
			TraceID: "trace", RequestID: "request", Latency: 12345 * time.Microsecond, At: w.clock.Now(),
			ServerTime: w.clock.Now().Truncate(time.Second), Subjects: []string{"s1", "s2"}, Remaining: -1, Why: "revoked"}}
	}
	one, two, three := call(1, "one"), call(2, "two"), call(3, "one")
	three.Pair, three.Reading = "", vendors.Reading{Why: "broken \xff\xfe text", Remaining: -1}
	for _, c := range []rotator.Call{one, two, three} {
		w.must(w.ledger.Log(w.ctx, c))
	}
	got, err := w.ledger.Calls(w.ctx, "one")
	w.must(err)
	w.same("calls", len(got), 2)
	w.same("a call as it was logged", got[0], one)
	w.same("digests", []string{rotator.Digest(got[0]), rotator.Digest(got[1])},
		[]string{rotator.Digest(one), rotator.Digest(three)})
	w.want(w.ledger.Log(w.ctx, one), rotator.ErrExists)
}
