package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/internal/config"
	"quarterturn/internal/seal/age"
	"quarterturn/ledger"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// shop is one configuration, wired. Close it.
type shop struct {
	cfg      *config.Config
	profiles map[string]vendors.Profile
	keys     secret.Keys
	ledger   *ledger.SQLite
	rt       *rotator.Rotator
	canOpen  bool // this machine holds a sealing identity
	channels map[string]rotator.Channel
}

// wiring lets a caller stand between the parts: for the crash tests and the stories, which run the very wiring that
// `run` uses.
type wiring struct {
	ledger func(rotator.Ledger) rotator.Ledger
	hands  func(rotator.Credential) rotator.Credential
	trail  func(rotator.Event)
}

// open loads the configuration and wires everything. The error names what is wrong and whether anything was changed.
func open(ctx context.Context, w world, path string, wi wiring) (*shop, error) {
	var known catalogue
	cfg, err := config.Load(path, kindsOf(&known))
	if err != nil {
		return nil, err
	}
	s := &shop{cfg: cfg, profiles: known.profiles}
	if s.keys, err = secret.LoadKeys(cfg.Fingerprint.KeyFile); err != nil {
		return nil, &failure{code: exitUsage, err: fmt.Errorf("fingerprint keys: %w", err)}
	}
	s.ledger, err = ledger.OpenSQLite(ctx, cfg.Ledger.Path, w.now, ledger.Options{KeepCalls: cfg.KeepCalls, Window: s.pace()})
	if err != nil {
		return nil, err
	}
	if err := s.wire(w, wi); err != nil {
		return nil, errors.Join(err, s.ledger.Close())
	}
	return s, nil
}

// pace is the window of the budget of failing calls where every vendor is simulated on this machine; 0: the usual one.
func (s *shop) pace() (pace time.Duration) {
	for _, c := range s.cfg.Credentials {
		if s.profiles[c.Vendor].Pace() == 0 {
			return 0
		}
		pace = max(pace, s.profiles[c.Vendor].Pace())
	}
	return pace
}

// Close gives the ledger back.
func (s *shop) Close() error { return s.ledger.Close() }

func (s *shop) wire(w world, wi wiring) error {
	o := rotator.Options{Ledger: s.ledger, Keys: s.keys, Now: w.now, NewID: w.newID, Owner: owner(w), Trail: wi.trail}
	if wi.ledger != nil {
		o.Ledger = wi.ledger(s.ledger)
	}
	var err error
	if o.Seal, err = age.NewSeal(s.cfg.Seal.Recipients); err != nil {
		return &failure{code: exitUsage, err: fmt.Errorf("seal.recipients: %w", err)}
	}
	if o.Open, err = s.identity(); err != nil {
		return err
	}
	s.canOpen = o.Open != nil
	for _, c := range s.cfg.Credentials {
		wired, err := s.credential(w, c)
		if err != nil {
			return &failure{code: exitUsage, err: fmt.Errorf("credential %s: %w", c.Name, err)}
		}
		if wi.hands != nil {
			wired = wi.hands(wired)
		}
		o.Credentials = append(o.Credentials, wired)
	}
	if s.channels, err = s.tellers(w); err != nil {
		return err
	}
	s.rt, err = rotator.New(o)
	return err
}

// identity opens sealed copies. nil where the configuration names none: such a machine takes pairs in, and no more.
func (s *shop) identity() (secret.Open, error) {
	if s.cfg.Seal.IdentityFile == "" {
		return nil, nil
	}
	opener, err := age.NewOpen(s.cfg.Seal.IdentityFile)
	if err != nil {
		return nil, &failure{code: exitUsage, err: fmt.Errorf("seal.identity_file: %w", err)}
	}
	return opener, nil
}

// owner says who holds a lease: this process, told apart from one before it with the same number.
func owner(w world) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), w.newID())
}

func (s *shop) credential(w world, c config.Credential) (rotator.Credential, error) {
	p := s.profiles[c.Vendor]
	prober, err := vendors.NewProber(p, c.Environment, vendors.ProberOptions{Budget: s.ledger, Key: s.budgetKey, Now: w.now,
		Wait: w.wait})
	if err != nil {
		return rotator.Credential{}, err
	}
	spec, err := specOf(c, p)
	if err != nil {
		return rotator.Credential{}, err
	}
	h := rotator.Hands{Places: map[string]backends.Place{}, Pipelines: map[string]cicd.Pipeline{},
		Provers: map[string]cicd.Prover{}, Prober: prober, Shape: p.Shape,
		Random: func(like secret.Material) secret.Material { return random(w, p, like) }}
	client, err := proofClient()
	if err != nil {
		return rotator.Credential{}, err
	}
	out := outside{dir: s.cfg.Dir, keys: s.keys, now: w.now, client: client}
	return fill(rotator.Credential{Spec: spec, Hands: h}, out, c)
}

// random is a pair nobody issued. The source of randomness never fails; were it to, an empty pair is Unclear.
func random(w world, p vendors.Profile, like secret.Material) secret.Material {
	m, err := p.Random(w.rand, like)
	if err != nil {
		return secret.Material{}
	}
	return m
}

// budgetKey names a pair for the budget: its whole print under the first key.
func (s *shop) budgetKey(m secret.Material) string {
	prints := s.keys.Prints(m)
	var wholes []string
	for name, print := range prints {
		if name[0] == '@' {
			wholes = append(wholes, name+"="+print)
		}
	}
	slices.Sort(wholes)
	return wholes[0]
}

// fill builds the adapters of one credential.
func fill(c rotator.Credential, o outside, cfg config.Credential) (rotator.Credential, error) {
	for i, p := range cfg.Places {
		place, err := placeKinds()[p.Kind].build(o, p)
		if err != nil {
			return c, fmt.Errorf("place %s: %w", p.Name, err)
		}
		c.Hands.Places[p.Name] = place
		_, c.Spec.Places[i].Readable = place.(backends.Reader)
	}
	for i, cs := range cfg.Consumers {
		if err := fillConsumer(&c, &c.Spec.Consumers[i], o, cs); err != nil {
			return c, fmt.Errorf("consumer %s: %w", cs.Name, err)
		}
	}
	return c, nil
}

func fillConsumer(c *rotator.Credential, spec *rotator.ConsumerSpec, o outside, cs config.Consumer) error {
	if cs.Redeploy != nil {
		pipeline, err := redeployKinds()[cs.Redeploy.Kind].build(o, cs.Redeploy.Settings)
		if err != nil {
			return err
		}
		c.Hands.Pipelines[cs.Name], spec.Redeploy = pipeline, true
	}
	if cs.Proof != nil {
		prover, err := proofKinds()[cs.Proof.Kind].build(o, cs.Name, cs.Proof.Settings)
		if err != nil {
			return err
		}
		c.Hands.Provers[cs.Name], spec.Best = prover, prover.Best()
	}
	return nil
}

// specOf is a credential's configuration as the rotator wants it: data only.
func specOf(c config.Credential, p vendors.Profile) (rotator.Spec, error) {
	env, err := p.Env(c.Environment)
	if err != nil {
		return rotator.Spec{}, err
	}
	sp := rotator.Spec{Credential: c.Name, Vendor: c.Vendor, Environment: c.Environment, Organisation: c.Organisation,
		Digest: c.Digest, Parts: c.Parts, Policy: c.Policy, Fields: p.FieldNames(), Owner: c.Owner, Deputy: c.Deputy, Approvers: c.Approvers,
		Profile: profileSpec(p, env)}
	for _, pl := range c.Places {
		fields := make([]string, 0, len(pl.Fields))
		for f := range pl.Fields {
			fields = append(fields, f)
		}
		slices.Sort(fields)
		sp.Places = append(sp.Places, rotator.PlaceSpec{Name: pl.Name, Fields: fields, Follows: pl.Follows, Where: pl.Kind})
	}
	for _, cs := range c.Consumers {
		sp.Consumers = append(sp.Consumers, rotator.ConsumerSpec{Name: cs.Name, Reads: cs.Reads, ProveIn: cs.ProveWithin})
	}
	return sp, nil
}

func profileSpec(p vendors.Profile, env vendors.Environment) rotator.ProfileSpec {
	return rotator.ProfileSpec{Lifecycle: p.Lifecycle.Kind, Host: env.Host(), LiveLimit: p.Lifecycle.LivePairs,
		Propagation: time.Duration(p.Lifecycle.Propagation), Pace: p.Pace(), FailingProbes: p.Lifecycle.FailingProbes,
		NamesEnvironment: p.NamesEnvironment(), CanDisable: p.Lifecycle.CanDisable(), KeyField: p.KeyField()}
}
