// Package rotator is the core: it knows what a rotation is. Every pass claims a rotation, looks by observing only what
// its state needs, decides purely, records the intent, acts, looks again, and records evidence and state in one
// transaction. Material enters through Accept alone; what is true enters through the ledger's Record and Say alone.
package rotator

import (
	"fmt"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// Credential is one configured credential with the adapters that reach its places, consumers and vendor.
type Credential struct {
	Spec  Spec
	Hands Hands
}

// Hands are the adapters of one credential, by the names of its spec.
type Hands struct {
	Places    map[string]backends.Place
	Pipelines map[string]cicd.Pipeline
	Provers   map[string]cicd.Prover
	Prober    vendors.Prober
	Shape     func(secret.Material) error                // nil error: the fields are there and legal
	Random    func(like secret.Material) secret.Material // a pair nobody ever issued, of the same shape
}

// Options are what a Rotator is built from; all but Open, Seal, Trail and Lease are required.
type Options struct {
	Ledger      Ledger
	Credentials []Credential
	Keys        secret.Keys
	Seal        secret.Seal // nil: this machine takes nothing in
	Open        secret.Open // nil: this machine cannot run passes beyond awaiting_key
	Now         func() time.Time
	NewID       func() string // random, printable, 16 or more characters
	Owner       string        // who holds the leases, e.g. host and process
	Trail       func(Event)   // told after each record; nil: nobody listens
	Lease       time.Duration // 0: 2 minutes; where every vendor is simulated with a pace, seconds
}

// Rotator runs passes over the configured credentials.
type Rotator struct {
	o     Options
	creds map[string]Credential
	stock string        // digest of the whole configuration
	long  time.Duration // the lease around a redeploy
}

// New refuses options that lack a safety part.
func New(o Options) (*Rotator, error) {
	if o.Ledger == nil || o.Now == nil || o.NewID == nil || o.Owner == "" {
		return nil, fmt.Errorf("a rotator needs a ledger, a clock, an id source and an owner")
	}
	rt := &Rotator{o: o, creds: map[string]Credential{}}
	rt.o.Lease, rt.long = leases(o)
	for _, c := range o.Credentials {
		if c.Spec.Credential == "" || rt.creds[c.Spec.Credential].Spec.Credential != "" {
			return nil, fmt.Errorf("credential names must be given once each")
		}
		rt.creds[c.Spec.Credential] = c
	}
	rt.stock = rt.digest()
	return rt, nil
}

// now is the one clock, in UTC.
func (rt *Rotator) now() time.Time { return rt.o.Now().UTC() }

// credential finds a configured credential. ErrNotFound wrapped with the remedy.
func (rt *Rotator) credential(name string) (Credential, error) {
	c, ok := rt.creds[name]
	if !ok {
		return Credential{}, fmt.Errorf("credential %q is not in the configuration: %w", name, ErrNotFound)
	}
	return c, nil
}
