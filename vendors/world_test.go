package vendors

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"quarterturn/internal/httpx"
	"quarterturn/internal/sim"
	"quarterturn/secret"
)

// story is the built-in profile aimed at the simulated world, which was written from the same facts by itself.
type story struct {
	t     *testing.T
	world *sim.World
	now   time.Time
	p     Profile
}

func newStory(t *testing.T, newer bool) *story {
	t.Helper()
	s := &story{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	var err error
	if s.world, err = sim.New(sim.Options{Now: func() time.Time { return s.now }, Newer: newer, LiveLimit: 9}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.world.Close() })
	s.p, err = bluum(t).WithHosts(map[string]string{"sandbox": s.world.URL(sim.Sandbox), "production": s.world.URL(sim.Production)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *story) create(organisation, environment string) (string, secret.Material) {
	s.t.Helper()
	shown, err := s.world.Create(organisation, environment, "qt")
	if err != nil {
		s.t.Fatal(err)
	}
	return shown.ID, pair(shown.Key, shown.Secret)
}

// ask probes with a budget of its own: this is about answers, not about limits.
func (s *story) ask(environment string, m secret.Material) Reading {
	s.t.Helper()
	now := func() time.Time { return s.now }
	p, err := NewProber(s.p, environment, ProberOptions{
		Client: httpx.Options{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }},
		Budget: httpx.NewBudget(httpx.ProbeLimits(), now), Now: now, Key: func(secret.Material) string { return "pair" }})
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := p.Probe(s.t.Context(), m)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func TestTheSimulatedWorldIsUnderstood(t *testing.T) {
	for name, newer := range map[string]bool{"older": false, "newer": true} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, newer)
			id, old := s.create(sim.Acme, sim.Production)
			_, next := s.create(sim.Acme, sim.Production)
			_, foreign := s.create(sim.Globex, sim.Production)
			if err := s.p.Shape(old); err != nil {
				t.Error(err)
			}
			one, two, three := s.ask("production", old), s.ask("production", next), s.ask("production", foreign)
			if one.Verdict != Accepted || len(one.Subjects) == 0 || newer != (one.Environment == "production") {
				t.Errorf("got %+v", one)
			}
			if !slices.Equal(one.Subjects, two.Subjects) || slices.Equal(one.Subjects, three.Subjects) {
				t.Error("the tenant cannot be told")
			}
			random, err := s.p.Random(rand.Reader, old)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.world.Delete(id); err != nil {
				t.Fatal(err)
			}
			for what, r := range map[string]Reading{"a revoked pair": s.ask("production", old),
				"a random pair": s.ask("production", random), "another environment's pair": s.ask("sandbox", next)} {
				if r.Verdict != Refused || r.Code != "BLUM-401-003" || r.TraceID+r.RequestID == "" {
					t.Errorf("%s: %+v", what, r)
				}
			}
			if r := s.ask("production", next); r.Verdict != Accepted {
				t.Errorf("the kept pair: %+v", r)
			}
		})
	}
}
