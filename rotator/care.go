package rotator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quarterturn/backends"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// Carer is the side of a ledger that mends it after a loss. Each call is one transaction with its events.
type Carer interface {
	// Mend makes m true whatever leases there are. ErrStale: what it ends was changed meanwhile; nothing happened.
	Mend(ctx context.Context, m Mend) error
	// Renew gives a pair that is there p's ciphertext and p's further prints, and wakes what waits on its credential.
	// ErrStale: its ciphertext has another digest than was ("" for none) by now; nothing happened.
	Renew(ctx context.Context, p Pair, was string, e ...Event) error
	// Settle ends what Agenda.Restored says. With clock it also has Agenda.Newest count only what comes after, and
	// brings everything that a wrong clock put off back to now. The event is on the chain "ledger".
	Settle(ctx context.Context, e Event, clock bool) error
}

// Mend is what reconciling found about one credential.
type Mend struct {
	Credential string
	Epoch      int64      // the credential's epoch is raised to it, never lowered
	Ends       *Rotation  // ended as it stands here, if it still has this Rev
	Pairs      []Pair     // stored whole by ID, in order
	Opens      []Rotation // burials, with an "opened" event each
	Events     []Event    // on the credential's chain, or that of Ends
}

// Reconciled is what was found about one credential, and what was done.
type Reconciled struct {
	Credential string
	Places     int64 // the highest epoch a place carries
	Ledger     int64 // the ledger's epoch before
	Took       Pair  // became the pair in use, zero when nothing did
	Ended      ID    // a rotation that was ended with it
	What       string
	Problems   []string // why it cannot be reconciled, each with its remedy; then nothing was changed
	Command    string   // the next command where there are problems
}

// Reconcile compares the ledger with what places and vendor say, credential by credential, and mends it: nothing outside
// is changed. Dry: nothing in the ledger either, but for the calls that were made. With no problem left the ledger is
// settled. The error is the ledger's or ctx's.
func (rt *Rotator) Reconcile(ctx context.Context, carer Carer, who string, dry, clock bool) ([]Reconciled, error) {
	var all []Reconciled
	good := true
	for _, name := range rt.names() {
		rec, err := rt.reconcile(ctx, carer, rt.creds[name], who, dry)
		if err != nil {
			return all, errors.Join(err, ctx.Err())
		}
		good = good && len(rec.Problems) == 0
		all = append(all, rec)
	}
	if !good || dry {
		return all, ctx.Err()
	}
	e := Event{Rotation: "ledger", At: rt.now(), Kind: "reconciled", Who: who, Text: "the ledger agrees with what places and vendor say"}
	if clock {
		e.Text += "; this machine's clock is right, and what was recorded before by a wrong one does not count"
	}
	return all, carer.Settle(ctx, e, clock)
}

func (rt *Rotator) reconcile(ctx context.Context, carer Carer, c Credential, who string, dry bool) (Reconciled, error) {
	a := account{rt: rt, l: newLooker(rt, c), rec: Reconciled{Credential: c.Spec.Credential}}
	defer a.l.forget()
	if err := a.take(ctx); err != nil {
		return a.rec, err
	}
	m, err := a.settle(ctx, who)
	if err != nil || len(a.rec.Problems) > 0 || dry {
		return a.rec, err
	}
	if err := carer.Mend(ctx, m); errors.Is(err, ErrStale) {
		a.problem("quarterturn ledger reconcile", "a pass was at work on it at the same moment: run it again")
	} else if err != nil {
		return a.rec, err
	}
	return a.rec, nil
}

// account is one credential between ledger, places and vendor.
type account struct {
	rt        *Rotator
	l         *looker
	rec       Reconciled
	held      []holdingSeen
	pairs     []Pair
	rotations []Rotation
}

// holdingSeen is one place that returned prints.
type holdingSeen struct {
	place  PlaceSpec
	prints secret.Prints
	known  PairID // "" for a pair the ledger does not know
}

func (a *account) problem(command, format string, args ...any) {
	a.rec.Problems = append(a.rec.Problems, fmt.Sprintf(format, args...))
	if a.rec.Command == "" {
		a.rec.Command = command
	}
}

// take looks at the places first: whatever a pass writes meanwhile is in the ledger before it is in a place.
func (a *account) take(ctx context.Context) (err error) {
	for _, p := range a.l.c.Spec.Places {
		h, err := a.l.c.Hands.Places[p.Name].Observe(ctx)
		switch {
		case errors.Is(err, backends.ErrAbsent):
		case err != nil:
			a.problem("quarterturn check "+a.rec.Credential, "place %s cannot be reached: %s", p.Name, err)
		case h.Grade == backends.ReadBack && len(h.Prints) > 0:
			a.held = append(a.held, holdingSeen{place: p, prints: h.Prints})
		}
		a.rec.Places = max(a.rec.Places, h.Epoch)
	}
	led := a.rt.o.Ledger
	if a.pairs, err = led.Pairs(ctx, a.rec.Credential); err != nil {
		return err
	}
	if a.rotations, err = led.Rotations(ctx, a.rec.Credential); err != nil {
		return err
	}
	a.rec.Ledger, err = led.Epoch(ctx, a.rec.Credential)
	return err
}

// settle says what is to be mended.
func (a *account) settle(ctx context.Context, who string) (Mend, error) {
	m := Mend{Credential: a.rec.Credential, Epoch: a.rec.Ledger}
	if a.rec.Places > a.rec.Ledger {
		m.Epoch = a.rec.Places + 1
	}
	strange := a.judge()
	a.rec.What = "the ledger knows what the places hold"
	if len(strange) > 0 && len(a.rec.Problems) == 0 {
		if err := a.overtake(ctx, strange, &m); err != nil {
			return m, err
		}
	}
	if len(a.held) == 0 && len(a.rec.Problems) == 0 {
		a.rec.What = "no place returns a pair: nothing to compare"
	}
	data := map[string]string{"epoch": fmt.Sprint(m.Epoch), "pair": string(a.rec.Took.ID)}
	for _, c := range a.l.calls {
		data["call."+c.ID] = Digest(c)
	}
	m.Events = append(m.Events, Event{Rotation: credentialChain(m.Credential), At: a.rt.now(), Kind: "reconciled", Who: who,
		Text: a.rec.What, Data: data})
	return m, nil
}

// judge finds the places whose pair the ledger does not know, and what cannot be judged.
func (a *account) judge() (strange []holdingSeen) {
	for i, h := range a.held {
		like := secret.Different
		for _, k := range a.pairs {
			switch h.prints.Compare(k.Prints) {
			case secret.Equal:
				a.held[i].known = k.ID
			case secret.Torn:
				like = secret.Torn
			case secret.Incomparable:
				if mayLive(k.Life) && len(k.Prints) > 0 && like != secret.Torn {
					like = secret.Incomparable
				}
			}
		}
		switch {
		case a.held[i].known != "":
		case like == secret.Torn:
			a.problem("quarterturn check "+a.rec.Credential, "place %s holds a mix of two pairs: mend it by hand", h.place.Name)
		case like == secret.Incomparable:
			a.problem(reprintIt, "place %s holds a pair that cannot be compared: its fingerprint key is lost", h.place.Name)
		default:
			strange = append(strange, h)
		}
	}
	if len(strange) > 0 && len(strange) < len(a.held) {
		a.problem("quarterturn check "+a.rec.Credential, "place %s holds a pair that the ledger does not know, and another place one that "+
			"it knows: mend the place that is wrong", strange[0].place.Name)
	}
	return strange
}

// overtake makes the pair on which every place agrees the one in use.
func (a *account) overtake(ctx context.Context, strange []holdingSeen, m *Mend) error {
	material, err := a.agreed(ctx, strange)
	if err != nil || material == nil {
		return err
	}
	ok, err := a.accepted(ctx, material)
	if err != nil || !ok {
		return err
	}
	p := a.rt.pair(a.l.c, material)
	p.Life, a.rec.Took = Current, p
	a.rec.What = "the places agree on the key ending in " + p.Fragment + ", which the vendor accepts: it is the pair in use now, and its age " +
		"is unknown until adopt --created says it"
	a.bury(m)
	m.Pairs = append(m.Pairs, p)
	return nil
}

// agreed reads the pair that all the strange places hold; nil with a problem when there is none.
func (a *account) agreed(ctx context.Context, strange []holdingSeen) (secret.Material, error) {
	check := "quarterturn check " + a.rec.Credential
	for _, h := range strange {
		reader, ok := a.l.c.Hands.Places[h.place.Name].(backends.Reader)
		if !ok || len(h.place.Fields) < len(a.l.c.Spec.Fields) {
			continue
		}
		m, err := reader.Read(ctx)
		if err != nil {
			a.problem(check, "place %s cannot be read: %s", h.place.Name, err)
			return nil, nil
		}
		return m, a.same(ctx, m, strange)
	}
	a.problem(check, "no place returns the whole pair that the places hold")
	return nil, nil
}

// same adds a problem when a place holds another pair than m, or m is another credential's.
func (a *account) same(ctx context.Context, m secret.Material, strange []holdingSeen) error {
	prints := a.rt.o.Keys.Prints(m)
	for _, h := range strange {
		if h.prints.Compare(prints) != secret.Equal {
			a.problem("quarterturn check "+a.rec.Credential, "the places disagree: %s and %s hold different pairs that the ledger does not "+
				"know; mend the one that is wrong", strange[0].place.Name, h.place.Name)
			return nil
		}
	}
	known, err := a.rt.o.Ledger.Find(ctx, prints)
	for _, k := range known {
		if k.Credential != a.rec.Credential {
			a.problem("quarterturn check "+a.rec.Credential, "the places hold the pair of %s (%s)", k.Credential, k.Environment)
			break
		}
	}
	return err
}

// accepted asks the pinned host.
func (a *account) accepted(ctx context.Context, m secret.Material) (bool, error) {
	if len(a.rec.Problems) > 0 {
		return false, nil
	}
	s := Seen{At: a.rt.now()}
	rd, err := a.l.ask(ctx, "", m, &s)
	switch {
	case err != nil:
		return false, err
	case elsewhere(a.l.c.Spec, rd):
		a.problem("quarterturn check "+a.rec.Credential, "the pair in the places answers for %s", rd.Environment)
	case verdict(rd) == vendors.Refused:
		a.problem("quarterturn check "+a.rec.Credential, "the vendor refuses the pair that the places hold, and the ledger does not know it: "+
			"put a pair that works there")
	case verdict(rd) != vendors.Accepted:
		a.problem(reconcileIt, "whether the pair in the places works is unclear: %s", why(rd, s))
	}
	return len(a.rec.Problems) == 0, nil
}

// bury ends what the ledger took to be under way, and gives every pair that may be alive beside the one in use a burial.
func (a *account) bury(m *Mend) {
	wrote := map[PairID]bool{}
	for _, r := range a.rotations {
		if r.State.Over() || r.Lane == Burial {
			continue
		}
		wrote[r.New] = r.Facts.Wrote
		from := r.State
		r.State, r.EnteredAt, r.Command = Abandoned, a.rt.now(), ""
		r.Why = "ended by reconciling: the places hold a pair that this rotation knows nothing of"
		m.Ends, a.rec.Ended = &r, r.ID
		m.Events = append(m.Events, Event{Rotation: r.ID, At: r.EnteredAt, Kind: "moved", Who: "quarterturn", From: from, To: Abandoned, Text: r.Why})
	}
	for _, k := range a.pairs {
		if k.Life != Candidate && k.Life != Current && k.Life != Previous {
			continue
		}
		used := k.Life != Candidate || wrote[k.ID]
		k.Life = Orphan
		m.Pairs = append(m.Pairs, k)
		if !slices.ContainsFunc(a.rotations, func(r Rotation) bool { return r.Lane == Burial && r.Old == k.ID && !r.State.Over() }) {
			m.Opens = append(m.Opens, a.rt.burial(Rotation{Credential: k.Credential, Spec: a.l.c.Spec.Digest},
				Grave{Pair: k.ID, State: AwaitingRevocation, Used: used}))
		}
	}
}

// String is for logs.
func (r Reconciled) String() string {
	return r.Credential + ": " + strings.Join(append(r.Problems, r.What), "; ")
}
