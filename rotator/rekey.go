package rotator

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"quarterturn/backends"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// Rekeyed is what became of one pair. Err and Why are value-free.
type Rekeyed struct {
	Pair    Pair   // as it was
	Done    bool   // it has a new seal or new prints
	Already bool   // nothing was missing
	Wiped   bool   // its sealed copy was given up
	From    string // where its material came from: "its sealed copy", "place NAME"
	Why     string // why not, "" when it was done
}

// Rekeying is what every rekey needs. Tell hears of each pair when it is settled.
type Rekeying struct {
	Carer Carer
	Who   string
	Tell  func(Rekeyed)
	Lost  func(error) bool // why an Open failed: the identity is lost for good. nil: it is not, and nothing is given up
}

// Reseal seals every sealed pair again, to the recipients of Options.Seal: each in a transaction of its own, read back and
// verified, so that it can be stopped and run again at any time. What no identity opens stays as it is or, where the
// identity is lost, is taken from a place that returns exactly that pair, and given up where none does. The error is
// the ledger's, the seal's or ctx's; what was told before it is done.
func (rt *Rotator) Reseal(ctx context.Context, k Rekeying) error {
	if rt.o.Open == nil {
		return refuse("no_identity", "quarterturn check", "this machine holds no sealing identity: seal again where one is; nothing was changed")
	}
	pairs, err := rt.o.Ledger.Pairs(ctx, "")
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if len(p.Sealed) == 0 {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		done, err := rt.reseal(ctx, k, p)
		if err != nil {
			return err
		}
		k.Tell(done)
	}
	return nil
}

func (rt *Rotator) reseal(ctx context.Context, k Rekeying, p Pair) (Rekeyed, error) {
	done := Rekeyed{Pair: p, From: "its sealed copy"}
	m, err := rt.o.Open(p.Sealed, bound(p))
	if err != nil && (k.Lost == nil || !k.Lost(err)) {
		done.Why = err.Error()
		return done, nil
	}
	if err != nil {
		m, done.From = rt.returned(ctx, p)
	}
	if m == nil {
		done.Wiped, done.Why = true, "no identity opens it, and no place returns it: its sealed copy was given up"
		p.Sealed = nil
		return done, renewed(&done, k.Carer.Renew(ctx, p, p.Digest, rt.rekeyed(k, p, "sealed copy given up", done.Why)))
	}
	return done, rt.sealAgain(ctx, k, p, m, &done)
}

// sealAgain replaces a sealed copy. A copy that can't be read back whole is replaced by the one before it.
func (rt *Rotator) sealAgain(ctx context.Context, k Rekeying, p Pair, m secret.Material, done *Rekeyed) error {
	before := p
	sealed, verify, err := rt.seal(m, p)
	if err != nil {
		return err
	}
	p.Sealed, p.Digest = sealed, sealed.Digest()
	if err := k.Carer.Renew(ctx, p, before.Digest, rt.rekeyed(k, p, "sealed again", "sealed again, from "+done.From)); err != nil {
		return renewed(done, err)
	}
	if err := rt.readBack(ctx, p.ID, verify); err != nil {
		why := "what was sealed again could not be read back: the copy before it was put back"
		return errors.Join(fmt.Errorf("%s: %w", why, err), k.Carer.Renew(ctx, before, p.Digest, rt.rekeyed(k, before, "sealed copy put back", why)))
	}
	done.Done = true
	return nil
}

// renewed: a pass at the same moment is no reason to stop.
func renewed(done *Rekeyed, err error) error {
	if errors.Is(err, ErrStale) {
		done.Wiped, done.Why = false, "a pass changed it at the same moment: run this again"
		return nil
	}
	return err
}

func (rt *Rotator) rekeyed(k Rekeying, p Pair, kind, text string) Event {
	return Event{Rotation: credentialChain(p.Credential), At: rt.now(), Kind: kind, Who: k.Who, Text: text,
		Data: map[string]string{"pair": string(p.ID), "digest": p.Digest}}
}

// returned is the material of p from a place that returns exactly that pair; nil when none does.
func (rt *Rotator) returned(ctx context.Context, p Pair) (secret.Material, string) {
	if !mayLive(p.Life) {
		return nil, ""
	}
	for place, m := range rt.inPlaces(ctx, p.Credential) {
		if rt.o.Keys.Prints(m).Compare(p.Prints) == secret.Equal {
			return m, "place " + place
		}
	}
	return nil, ""
}

// inPlaces reads every place of a credential that returns whole pairs.
func (rt *Rotator) inPlaces(ctx context.Context, credential string) map[string]secret.Material {
	all := map[string]secret.Material{}
	c := rt.creds[credential]
	for _, p := range c.Spec.Places {
		reader, ok := c.Hands.Places[p.Name].(backends.Reader)
		if !ok || len(p.Fields) < len(c.Spec.Fields) {
			continue
		}
		if m, err := reader.Read(ctx); err == nil {
			all[p.Name] = m
		}
	}
	return all
}

// Unprinted counts the pairs that can be opened or read and lack prints under one of the keys held: a rekey that was
// stopped left them.
func (rt *Rotator) Unprinted(ctx context.Context) (n int, err error) {
	err = rt.reprints(ctx, func(_ context.Context, p Pair, m secret.Material, _ string) error {
		if m != nil && rt.lacks(p, m) {
			n++
		}
		return nil
	})
	return n, err
}

// Reprint gives every pair that can be opened, or read from a place, its prints under every key held; those it has stay.
// With lost, the keys of older prints are gone: then the pair in a place may be told by the last characters of its key
// alone, once its pinned host has accepted it. It can be stopped and run again at any time.
func (rt *Rotator) Reprint(ctx context.Context, k Rekeying, lost bool) error {
	return rt.reprints(ctx, func(ctx context.Context, p Pair, m secret.Material, from string) error {
		done := Rekeyed{Pair: p, From: from}
		var err error
		if m == nil && lost && mayLive(p.Life) && !rt.o.Keys.Knows(p.Prints) {
			m, done.From, done.Why, err = rt.told(ctx, p)
		}
		if err == nil {
			err = rt.reprint(ctx, k, p, m, &done)
		}
		if err == nil {
			k.Tell(done)
		}
		return err
	})
}

func (rt *Rotator) reprint(ctx context.Context, k Rekeying, p Pair, m secret.Material, done *Rekeyed) error {
	switch {
	case m == nil && done.Why == "":
		done.Why = "it can be neither opened nor read: it has prints under the keys of then alone"
		return nil
	case m == nil:
		return nil
	case !rt.lacks(p, m):
		done.Already = true
		return nil
	}
	was := ""
	if len(p.Sealed) > 0 {
		was = p.Digest
	}
	p.Prints = p.Prints.Merge(rt.allPrints(p.Credential, m))
	err := renewed(done, k.Carer.Renew(ctx, p, was, rt.rekeyed(k, p, "fingerprinted again", "fingerprints under every key held, from "+done.From)))
	done.Done = err == nil && done.Why == ""
	return err
}

// reprints hands over every pair with its material, nil where there is none, and says where that came from: first those
// that can be opened, for what a place returns is told by them.
func (rt *Rotator) reprints(ctx context.Context, do func(context.Context, Pair, secret.Material, string) error) error {
	pairs, err := rt.o.Ledger.Pairs(ctx, "")
	if err != nil {
		return err
	}
	var closed []Pair
	for _, p := range pairs {
		m := rt.opened(p)
		if m == nil {
			closed = append(closed, p)
		} else if err := errors.Join(do(ctx, p, m, "its sealed copy"), ctx.Err()); err != nil {
			return err
		}
	}
	for _, p := range closed {
		m, from := rt.returned(ctx, p)
		if err := errors.Join(do(ctx, p, m, from), ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// opened is nil for a pair that stays closed.
func (rt *Rotator) opened(p Pair) secret.Material {
	if len(p.Sealed) == 0 || rt.o.Open == nil {
		return nil
	}
	m, err := rt.o.Open(p.Sealed, bound(p))
	if err != nil {
		return nil
	}
	return m
}

func (rt *Rotator) allPrints(credential string, m secret.Material) secret.Prints {
	prints := rt.o.Keys.Prints(m)
	for _, consumer := range rt.creds[credential].Spec.Consumers {
		prints = prints.Merge(rt.o.Keys.Reports(m, consumer.Name))
	}
	return prints
}

func (rt *Rotator) lacks(p Pair, m secret.Material) bool {
	return !maps.Equal(p.Prints, p.Prints.Merge(rt.allPrints(p.Credential, m)))
}

// told finds p in a place by the last characters of its key, where no other pair that may live could be meant and the
// pinned host accepts what was read.
func (rt *Rotator) told(ctx context.Context, p Pair) (secret.Material, string, string, error) {
	c, pairs, err := rt.alike(ctx, p)
	if err != nil {
		return nil, "", "", err
	}
	for place, m := range rt.inPlaces(ctx, p.Credential) {
		known, err := rt.o.Ledger.Find(ctx, rt.o.Keys.Prints(m))
		if err != nil {
			return nil, "", "", err
		}
		if len(known) > 0 || fragment(m[c.Spec.Profile.KeyField]) != p.Fragment {
			continue
		}
		if len(pairs) > 1 {
			return nil, "", "more than one pair it may be ends in these characters", nil
		}
		l := newLooker(rt, c)
		rd, err := l.ask(ctx, p.ID, m, &Seen{At: rt.now()})
		if err != nil || verdict(rd) == vendors.Accepted && !elsewhere(c.Spec, rd) {
			return m, "place " + place + ", which returns a key of the same last characters that the vendor accepts", "", err
		}
		return nil, "", "the vendor does not accept what place " + place + " returns", nil
	}
	return nil, "", "it can be neither opened nor read: its prints stay incomparable", nil
}

// alike are the pairs of p's credential that may live, cannot be compared, and end in the same characters: p and others.
func (rt *Rotator) alike(ctx context.Context, p Pair) (Credential, []Pair, error) {
	pairs, err := rt.o.Ledger.Pairs(ctx, p.Credential)
	var same []Pair
	for _, q := range pairs {
		if mayLive(q.Life) && q.Fragment == p.Fragment && !rt.o.Keys.Knows(q.Prints) {
			same = append(same, q)
		}
	}
	return rt.creds[p.Credential], same, err
}
