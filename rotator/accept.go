package rotator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quarterturn/policies"
	"quarterturn/secret"
)

// Paste is material on its way in, with what the person saw where it came from.
type Paste struct {
	Credential   string
	Material     secret.Material
	Who          string // the person
	How          string // "terminal" or "standard input"
	Old          bool   // the pair in use, handed in because no place can return it
	Organisation string // what the portal showed, "" when not said
	Environment  string // likewise
	// Created is the creation date that the portal shows, UTC, for a pair made before it was asked for; zero: not said.
	Created time.Time
}

// Receipt says where an accepted pair went.
type Receipt struct {
	Rotation ID
	Pair     PairID
	Fragment string // last four characters of the key
	Again    bool   // it was here already, sealed
}

// Refusal is a paste or a word that was not taken. Nothing was changed.
type Refusal struct {
	Kind    string // stable, e.g. "in_use", "other_environment", "swapped"
	Text    string // what happened and what is broken, value-free
	Command string // the next command, "" when the text says it all
}

func (e *Refusal) Error() string { return e.Text }

func refuse(kind, command, format string, args ...any) error {
	return &Refusal{Kind: kind, Text: fmt.Sprintf(format, args...), Command: command}
}

// Accept is the only door by which material enters. It checks shape and novelty, seals first, commits the pair with the
// word that says so, reads the committed ciphertext back through a second connection and opens it with the data key
// still in memory. Only when it returns a nil error may anybody say "your pair is safe" (I-5). Errors: *Refusal when
// nothing was kept; anything else says whether the pair is kept.
func (rt *Rotator) Accept(ctx context.Context, p Paste) (Receipt, error) {
	c, err := rt.credential(p.Credential)
	if err != nil {
		return Receipt{}, err
	}
	if err := said(c.Spec, p); err != nil {
		return Receipt{}, err
	}
	if rt.unborn(p.Created) {
		return Receipt{}, refuse("future", "quarterturn submit "+p.Credential, "the creation date is in the future; nothing was kept")
	}
	if err := c.Hands.Shape(p.Material); err != nil {
		return Receipt{}, refuse("shape", "", "%s; nothing was kept", err)
	}
	pair, err := rt.recognised(ctx, c, p)
	if err != nil {
		return Receipt{}, err
	}
	r, err := rt.expecting(ctx, p, pair)
	if err != nil || r.State == "" {
		return Receipt{Rotation: r.ID, Pair: pair.ID, Fragment: pair.Fragment, Again: err == nil}, err
	}
	return rt.keep(ctx, r, made(pair, r, p), p)
}

// made dates a new pair. Nobody saw when it was made, and a person may sleep over it before handing it in: it counts from
// the opening of the rotation that asked for it, or from what a person says. Handed in again it gets no younger (I-15).
func made(pair Pair, r Rotation, p Paste) Pair {
	at, by := r.OpenedAt, "submission"
	if !p.Created.IsZero() {
		at, by = p.Created.UTC(), "person"
	}
	unsaid, known := p.Old && p.Created.IsZero(), pair.CreatedBy != ""
	if unsaid || known && !policies.Earliest(at).Before(policies.Earliest(pair.Created)) {
		return pair
	}
	pair.Created, pair.CreatedBy = at, by
	return pair
}

// recognised is the pair whose material came in: one that is new everywhere, or, so that it can be sealed again, the
// candidate or the old pair that it already is.
func (rt *Rotator) recognised(ctx context.Context, c Credential, p Paste) (Pair, error) {
	pair := rt.pair(c, p.Material)
	pair.Life, pair.Organisation = Candidate, p.Organisation
	if p.Old {
		pair.Life = Current
	}
	known, err := rt.o.Ledger.Find(ctx, pair.Prints)
	if err != nil {
		return pair, err
	}
	for _, k := range known {
		same := k.Credential == c.Spec.Credential && k.Prints.Compare(pair.Prints) == secret.Equal
		if same && k.Environment == pair.Environment && (k.Life == pair.Life || !p.Old && rt.worksWith(ctx, k)) {
			k.Prints = k.Prints.Merge(pair.Prints)
			return k, nil
		}
		if err := novel(c.Spec, k, pair); err != nil {
			return pair, err
		}
		if same {
			pair.Created, pair.CreatedBy = k.Created, k.CreatedBy
		}
	}
	if err := rt.comparable(ctx, pair); err != nil {
		return pair, err
	}
	return pair, rt.swapped(ctx, p.Material)
}

// worksWith: the rotation under way has taken the pair in and gone on with it: whoever pastes it again did not hear that.
func (rt *Rotator) worksWith(ctx context.Context, p Pair) bool {
	r, err := rt.Underway(ctx, p.Credential)
	return err == nil && r.New == p.ID && p.Life == Current
}

// comparable refuses what may be a pair in use whose prints lost their key: its last characters are all that is left to
// tell it by.
func (rt *Rotator) comparable(ctx context.Context, p Pair) error {
	pairs, err := rt.o.Ledger.Pairs(ctx, p.Credential)
	for _, k := range pairs {
		if mayLive(k.Life) && incomparable(p.Prints, k) && k.Fragment == p.Fragment {
			return refuse("incomparable", reprintIt, "this may be the %s pair, which cannot be compared with it: its fingerprint key is lost; "+
				"nothing was kept", k.Life)
		}
	}
	return err
}

// expecting finds the rotation that waits for this pair. A candidate comes again when its first receipt got lost; once a
// pass has opened its sealed copy there is nothing left to do, and the rotation's State is returned as "".
func (rt *Rotator) expecting(ctx context.Context, p Paste, pair Pair) (Rotation, error) {
	r, err := rt.Underway(ctx, p.Credential)
	if errors.Is(err, ErrNotFound) {
		return r, refuse("no_rotation", "quarterturn rotate "+p.Credential, "no rotation of %s is open; nothing was kept",
			p.Credential)
	}
	if err != nil {
		return r, err
	}
	again := len(pair.Sealed) > 0 && !p.Old
	switch {
	case p.Old && r.State == DueState, !p.Old && r.State == AwaitingKey, again && r.State == Received:
		return r, nil
	case again && r.New == pair.ID:
		r.State = ""
		return r, nil
	}
	return r, refuse("not_awaited", "quarterturn status "+p.Credential, "%s is %s and awaits no pair now; nothing was kept",
		p.Credential, r.State)
}

// said: what the person saw in the portal must be what the configuration says (I-4).
func said(sp Spec, p Paste) error {
	switch {
	case p.Environment != "" && p.Environment != sp.Environment:
		return refuse("other_environment", "", "the portal showed another environment than %s: create the pair there; nothing "+
			"was kept", sp.Environment)
	case p.Organisation != "" && sp.Organisation != "" && p.Organisation != sp.Organisation:
		return refuse("other_organisation", "", "the portal showed another organisation than %q: create the pair there; "+
			"nothing was kept", sp.Organisation)
	}
	return nil
}

// novel explains why a pair that shares something with a known one is not taken. A pair that was refused and wiped may
// come again, and a typing error in it must not block the right one.
func novel(sp Spec, k, p Pair) error {
	whole := k.Prints.Compare(p.Prints) == secret.Equal
	switch {
	case k.Life == Refused && k.Credential == sp.Credential:
		return nil
	case k.Environment != sp.Environment:
		return refuse("other_environment", "", "this pair belongs to %s (%s), and environments never mix: copy the pair of "+
			"this environment; nothing was kept", k.Credential, k.Environment)
	case k.Credential != sp.Credential:
		return refuse("other_credential", "", "this pair belongs to %s: copy the pair that was created for this credential; nothing "+
			"was kept", k.Credential)
	case !whole:
		return refuse("mixed", "", "one field is new and another is that of a pair first seen here on %s: paste key and secret of the same "+
			"new pair; nothing was kept", k.BornAt.Format("2006-01-02"))
	case k.Life == Dead || k.Life == Ended:
		return refuse("dead", "", "this pair was revoked on %s: create a new one in the portal; nothing was kept", k.EndedAt.Format("2006-01-02"))
	case p.Life == Current && mayLive(k.Life):
		return refuse("not_old", "quarterturn status "+sp.Credential, "this is not the pair in use as the ledger knows it (it is %s); "+
			"nothing was kept", k.Life)
	case k.Life == Current:
		return refuse("in_use", "", "this is the pair in use: create a new one in the portal; nothing was kept")
	case k.Life == Previous:
		return refuse("previous", "", "this is the previous pair: create a new one in the portal; nothing was kept")
	}
	return refuse("seen", "", "this pair was handed in before, on %s; create a new one; nothing was kept",
		k.BornAt.Format("2006-01-02"))
}

// swapped: the fields of a known pair in each other's place.
func (rt *Rotator) swapped(ctx context.Context, m secret.Material) error {
	fields := m.Fields()
	if len(fields) != 2 {
		return nil
	}
	turned := secret.Material{fields[0]: m[fields[1]], fields[1]: m[fields[0]]}
	known, err := rt.o.Ledger.Find(ctx, rt.o.Keys.Prints(turned))
	if err != nil || len(known) == 0 {
		return err
	}
	return refuse("swapped", "", "%s and %s are in each other's place, and belong to a pair that is known: paste each in its own, of a new "+
		"pair; nothing was kept", fields[0], fields[1])
}

// keep seals, commits, reads back, verifies.
func (rt *Rotator) keep(ctx context.Context, r Rotation, pair Pair, p Paste) (Receipt, error) {
	again := len(pair.Sealed) > 0
	sealed, verify, err := rt.seal(p.Material, pair)
	if err != nil {
		return Receipt{}, fmt.Errorf("the pair could not be sealed, and was not kept: %w", err)
	}
	pair.Sealed, pair.Digest = sealed, sealed.Digest()
	w := Word{Credential: r.Credential, Rotation: r.ID, Kind: Submitted, Who: p.Who, At: rt.now(), Pair: pair.ID}
	if p.Old {
		w.Target = "old"
	}
	if p.Organisation != "" && p.Environment != "" {
		w.Text = p.Organisation
	}
	e := Event{Rotation: r.ID, At: w.At, Kind: "submitted", Who: p.Who, Text: "a pair came in by " + p.How,
		Data: map[string]string{"pair": string(pair.ID), "digest": pair.Digest, "organisation": p.Organisation}}
	if err := rt.o.Ledger.Keep(ctx, pair, w, e); err != nil {
		return Receipt{}, kept(err, r)
	}
	if err := rt.readBack(ctx, pair.ID, verify); err != nil {
		return Receipt{}, fmt.Errorf("the pair was stored and could not be read back: keep the portal page open and hand it in "+
			"again: %w", err)
	}
	return Receipt{Rotation: r.ID, Pair: pair.ID, Fragment: pair.Fragment, Again: again}, nil
}

func kept(err error, r Rotation) error {
	if errors.Is(err, ErrExists) {
		return refuse("not_awaited", "quarterturn status "+r.Credential,
			"another pair of %s came in first; this one was not kept", r.Credential)
	}
	return fmt.Errorf("the pair was not kept: %w", err)
}

func (rt *Rotator) readBack(ctx context.Context, id PairID, verify secret.Verify) error {
	stored, err := rt.o.Ledger.Sealed(ctx, id)
	if err != nil {
		return err
	}
	return verify(stored)
}

// Underway is the credential's rotation under way, burials aside. ErrNotFound when there is none.
func (rt *Rotator) Underway(ctx context.Context, credential string) (Rotation, error) {
	all, err := rt.o.Ledger.Rotations(ctx, credential)
	if err != nil {
		return Rotation{}, err
	}
	for _, r := range all {
		if r.Lane != Burial && !r.State.Over() {
			return r, nil
		}
	}
	return Rotation{}, fmt.Errorf("open rotation of %s: %w", credential, ErrNotFound)
}
