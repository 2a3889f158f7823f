package ledgertest

import (
	"context"
	"time"

	"quarterturn/rotator"
	"quarterturn/secret"
)

func (w *world) keep(id rotator.ID, p rotator.Pair) {
	w.Helper()
	w.must(w.ledger.Keep(w.ctx, p, submitted(id, p.ID), event("submitted")))
}

// change records pairs on a rotation that is otherwise left as it is.
func (w *world) change(id rotator.ID, p ...rotator.Pair) error {
	w.Helper()
	r := w.claim(id)
	_, err := w.ledger.Record(w.ctx, rotator.Change{Rotation: r, Pairs: p, Release: true})
	if err != nil {
		w.record(rotator.Change{Rotation: r, Release: true})
	}
	return err
}

func keep(w *world) {
	r := w.journey("r1", "one")
	r.NextAt = w.clock.Now().Add(time.Hour)
	w.open(r)
	p := w.candidate("one", "p1")
	w.keep("r1", p)
	w.same("the pair", w.pair("one", "p1"), p)
	w.same("it wakes", w.ready(), []rotator.ID{"r1"})
	got := w.claim("r1")
	w.same("its word", []any{got.Words[0].Kind, got.Words[0].Pair, got.Words[0].Credential},
		[]any{rotator.Submitted, rotator.PairID("p1"), "one"})
	w.same("the trail", len(w.events("r1")), 2)
}

func keepRefuses(w *world) {
	w.open(w.journey("r1", "one"))
	w.open(w.journey("r2", "two"))
	keep := func(id rotator.ID, p rotator.Pair) error {
		return w.ledger.Keep(w.ctx, p, submitted(id, p.ID), event("submitted"))
	}
	first := w.candidate("one", "p1")
	w.must(keep("r1", first))
	w.want(keep("r1", w.candidate("one", "p2")), rotator.ErrExists)
	stolen := w.candidate("two", "p3")
	stolen.Prints = first.Prints
	w.want(keep("r2", stolen), rotator.ErrExists)
	w.refused(keep("r2", w.candidate("one", "p4")), "a pair of another credential")
	w.want(keep("nobody", w.candidate("one", "p5")), rotator.ErrNotFound)
	all, err := w.ledger.Pairs(w.ctx, "")
	w.must(err)
	w.same("pairs", len(all), 1)
	said, err := w.ledger.Words(w.ctx, "one")
	w.must(err)
	w.same("words", len(said), 1)
	first, err = resealed(w, first, keep)
	w.must(err)

	first.Life, first.Sealed = rotator.Refused, nil
	w.must(w.change("r1", first))
	w.must(keep("r2", stolen))
	w.must(keep("r1", w.candidate("one", "p6")))
	r := w.claim("r2")
	r.State, stolen.Life = rotator.Received, rotator.Current
	w.record(rotator.Change{Rotation: r, Pairs: []rotator.Pair{stolen}, Release: true})
	w.want(keep("r2", w.candidate("two", "p7")), rotator.ErrExists)
	w.end("r2")
	w.want(keep("r2", w.candidate("two", "p8")), rotator.ErrExists)
}

// resealed: a candidate that comes in again is sealed again, without another word.
func resealed(w *world, p rotator.Pair, keep func(rotator.ID, rotator.Pair) error) (rotator.Pair, error) {
	p.Sealed = secret.Sealed("sealed again")
	p.Digest = p.Sealed.Digest()
	if err := keep("r1", p); err != nil {
		return p, err
	}
	w.same("sealed again", w.pair("one", p.ID), p)
	said, err := w.ledger.Words(w.ctx, "one")
	w.same("words", len(said), 1)
	return p, err
}

// keepOld: the pair in use comes in while the rotation is due, and no second one beside it.
func keepOld(w *world) {
	r := w.journey("r1", "one")
	r.State = rotator.DueState
	w.open(r)
	old := w.candidate("one", "p1")
	old.Life = rotator.Current
	word := submitted("r1", "p1")
	w.want(w.ledger.Keep(w.ctx, old, word, event("submitted")), rotator.ErrExists)
	word.Target = "old"
	w.must(w.ledger.Keep(w.ctx, old, word, event("submitted")))
	w.same("the pair", w.pair("one", "p1"), old)
	w.must(w.ledger.Keep(w.ctx, old, word, event("submitted")))
	other := w.candidate("one", "p2")
	other.Life = rotator.Current
	w.want(w.ledger.Keep(w.ctx, other, word, event("submitted")), rotator.ErrExists)
	w.same("its words", len(w.claim("r1").Words), 2)
}

func pairs(w *world) {
	w.open(w.journey("r1", "one"))
	w.open(w.journey("r2", "two"))
	one, two, other := w.candidate("one", "z"), w.candidate("one", "a"), w.candidate("two", "m")
	two.Life = rotator.Previous
	w.must(w.change("r1", one, two))
	w.must(w.change("r2", other))
	list := func(credential string) (ids []rotator.PairID) {
		all, err := w.ledger.Pairs(w.ctx, credential)
		w.must(err)
		for _, p := range all {
			ids = append(ids, p.ID)
		}
		return ids
	}
	w.same("oldest first", list("one"), []rotator.PairID{"z", "a"})
	w.same("all", list(""), []rotator.PairID{"z", "a", "m"})
	w.same("nobody's", len(list("three")), 0)
	one.Life, one.Sealed, one.EndedAt = rotator.Ended, nil, w.clock.Now()
	w.must(w.change("r1", one))
	w.same("a wiped pair keeps its digest", w.pair("one", "z"), one)
	w.same("order after a change", list("one"), []rotator.PairID{"z", "a"})
	one.Credential = "two"
	w.refused(w.change("r2", one), "a pair that moves to another credential")
	foreign := w.candidate("two", "n")
	w.refused(w.change("r1", foreign), "a pair of another credential")
	mistaken := w.candidate("one", "f")
	mistaken.Digest = "another"
	w.refused(w.change("r1", mistaken), "a digest that is not the ciphertext's")
}

// deadPairs is I-14.
func deadPairs(w *world) {
	w.open(w.journey("r1", "one"))
	p := w.candidate("one", "p1")
	p.Life = rotator.Dead
	w.must(w.change("r1", p))
	for _, life := range []rotator.Life{rotator.Candidate, rotator.Current, rotator.Previous, rotator.Refused, rotator.Ended,
		rotator.Lost, ""} {
		p.Life = life
		w.refused(w.change("r1", p), "a dead pair that becomes "+string(life))
		w.same("its life", w.pair("one", "p1").Life, rotator.Dead)
	}
	p.Life = rotator.Dead
	w.must(w.change("r1", p))
	p.Life = rotator.Orphan
	w.must(w.change("r1", p))

	p.Prints = secret.Prints{"@k2": "whole under a second key"}
	w.must(w.change("r1", p))
	w.same("prints are added to", len(w.pair("one", "p1").Prints), 4)
	p.Prints = secret.Prints{"@k2": "another"}
	w.refused(w.change("r1", p), "a changed print")
	w.same("the print", w.pair("one", "p1").Prints["@k2"], "whole under a second key")
	p.Prints, p.BornAt = nil, w.clock.Now().Add(time.Hour)
	w.must(w.change("r1", p))
	w.same("when it was first seen", w.pair("one", "p1").BornAt, w.clock.Now())
}

func find(w *world) {
	w.open(w.journey("r1", "one"))
	w.open(w.journey("r2", "two"))
	one, two := w.candidate("one", "p1"), w.candidate("two", "p2")
	one.Prints["@k1/app"] = "reported by app"
	two.Prints["key@k1"] = one.Prints["key@k1"]
	w.must(w.change("r1", one))
	w.must(w.change("r2", two))
	for _, c := range []struct {
		what string
		p    secret.Prints
		want []rotator.PairID
	}{
		{"nothing", nil, nil},
		{"a whole", secret.Prints{"@k1": "whole p1"}, []rotator.PairID{"p1"}},
		{"a field of two pairs", secret.Prints{"key@k1": "key p1"}, []rotator.PairID{"p1", "p2"}},
		{"a whole under a consumer's key", secret.Prints{"@k1/app": "reported by app"}, []rotator.PairID{"p1"}},
		{"one of several", secret.Prints{"@k9": "whole p1", "secret@k1": "secret p2"}, []rotator.PairID{"p2"}},
		{"a print under another name", secret.Prints{"key@k2": "key p1", "secret@k1": "key p1"}, nil},
		{"all of one", two.Prints, []rotator.PairID{"p1", "p2"}},
	} {
		got, err := w.ledger.Find(w.ctx, c.p)
		w.must(err)
		var ids []rotator.PairID
		for _, p := range got {
			ids = append(ids, p.ID)
		}
		w.same("finding "+c.what, ids, c.want)
	}
	got, err := w.ledger.Find(w.ctx, secret.Prints{"@k1": "whole p1"})
	w.must(err)
	w.same("a found pair is whole", got[0], one)
}

func adopt(w *world) {
	p := w.candidate("one", "p1")
	p.Life = rotator.Current
	w.must(w.ledger.Adopt(w.ctx, p, event("adopted")))
	p.Created = w.clock.Now().Add(-48 * time.Hour)
	w.must(w.ledger.Adopt(w.ctx, p, event("adopted")))
	w.same("the pair", w.pair("one", "p1"), p)
	w.same("the trail", len(w.events("credential:one")), 2)
	second := w.candidate("one", "p2")
	second.Life = rotator.Current
	w.want(w.ledger.Adopt(w.ctx, second, event("adopted")), rotator.ErrExists)
	w.open(w.burial("b1", "one", "p0"))
	w.must(w.ledger.Adopt(w.ctx, p, event("adopted")))
	w.open(w.journey("r1", "one"))
	w.want(w.ledger.Adopt(w.ctx, p, event("adopted")), rotator.ErrOpen)
	w.same("the trail after refusals", len(w.events("credential:one")), 3)
}

func sealed(w *world) {
	w.open(w.journey("r1", "one"))
	p := w.candidate("one", "p1")
	_, err := w.ledger.Sealed(w.ctx, "p1")
	w.want(err, rotator.ErrNotFound)
	cancelled, cancel := context.WithCancel(w.ctx)
	cancel()
	w.refused(w.ledger.Keep(cancelled, p, submitted("r1", "p1")), "a pair whose caller had gone")
	_, err = w.ledger.Sealed(w.ctx, "p1")
	w.want(err, rotator.ErrNotFound)
	w.keep("r1", p)
	got, err := w.ledger.Sealed(w.ctx, "p1")
	w.must(err)
	w.same("what was read back", string(got), string(p.Sealed))
	p.Sealed = nil
	w.must(w.change("r1", p))
	got, err = w.ledger.Sealed(w.ctx, "p1")
	w.must(err)
	w.same("what is left after a wipe", len(got), 0)
}
