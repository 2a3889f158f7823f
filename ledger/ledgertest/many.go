package ledgertest

import (
	"errors"
	"fmt"
	"sync"

	"quarterturn/rotator"
)

// crowd runs f in n goroutines that start together, and returns their errors.
func crowd(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// only checks that one of errs is nil and every other one is want.
func (w *world) only(errs []error, want error) {
	w.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, want):
			w.Fatalf("a loser got %v, want %v", err, want)
		}
	}
	if won != 1 {
		w.Fatalf("%d won, want 1", won)
	}
}

func manyClaims(w *world) {
	w.open(w.journey("r1", "one"))
	for range 5 {
		w.only(crowd(16, func(i int) error {
			_, err := w.ledger.Claim(w.ctx, "r1", fmt.Sprintf("worker %d", i), ttl)
			return err
		}), rotator.ErrHeld)
		w.clock.Advance(ttl)
	}
	w.same("claims that won", w.stored("r1").Epoch, int64(5))
	r := w.claim("r1")
	w.only(crowd(16, func(i int) error {
		_, err := w.ledger.Record(w.ctx, rotator.Change{Rotation: r, Events: []rotator.Event{event("raced")}, Lease: ttl})
		return err
	}), rotator.ErrStale)
	w.same("events of the race", len(w.checkChain("r1")), 2)
}

func manyEvents(w *world) {
	const workers, rounds = 8, 10
	w.open(w.journey("shared", "shared"))
	for i := range workers {
		w.open(w.journey(rotator.ID(fmt.Sprintf("r%d", i)), fmt.Sprintf("c%d", i)))
	}
	for _, err := range crowd(2*workers, func(i int) error {
		if i < workers {
			return w.talk(rounds)
		}
		return w.work(rotator.ID(fmt.Sprintf("r%d", i-workers)), rounds)
	}) {
		w.must(err)
	}
	w.same("events on the shared chain", len(w.checkChain("shared")), 1+workers*rounds)
	said, err := w.ledger.Words(w.ctx, "shared")
	w.must(err)
	w.same("words", len(said), workers*rounds)
	for i := range workers {
		id := rotator.ID(fmt.Sprintf("r%d", i))
		w.same("events", len(w.checkChain(id)), 1+2*rounds)
		w.same("rev", w.stored(id).Rev, int64(1+rounds))
	}
}

func (w *world) talk(rounds int) error {
	for range rounds {
		word := rotator.Word{Rotation: "shared", Kind: rotator.Approved, Who: "ada"}
		if _, err := w.ledger.Say(w.ctx, word, event("said")); err != nil {
			return err
		}
		if _, err := w.ledger.Ready(w.ctx, w.clock.Now(), 100); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) work(id rotator.ID, rounds int) error {
	for range rounds {
		r, err := w.ledger.Claim(w.ctx, id, owner, ttl)
		if err != nil {
			return err
		}
		change := rotator.Change{Rotation: r, Events: []rotator.Event{event("one"), event("two")}, Release: true}
		if _, err = w.ledger.Record(w.ctx, change); err != nil {
			return err
		}
	}
	return nil
}

func manyOpens(w *world) {
	w.only(crowd(12, func(i int) error {
		return w.ledger.Open(w.ctx, w.journey(rotator.ID(fmt.Sprintf("r%d", i)), "one"), event("opened"))
	}), rotator.ErrOpen)
	id := w.ready()[0]
	w.only(crowd(12, func(i int) error {
		p := w.candidate("one", rotator.PairID(fmt.Sprintf("p%d", i)))
		return w.ledger.Keep(w.ctx, p, submitted(id, p.ID), event("submitted"))
	}), rotator.ErrExists)
	w.same("events", len(w.checkChain(id)), 2)
}
