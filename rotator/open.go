package rotator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"quarterturn/policies"
	"quarterturn/secret"
)

// restAfter is how long a rotation that was given up is not opened again by itself, unless the key is overdue.
const restAfter = 24 * time.Hour

// OpenDue opens a rotation for every configured credential whose policy asks for one and that has none under way.
func (rt *Rotator) OpenDue(ctx context.Context) error {
	standings, err := rt.Status(ctx)
	if err != nil {
		return err
	}
	for _, st := range standings {
		if st.Rotation != nil || !rt.opens(st) {
			continue
		}
		if _, err := rt.OpenNow(ctx, st.Credential, Routine, "quarterturn", st.Finding.Rule); err != nil && !errors.Is(err, ErrOpen) {
			return err
		}
	}
	return nil
}

func (rt *Rotator) opens(st Standing) bool {
	switch st.Finding.Level {
	case policies.Overdue:
		return st.Finding.Known || rt.now().Sub(st.GivenUp) >= restAfter
	case policies.Due:
		return st.Finding.Frozen == nil && rt.now().Sub(st.GivenUp) >= restAfter
	}
	return false
}

// OpenNow opens a rotation whatever the age says. ErrOpen when one is under way. Lanes that are not built are refused.
func (rt *Rotator) OpenNow(ctx context.Context, credential string, lane Lane, who, rule string) (Rotation, error) {
	c, err := rt.credential(credential)
	if err != nil {
		return Rotation{}, err
	}
	if lane != Routine {
		return Rotation{}, refuse("lane", "quarterturn rotate "+credential, "the %s lane is not built yet; nothing was changed. "+
			"The routine lane is", lane)
	}
	now := rt.now()
	r := Rotation{ID: ID("rot-" + rt.o.NewID()), Credential: credential, Lane: lane, State: DueState, Spec: c.Spec.Digest,
		OpenedAt: now, EnteredAt: now, NextAt: now, Why: rule}
	if r.Old, err = rt.currentPair(ctx, credential); err != nil {
		return r, err
	}
	return r, rt.o.Ledger.Open(ctx, r, Event{Rotation: r.ID, At: now, Kind: "opened", Who: who, To: DueState, Text: rule})
}

func (rt *Rotator) currentPair(ctx context.Context, credential string) (PairID, error) {
	pairs, err := rt.o.Ledger.Pairs(ctx, credential)
	for _, p := range pairs {
		if p.Life == Current {
			return p.ID, err
		}
	}
	return "", err
}

// Adoption is what a person knows about a key that is already everywhere.
type Adoption struct {
	Credential string
	Who        string
	Created    time.Time // by the portal, UTC; zero: unknown, hence overdue
	Fragment   string    // last four characters the portal shows, "" to take them from the places
}

// Adopt makes the pair that every place holds the credential's current one, and changes nothing outside. It refuses
// places that differ, are torn or cannot be read, naming them.
func (rt *Rotator) Adopt(ctx context.Context, a Adoption) (Pair, Inspection, error) {
	c, err := rt.credential(a.Credential)
	if err != nil {
		return Pair{}, Inspection{}, err
	}
	if a.Created.After(rt.now().Add(5 * time.Minute)) {
		return Pair{}, Inspection{}, refuse("future", "", "the creation date is in the future; nothing was changed")
	}
	in, err := rt.Inspect(ctx, a.Credential)
	if err != nil {
		return Pair{}, in, err
	}
	m, err := in.material(a.Credential)
	if err != nil {
		return Pair{}, in, err
	}
	pairs, err := rt.o.Ledger.Pairs(ctx, a.Credential)
	if err != nil {
		return Pair{}, in, err
	}
	p, others := rt.recognise(c, m, pairs)
	if err := adoptable(p, a, others); err != nil {
		return p, in, err
	}
	p.Life = Current
	if !a.Created.IsZero() {
		p.Created, p.CreatedBy = a.Created.UTC(), "person"
	}
	return p, in, rt.adopt(ctx, p, a)
}

// credentialChain is the trail of what is said and done on a credential outside any rotation.
func credentialChain(credential string) ID { return ID("credential:" + credential) }

func adoptable(p Pair, a Adoption, others []Pair) error {
	switch {
	case p.Life == Dead || p.Life == Ended:
		return refuse("dead", "quarterturn rotate "+a.Credential, "the places hold a pair that was revoked; nothing was changed")
	case len(others) > 0:
		return refuse("changed", "quarterturn rotate "+a.Credential, "the places hold another pair than the one the ledger knows as "+
			"current: a rotation sorts that out; nothing was changed")
	case a.Fragment != "" && a.Fragment != p.Fragment:
		return refuse("fragment", "", "the key in the places ends in other characters than the portal shows: the portal's key is "+
			"not the one in use; nothing was changed")
	}
	return nil
}

func (rt *Rotator) adopt(ctx context.Context, p Pair, a Adoption) error {
	chain := credentialChain(a.Credential)
	text := "adopted the pair in use, created " + p.Created.Format("2006-01-02")
	if p.Created.IsZero() {
		text = "adopted the pair in use; its age is unknown, hence overdue"
	}
	err := rt.o.Ledger.Adopt(ctx, p, Event{Rotation: chain, At: rt.now(), Kind: "adopted", Who: a.Who, Text: text,
		Data: map[string]string{"pair": string(p.ID)}})
	if errors.Is(err, ErrOpen) {
		return refuse("open", "quarterturn abandon "+a.Credential, "a rotation of %s is open: abandon it first, or go on with it; "+
			"nothing was changed", a.Credential)
	}
	return err
}

// material is the pair on which every place agrees.
func (in Inspection) material(credential string) (secret.Material, error) {
	switch {
	case in.unfit > 0:
		return nil, refuse("preflight", "quarterturn check "+credential, "%s; nothing was changed", in.Problems[0])
	case in.source == nil:
		return nil, refuse("nothing", "quarterturn rotate "+credential, "no place returns a pair: there is nothing to adopt, "+
			"and nothing was changed; a rotation brings in the first key")
	}
	return in.source, nil
}

// names of the configured credentials, sorted.
func (rt *Rotator) names() []string { return slices.Sorted(maps.Keys(rt.creds)) }

func (st Standing) String() string { return fmt.Sprintf("%s %s", st.Credential, st.Finding.Level) }
