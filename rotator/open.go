package rotator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quarterturn/policies"
	"quarterturn/secret"
)

// OpenNow opens a rotation whatever the age says. ErrOpen when one is under way.
func (rt *Rotator) OpenNow(ctx context.Context, credential string, lane Lane, who, rule string) (Rotation, error) {
	c, err := rt.credential(credential)
	if err != nil {
		return Rotation{}, err
	}
	items, err := rt.o.Ledger.Inventory(ctx, credential)
	if err != nil {
		return Rotation{}, err
	}
	if len(items) == 1 && items[0].State == Retired {
		return Rotation{}, refuse("retired", "", "%s is retired: take it out of the configuration, or give a new key a name of its own; nothing was changed", credential)
	}
	now := rt.now()
	r := Rotation{ID: ID("rot-" + rt.o.NewID()), Credential: credential, Lane: lane, State: DueState, Spec: c.Spec.Digest,
		OpenedAt: now, EnteredAt: now, NextAt: now, Why: rule}
	if r.Old, err = rt.currentPair(ctx, credential); err != nil {
		return r, err
	}
	return r, rt.o.Ledger.Open(ctx, r, Event{Rotation: r.ID, At: now, Kind: "opened", Who: who, To: DueState, Text: rule})
}

// Hurry has a credential rotated in the compromised lane. A rotation under way is told, and ends with the pass that hears
// it, which opens the other one in the same transaction; without one it is opened at once. The rotation is the one to
// work on next.
func (rt *Rotator) Hurry(ctx context.Context, credential, who, reason string) (Rotation, error) {
	r, err := rt.Underway(ctx, credential)
	switch {
	case errors.Is(err, ErrNotFound):
		return rt.OpenNow(ctx, credential, Compromised, who, "the pair in use is compromised, as "+who+" said")
	case err != nil || r.Lane == Compromised:
		return r, err
	}
	_, err = rt.Say(ctx, Saying{Credential: credential, Kind: Compromise, Who: who, Text: reason})
	return r, err
}

// Retire opens the journey that ends a credential without successor. A rotation under way must have ended before.
func (rt *Rotator) Retire(ctx context.Context, credential, who, reason string) (Rotation, error) {
	if strings.TrimSpace(reason) == "" {
		return Rotation{}, refuse("reasonless", "", "retiring a credential needs a reason: --reason WHY; nothing was changed")
	}
	r, err := rt.OpenNow(ctx, credential, Retire, who, "to be retired, as "+who+" asked: "+reason)
	if errors.Is(err, ErrOpen) {
		return r, refuse("open", "quarterturn status "+credential, "a rotation of %s is under way: let it end, or abandon it, first; "+
			"nothing was changed", credential)
	}
	return r, err
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
	if rt.unborn(a.Created) {
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

// unborn: nowhere on earth has that moment or day begun.
func (rt *Rotator) unborn(created time.Time) bool {
	return policies.Earliest(created).After(rt.now().Add(policies.Skew))
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
	case in.remedy != "":
		return nil, refuse("unfit_ledger", in.remedy, "%s; nothing was changed", in.Problems[0])
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
