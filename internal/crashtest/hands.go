package crashtest

import (
	"context"
	"errors"
	"maps"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// Hands stands before every adapter of a credential, for the present process. Powers that an adapter lacks stay absent.
func (s *Stopper) Hands(c rotator.Credential) rotator.Credential {
	s.mu.Lock()
	l := s.life
	s.mu.Unlock()
	h := c.Hands
	h.Places, h.Pipelines, h.Provers = maps.Clone(h.Places), maps.Clone(h.Pipelines), maps.Clone(h.Provers)
	for name, p := range h.Places {
		h.Places[name] = wrapPlace(&place{s, l, name, p})
	}
	for name, p := range h.Pipelines {
		h.Pipelines[name] = wrapPipeline(&pipeline{s, l, name, p})
	}
	for name, p := range h.Provers {
		h.Provers[name] = wrapProver(&prover{s, l, name, p})
	}
	h.Prober = &prober{s, l, h.Prober}
	c.Hands = h
	return c
}

// ---- places ----------------------------------------------------------------------------------------------------------

type place struct {
	s     *Stopper
	life  *life
	name  string
	inner backends.Place
}

// Put keeps book: an undeclared write, and every version that a write adds.
func (p *place) Put(ctx context.Context, w backends.Write) error {
	return p.s.call(p.life, effect, "put "+p.name, func() error {
		p.s.set(func() { p.s.journal.tried(rotator.Put, p.name) })
		was, _ := p.inner.Observe(ctx)
		err := p.inner.Put(ctx, w)
		is, lookErr := p.inner.Observe(context.WithoutCancel(ctx))
		if lookErr == nil && is.Version != was.Version {
			p.s.set(func() { p.s.journal.added(p.name, w.Slot) })
		}
		return err
	})
}

func (p *place) Observe(ctx context.Context) (backends.Holding, error) {
	return pass(p.s, p.life, look, "observe "+p.name, func() (backends.Holding, error) { return p.inner.Observe(ctx) })
}

type reader struct{ *place }

func (p reader) Read(ctx context.Context) (secret.Material, error) {
	return ask(p.s, p.life, look, "read "+p.name, func() (secret.Material, error) {
		r, ok := p.inner.(backends.Reader)
		if !ok {
			return nil, errNoPower
		}
		return r.Read(ctx)
	})
}

var errNoPower = errors.New("crashtest: the adapter lacks this power")

type placeChecker struct{ *place }

func (p placeChecker) Check(ctx context.Context) (backends.Readiness, error) {
	return pass(p.s, p.life, look, "check place "+p.name, func() (backends.Readiness, error) {
		c, ok := p.inner.(backends.Checker)
		if !ok {
			return backends.Readiness{}, errNoPower
		}
		return c.Check(ctx)
	})
}

func wrapPlace(p *place) backends.Place {
	_, reads := p.inner.(backends.Reader)
	_, checks := p.inner.(backends.Checker)
	switch {
	case reads && checks:
		return struct {
			backends.Place
			backends.Reader
			backends.Checker
		}{p, reader{p}, placeChecker{p}}
	case reads:
		return reader{p}
	case checks:
		return placeChecker{p}
	}
	return p
}

// ---- pipelines and proofs --------------------------------------------------------------------------------------------

type pipeline struct {
	s     *Stopper
	life  *life
	name  string
	inner cicd.Pipeline
}

func (p *pipeline) Redeploy(ctx context.Context, once string) (cicd.Run, error) {
	return ask(p.s, p.life, effect, "redeploy "+p.name, func() (cicd.Run, error) {
		p.s.set(func() {
			p.s.journal.tried(rotator.Redeploy, p.name)
			p.s.journal.asked(p.name, once)
		})
		return p.inner.Redeploy(ctx, once)
	})
}

func (p *pipeline) Find(ctx context.Context, once string) (cicd.Run, error) {
	return ask(p.s, p.life, look, "find run of "+p.name, func() (cicd.Run, error) { return p.inner.Find(ctx, once) })
}

type cicdChecker struct {
	s     *Stopper
	life  *life
	name  string
	inner cicd.Checker
}

func (c cicdChecker) Check(ctx context.Context) (cicd.Readiness, error) {
	return pass(c.s, c.life, look, "check "+c.name, func() (cicd.Readiness, error) { return c.inner.Check(ctx) })
}

type drainer struct {
	*pipeline
	inner cicd.Drainer
}

func (d drainer) Stale(ctx context.Context, from, to time.Time) ([]cicd.Run, error) {
	return ask(d.s, d.life, look, "stale of "+d.name, func() ([]cicd.Run, error) { return d.inner.Stale(ctx, from, to) })
}

func wrapPipeline(p *pipeline) cicd.Pipeline {
	c, checks := p.inner.(cicd.Checker)
	d, drains := p.inner.(cicd.Drainer)
	checker := cicdChecker{p.s, p.life, "pipeline " + p.name, c}
	switch {
	case checks && drains:
		return struct {
			drainer
			cicd.Checker
		}{drainer{p, d}, checker}
	case checks:
		return struct {
			*pipeline
			cicd.Checker
		}{p, checker}
	case drains:
		return drainer{p, d}
	}
	return p
}

type prover struct {
	s     *Stopper
	life  *life
	name  string
	inner cicd.Prover
}

func (p *prover) Best() cicd.Use { return p.inner.Best() }

func (p *prover) Prove(ctx context.Context, want cicd.Want, since time.Time) (cicd.Fact, error) {
	return ask(p.s, p.life, look, "prove "+p.name, func() (cicd.Fact, error) { return p.inner.Prove(ctx, want, since) })
}

func wrapProver(p *prover) cicd.Prover {
	c, checks := p.inner.(cicd.Checker)
	if !checks {
		return p
	}
	return struct {
		*prover
		cicd.Checker
	}{p, cicdChecker{p.s, p.life, "proof " + p.name, c}}
}

// ---- the vendor ------------------------------------------------------------------------------------------------------

type prober struct {
	s     *Stopper
	life  *life
	inner vendors.Prober
}

// Probe says no more than the contract allows: a call whose answer was lost is an unclear reading, not an error.
func (p *prober) Probe(ctx context.Context, m secret.Material) (vendors.Reading, error) {
	made := false
	rd, err := pass(p.s, p.life, effect, "probe", func() (vendors.Reading, error) {
		rd, err := p.inner.Probe(ctx, m)
		made = err == nil
		return rd, err
	})
	if made && errors.Is(err, ErrFault) {
		return vendors.Reading{Host: rd.Host, Method: rd.Method, Path: rd.Path, At: rd.At, Remaining: -1, Why: "timeout"}, nil
	}
	if err != nil {
		return vendors.Reading{}, err
	}
	return rd, nil
}
