package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/internal/sim"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// tap stands between the core and its adapters: it counts writes, and lets a story cut a line.
type tap struct {
	mu       sync.Mutex
	cut      map[string]bool // places and consumers that cannot be reached
	barred   map[string]bool // those for which a right was withdrawn
	writes   map[write]int
	patience time.Duration // of one call to the vendor, 0: the client's own
}

// write is what I-7 allows once.
type write struct{ place, pair string }

var errCut = errors.New("the line is cut")

func newTap() *tap {
	return &tap{cut: map[string]bool{}, barred: map[string]bool{}, writes: map[write]int{}}
}

func (p *tap) wiring() wiring { return wiring{hands: p.stand} }

func (p *tap) stand(c rotator.Credential) rotator.Credential {
	for name, place := range c.Hands.Places {
		c.Hands.Places[name] = tappedPlace{place, place.(backends.Reader), place.(backends.Checker), name, p}
	}
	for name, pipeline := range c.Hands.Pipelines {
		c.Hands.Pipelines[name] = tappedPipeline{pipeline, pipeline.(cicd.Checker), name, p}
	}
	c.Hands.Prober = tappedProber{c.Hands.Prober, p}
	return c
}

// cuts cuts the line to a place or consumer, or mends it.
func (p *tap) cuts(name string, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut[name] = cut
}

// bars withdraws the right to write a place or restart a consumer, or gives it back.
func (p *tap) bars(name string, barred bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.barred[name] = barred
}

func (p *tap) may(name string, forbidden error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.barred[name] {
		return forbidden
	}
	return nil
}

func (p *tap) reach(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut[name] {
		return errCut
	}
	return nil
}

func (p *tap) wrote(place, pair string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes[write{place, pair}]++
}

func (p *tap) written() map[write]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.writes)
}

type tappedPlace struct {
	backends.Place
	backends.Reader
	backends.Checker
	name string
	tap  *tap
}

func (p tappedPlace) Put(ctx context.Context, w backends.Write) error {
	if err := p.tap.reach(p.name); err != nil {
		return err
	}
	if err := p.tap.may(p.name, backends.ErrForbidden); err != nil {
		return err
	}
	err := p.Place.Put(ctx, w)
	if err == nil {
		p.tap.wrote(p.name, w.Slot)
	}
	return err
}

func (p tappedPlace) Observe(ctx context.Context) (backends.Holding, error) {
	if err := p.tap.reach(p.name); err != nil {
		return backends.Holding{}, err
	}
	return p.Place.Observe(ctx)
}

type tappedPipeline struct {
	cicd.Pipeline
	cicd.Checker
	name string
	tap  *tap
}

func (p tappedPipeline) Redeploy(ctx context.Context, once string) (cicd.Run, error) {
	if err := p.tap.reach(p.name); err != nil {
		return cicd.Run{}, err
	}
	if err := p.tap.may(p.name, cicd.ErrForbidden); err != nil {
		return cicd.Run{}, err
	}
	return p.Pipeline.Redeploy(ctx, once)
}

type tappedProber struct {
	vendors.Prober
	tap *tap
}

func (p tappedProber) Probe(ctx context.Context, m secret.Material) (vendors.Reading, error) {
	if p.tap.patience == 0 {
		return p.Prober.Probe(ctx, m)
	}
	ctx, cancel := context.WithTimeout(ctx, p.tap.patience)
	defer cancel()
	return p.Prober.Probe(ctx, m)
}

// ---- what a story's configuration says -----------------------------------------------------------------------

func replacing(old, now string) amendment {
	return func(b *bench, text string) string {
		b.t.Helper()
		if !strings.Contains(text, old) {
			b.t.Fatalf("the configuration does not say %q", old)
		}
		return strings.Replace(text, old, now, 1)
	}
}

func shortOverlap(b *bench, text string) string {
	return replacing("overlap: 24h", "overlap: 2h")(b, text)
}

func secondPerson(b *bench, text string) string {
	text = replacing("approve_revocation: none", "approve_revocation: second_person")(b, text)
	return replacing(`{owner: "owner@acme.example"}`, `{owner: "owner@acme.example", approvers: [alice@acme.example, bob@acme.example]}`)(b, text)
}

// healthyOnly is a proof that shows nothing but a status.
func healthyOnly(b *bench, text string) string {
	return replacing(`, fingerprint: "$.print"`, "")(b, text)
}

// secondPlace is another service that lives off the same pair in a file of its own.
func secondPlace(b *bench, text string) string {
	b.t.Helper()
	b.envs = append(b.envs, "worker.env")
	b.overwrite("worker.env", b.old)
	b.second = b.anotherService()
	exe, err := os.Executable()
	b.must(err)
	first := "      - {name: env, dotenv: {file: \"app.env\"}, fields: {key: \"BLUUM_API_KEY\", secret: \"BLUUM_API_SECRET\"}}\n"
	text = replacing(first, first+strings.NewReplacer("name: env", "name: worker-env", "app.env", "worker.env").Replace(first))(b, text)
	return text + fmt.Sprintf("\n      - name: worker\n        reads: [worker-env]\n        redeploy: {command: [%q, demo-restart, %q]}\n"+
		"        proof: {http: {url: %q, fingerprint: \"$.print\"}}\n", exe, b.second.ControlURL(), b.second.URL()+"/healthz")
}

func (b *bench) anotherService() *sim.Service {
	keys, err := secret.LoadKeys(b.path("fingerprint.key"))
	b.must(err)
	b.must(secret.CreateFile(b.path("worker.key"), keys.Derive("worker")))
	text, err := os.ReadFile(b.path("worker.key"))
	b.must(err)
	s, err := sim.NewService(sim.ServiceOptions{EnvFile: b.path("worker.env"), KeyEntry: "BLUUM_API_KEY",
		SecretEntry: "BLUUM_API_SECRET", PrintKey: trim(string(text)), API: b.vendor.URL(sim.Production), Now: b.clock.now})
	b.must(err)
	return s
}
