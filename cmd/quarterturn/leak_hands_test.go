package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/notify/log"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// everyVerb prints an error and everything it wraps in the ways that people print errors.
func everyVerb(err error) []byte {
	var text []byte
	for queue := []error{err}; len(queue) > 0; queue = queue[1:] {
		one := queue[0]
		if one == nil {
			continue
		}
		text = fmt.Appendf(text, "%v\n%+v\n%#v\n%q\n", one, one, one, one)
		if many, ok := one.(interface{ Unwrap() []error }); ok {
			queue = append(queue, many.Unwrap()...)
		}
		queue = append(queue, errors.Unwrap(one))
	}
	return text
}

func newLeakLog(b *leakBook) *log.Notifier { return log.New(b.writer(outLog)) }

// overhear stands between the core and its adapters: every error is printed in every way, and a planted leak happens here.
func (w *leakWorld) overhear(c rotator.Credential) rotator.Credential {
	for name, p := range c.Hands.Places {
		c.Hands.Places[name] = overheardPlace{p, p.(backends.Reader), p.(backends.Checker), w}
	}
	for name, p := range c.Hands.Pipelines {
		c.Hands.Pipelines[name] = overheardPipeline{p, p.(cicd.Checker), w}
	}
	for name, p := range c.Hands.Provers {
		c.Hands.Provers[name] = overheardProver{p, w}
	}
	c.Hands.Prober = overheardProber{c.Hands.Prober, w}
	return c
}

// heard writes an error down and gives it on.
func (w *leakWorld) heard(err error) error {
	if err != nil {
		w.book.take(inErrors, everyVerb(err))
	}
	return err
}

// exposed writes down what a crash would say right here, where the bytes are in use: of a panic's own stack each time, of
// every goroutine now and then.
func (w *leakWorld) exposed(m secret.Material) {
	defer func() { w.book.take(onStack, fmt.Appendf(debug.Stack(), "panic: %v %+v %#v", recover(), m, m)) }()
	if w.rng.IntN(20) == 0 {
		stacks := make([]byte, 1<<20)
		w.book.take(onStack, stacks[:runtime.Stack(stacks, true)])
	}
	panic(m)
}

type overheardPlace struct {
	backends.Place
	backends.Reader
	backends.Checker
	w *leakWorld
}

func (p overheardPlace) Put(ctx context.Context, wr backends.Write) error {
	p.w.exposed(wr.Material)
	if err := p.w.leaks("put"); err != nil {
		return p.w.heard(err)
	}
	return p.w.heard(p.Place.Put(ctx, wr))
}

func (p overheardPlace) Observe(ctx context.Context) (backends.Holding, error) {
	h, err := p.Place.Observe(ctx)
	return h, p.w.heard(err)
}

func (p overheardPlace) Read(ctx context.Context) (secret.Material, error) {
	m, err := p.Reader.Read(ctx)
	return m, p.w.heard(err)
}

func (p overheardPlace) Check(ctx context.Context) (backends.Readiness, error) {
	r, err := p.Checker.Check(ctx)
	if planted := p.w.leaks("check"); planted != nil {
		r.Problems = append(r.Problems, planted.Error())
	}
	return r, p.w.heard(err)
}

type overheardPipeline struct {
	cicd.Pipeline
	cicd.Checker
	w *leakWorld
}

func (p overheardPipeline) Redeploy(ctx context.Context, once string) (cicd.Run, error) {
	if err := p.w.leaks("redeploy"); err != nil {
		return cicd.Run{Once: once, State: cicd.Failed, Note: err.Error()}, nil
	}
	run, err := p.Pipeline.Redeploy(ctx, once)
	return run, p.w.heard(err)
}

type overheardProver struct {
	cicd.Prover
	w *leakWorld
}

func (p overheardProver) Prove(ctx context.Context, want cicd.Want, since time.Time) (cicd.Fact, error) {
	fact, err := p.Prover.Prove(ctx, want, since)
	if planted := p.w.leaks("prove"); planted != nil {
		fact.Note = planted.Error()
	}
	return fact, p.w.heard(err)
}

type overheardProber struct {
	vendors.Prober
	w *leakWorld
}

func (p overheardProber) Probe(ctx context.Context, m secret.Material) (vendors.Reading, error) {
	p.w.exposed(m)
	rd, err := p.Prober.Probe(ctx, m)
	if planted := p.w.leaks("probe"); planted != nil {
		rd.Why, rd.TraceID = planted.Error(), planted.Error()
	}
	return rd, p.w.heard(err)
}
