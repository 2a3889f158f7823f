package backendtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"quarterturn/backends"
	"quarterturn/secret"
)

func stopping() []testCase {
	return []testCase{
		{"a context that has ended writes nothing", ended},
		{"a context that ends on the way leaves all or nothing", endsOnTheWay},
	}
}

func ended(b *bench) {
	ctx, cancel := context.WithCancel(b.Context())
	version := b.put("a", "")
	cancel()
	before := b.look()
	if err := b.place.Put(ctx, b.write("b", version)); !errors.Is(err, context.Canceled) {
		b.Errorf("Put: got %v, want the context's error", err)
	}
	if _, err := b.place.Observe(ctx); !errors.Is(err, context.Canceled) {
		b.Errorf("Observe: got %v, want the context's error", err)
	}
	b.same(before, "a Put that was not to start")
	b.holds("a")
}

// endsOnTheWay stops a Put at every point at which it asks its context.
func endsOnTheWay(b *bench) {
	const points = 1000
	version := b.put("a", "")
	for n := range points {
		err := b.place.Put(countdown(b.Context(), n), b.write("b", version))
		if err == nil {
			b.holds("b")
			return
		}
		b.quiet(err, b.pair("b"))
		if v := b.look(); !b.h.Torn && !b.one(v.Fields, "a", "b") || v.Others != b.others {
			b.Fatalf("stopped at point %d, it left a mixed pair, or something else behind", n)
		}
		version = b.observe().Version
	}
	b.Errorf("Put did not end after %d looks at its context", points)
}

// one reports whether the fields are exactly one of the pairs.
func (b *bench) one(fields map[string]string, tags ...string) bool {
	for _, tag := range tags {
		if maps.Equal(fields, reveal(b.ours(b.pair(tag)))) {
			return true
		}
	}
	return false
}

// ending is a context that ends when it has been asked n times.
type ending struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func countdown(parent context.Context, n int) context.Context {
	ctx, cancel := context.WithCancel(parent)
	e := &ending{Context: ctx, cancel: cancel}
	e.left.Store(int64(n))
	return e
}

func (e *ending) tick() {
	if e.left.Add(-1) < 0 {
		e.cancel()
	}
}

func (e *ending) Done() <-chan struct{} { e.tick(); return e.Context.Done() }
func (e *ending) Err() error            { e.tick(); return e.Context.Err() }

func concurrency(h Harness) []testCase {
	cases := []testCase{{"of many writers one wins", oneWins}}
	if !h.Torn {
		cases = append(cases, testCase{"no reader sees a mixed pair", neverMixed})
	}
	return cases
}

// oneWins lets many handles write over the same base.
func oneWins(b *bench) {
	const writers = 8
	base := b.put("a", "")
	errs := make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		place := b.at.Open(b)
		all.Go(func() { errs[i] = place.Put(b.Context(), b.write(fmt.Sprint("w", i), base)) })
	}
	all.Wait()
	var winners []string
	for i, err := range errs {
		if err == nil {
			winners = append(winners, fmt.Sprint("w", i))
		} else if !errors.Is(err, backends.ErrChanged) {
			b.Errorf("a loser: got %v, want ErrChanged", err)
		}
	}
	if b.h.Fencing == "none" {
		return // all of them may have written
	}
	if len(winners) != 1 {
		b.Fatalf("winners: %v, want one", winners)
	}
	b.holds(winners[0])
}

// neverMixed reads from outside and from inside while the pair changes all the time.
func neverMixed(b *bench) {
	version := b.put("a", "")
	done := make(chan struct{})
	errs := make(chan error, 3)
	var readers sync.WaitGroup
	for _, read := range []func() error{b.whole, b.whole, b.wholeInside(b.at.Open(b))} {
		readers.Go(func() { errs <- until(done, read) })
	}
	for i := range 60 {
		version = b.put([]string{"b", "a"}[i%2], version)
	}
	close(done)
	readers.Wait()
	for range 3 {
		if err := <-errs; err != nil {
			b.Errorf("%v", err)
		}
	}
}

// until repeats f until done, but at least once, and stops at its first error.
func until(done <-chan struct{}, f func() error) error {
	for {
		if err := f(); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}

// whole looks from outside; the label belongs to the pair.
func (b *bench) whole() error {
	v, err := b.at.Look()
	if err != nil {
		return err
	}
	for _, tag := range []string{"a", "b"} {
		if b.one(v.Fields, tag) && (!b.h.Labels || v.Label == "slot-"+tag) {
			return nil
		}
	}
	return errors.New("a reader outside saw a mixed pair")
}

func (b *bench) wholeInside(place backends.Place) func() error {
	return func() error {
		got, err := place.Observe(b.Context())
		if err != nil {
			return err
		}
		for _, m := range []secret.Material{b.ours(b.pair("a")), b.ours(b.pair("b"))} {
			if b.h.Blind || maps.Equal(got.Prints, b.h.Prints(m)) {
				return nil
			}
		}
		return errors.New("Observe saw a mixed pair")
	}
}
