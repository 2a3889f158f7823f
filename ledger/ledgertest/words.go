package ledgertest

import (
	"time"

	"quarterturn/rotator"
)

func (w *world) say(word rotator.Word) int64 {
	w.Helper()
	seq, err := w.ledger.Say(w.ctx, word, event("said"))
	w.must(err)
	return seq
}

func kinds(words []rotator.Word) []rotator.WordKind {
	var all []rotator.WordKind
	for _, word := range words {
		all = append(all, word.Kind)
	}
	return all
}

func words(w *world) {
	r := w.journey("r1", "one")
	r.NextAt = w.clock.Now().Add(time.Hour)
	w.open(r)
	w.open(w.journey("r2", "two"))
	w.end("r2")
	w.same("before anything is said", len(w.ready()), 0)
	first := w.say(rotator.Word{Rotation: "r1", Kind: rotator.Approved, Who: "ada", Text: "fine", Spec: "spec"})
	w.same("a word wakes", w.ready(), []rotator.ID{"r1"})
	w.clock.Advance(time.Second)
	second := w.say(rotator.Word{Rotation: "r1", Kind: rotator.RollBack, Who: "bob"})
	if second <= first {
		w.Fatalf("sequence %d follows %d", second, first)
	}
	got := w.claim("r1")
	w.same("unheard words, in order", kinds(got.Words), []rotator.WordKind{rotator.Approved, rotator.RollBack})
	w.same("a word as it was said", got.Words[0], rotator.Word{Seq: first, Credential: "one", Rotation: "r1",
		Kind: rotator.Approved, Who: "ada", At: w.clock.Now().Add(-time.Second), Text: "fine", Spec: "spec"})
	got.Facts.Heard = first
	w.record(rotator.Change{Rotation: got, Release: true})
	w.same("after the first was heard", kinds(w.claim("r1").Words), []rotator.WordKind{rotator.RollBack})
	all, err := w.ledger.Words(w.ctx, "one")
	w.must(err)
	w.same("everything said", kinds(all), []rotator.WordKind{rotator.Approved, rotator.RollBack})
	w.same("the trail", len(w.events("r1")), 3)
	for _, id := range []rotator.ID{"nobody", "r2"} {
		_, err = w.ledger.Say(w.ctx, rotator.Word{Rotation: id, Kind: rotator.Resume, Who: "ada"}, event("said"))
		w.want(err, rotator.ErrNotFound)
	}
}

func wordsDuringPass(w *world) {
	w.open(w.journey("r1", "one"))
	r := w.claim("r1")
	w.say(rotator.Word{Rotation: "r1", Kind: rotator.RollBack, Who: "ada"})
	end := r
	end.State = rotator.Closed
	_, err := w.ledger.Record(w.ctx, rotator.Change{Rotation: end, Release: true})
	w.want(err, rotator.ErrStale)
	r.NextAt = w.clock.Now().Add(time.Hour)
	r.Rev = w.record(rotator.Change{Rotation: r, Lease: ttl})
	w.record(rotator.Change{Rotation: r, Release: true})
	w.same("the word keeps it awake", w.ready(), []rotator.ID{"r1"})
	r = w.claim("r1")
	w.same("and is heard", kinds(r.Words), []rotator.WordKind{rotator.RollBack})
	r.Facts.Heard, r.NextAt = r.Words[0].Seq, w.clock.Now().Add(time.Hour)
	w.record(rotator.Change{Rotation: r, Release: true})
	w.same("then it sleeps", len(w.ready()), 0)
	w.end("r1")
}

func waivers(w *world) {
	r := w.journey("r1", "one")
	r.NextAt = w.clock.Now().Add(24 * time.Hour)
	w.open(r)
	now := w.clock.Now()
	waive := func(credential, target string, lasts time.Duration) {
		w.Helper()
		w.say(rotator.Word{Credential: credential, Kind: rotator.WaiveIt, Who: "ada", Target: target, Expires: now.Add(lasts)})
	}
	waive("one", "consumer:app", time.Hour)
	w.same("a waiver on the credential wakes", w.ready(), []rotator.ID{"r1"})
	waive("one", "tenant", 3*time.Hour)
	waive("two", "rollback", 3*time.Hour)
	r = w.claim("r1")
	w.same("live waivers", targets(r.Words), []string{"consumer:app", "tenant"})
	r.Facts.Heard = r.Words[1].Seq
	w.record(rotator.Change{Rotation: r, Release: true})
	w.clock.Advance(time.Hour)
	w.same("one expired; the other is live although it was heard", targets(w.claim("r1").Words), []string{"tenant"})
	w.same("the trail of the credential", len(w.events("credential:one")), 2)
	_, err := w.ledger.Say(w.ctx, rotator.Word{Kind: rotator.WaiveIt, Who: "ada"})
	w.refused(err, "a word on nothing")
}

func targets(words []rotator.Word) []string {
	var all []string
	for _, word := range words {
		all = append(all, word.Target)
	}
	return all
}
