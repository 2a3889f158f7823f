package rotator

import (
	"context"
	"slices"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/policies"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// Standing is where one credential stands: its age by the policy, what is under way, and the one next command.
type Standing struct {
	Credential  string
	Vendor      string
	Environment string
	Finding     policies.Finding
	Current     Pair       // zero when none is known
	Rotation    *Rotation  // under way, nil when none is
	Burials     []Rotation // under way
	Pairs       []Pair
	Review      *Word     // an approval that somebody gave alone, and nobody has reviewed; nil when there is none
	Retired     bool      // it has ended without successor
	GivenUp     time.Time // when the last rotation was abandoned or rolled back, zero when it was not
	Why         string    // one sentence
	Command     string    // the one next command, "" when nobody is awaited
	Configured  bool      // false: in the ledger, and no longer in the configuration (I-20)
}

// Status lists where credentials stand: all of them when none is named. Three queries, and one for each rotation that
// awaits a person; for a single name only what is its own is read.
func (rt *Rotator) Status(ctx context.Context, names ...string) ([]Standing, error) {
	only := ""
	if len(names) == 1 {
		only = names[0]
	}
	pairs, err := rt.o.Ledger.Pairs(ctx, only)
	if err != nil {
		return nil, err
	}
	rotations, err := rt.o.Ledger.Rotations(ctx, only)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = rt.names()
	}
	byName := map[string]*Standing{}
	list := make([]Standing, len(names))
	for i, n := range names {
		c, err := rt.credential(n)
		if err != nil {
			return nil, err
		}
		list[i] = Standing{Credential: n, Vendor: c.Spec.Vendor, Environment: c.Spec.Environment, Configured: true}
		byName[n] = &list[i]
	}
	gather(byName, pairs, rotations)
	doubt, err := rt.Doubt(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		rt.judge(&list[i], doubt)
		if err := rt.outdated(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func gather(byName map[string]*Standing, pairs []Pair, rotations []Rotation) {
	for _, p := range pairs {
		if st := byName[p.Credential]; st != nil {
			st.Pairs = append(st.Pairs, p)
			if p.Life == Current {
				st.Current = p
			}
		}
	}
	for _, r := range rotations {
		if st := byName[r.Credential]; st != nil {
			st.take(r)
		}
	}
}

func (st *Standing) take(r Rotation) {
	switch {
	case !r.State.Over() && r.Lane == Burial:
		st.Burials = append(st.Burials, r)
	case !r.State.Over():
		st.Rotation = &r
	case r.Lane == Retire && r.State == Closed:
		st.Retired = true
	case r.Lane == Compromised && r.Facts.Lone != nil:
		st.Review = r.Facts.Lone
	case r.State == Abandoned || r.State == RolledBack:
		st.GivenUp = later(st.GivenUp, r.EnteredAt)
	}
}

// judge says in one sentence what is the matter and which command is next.
func (rt *Rotator) judge(st *Standing, doubt string) {
	st.Finding = policies.Judge(rt.creds[st.Credential].Spec.Policy, st.Current.Created, rt.now())
	if doubt != "" && st.Finding.Level != policies.Overdue {
		st.Finding.Level, st.Finding.Known, st.Finding.Rule = policies.Overdue, false, doubt
	}
	st.Why = st.Finding.Rule
	r := st.Rotation
	switch {
	case doubt == ErrRestored.Error():
		st.Why, st.Command = doubt, reconcileIt
		return
	case len(st.Current.Prints) > 0 && !rt.o.Keys.Knows(st.Current.Prints):
		st.Why, st.Command = "the fingerprint key of the pair in use is lost: nothing can be compared with it", reprintIt
		return
	case r != nil && (r.Command == reconcileIt || r.Command == reprintIt) && !r.NextAt.After(rt.now()):
		st.Why, st.Command = "the ledger was mended; the next pass goes on", "quarterturn run"
		return
	case st.Rotation != nil:
		st.Why, st.Command = st.Rotation.Why, st.Rotation.Command
		return
	case st.Retired && st.Current.ID == "":
		st.Finding.Level, st.Why = policies.Fresh, "retired: no pair is in use"
	case st.Current.ID == "":
		st.Why, st.Command = "not adopted: its age is unknown, hence overdue", "quarterturn adopt "+st.Credential
	case st.Finding.Level != policies.Fresh:
		st.Command = "quarterturn rotate " + st.Credential
	}
	for _, b := range st.Burials {
		if b.Command != "" && st.Command == "" {
			st.Why, st.Command = b.Why, b.Command
		}
	}
}

// outdated: what was asked of a person before a word came in need not be right any more; a pass must look first.
func (rt *Rotator) outdated(ctx context.Context, st *Standing) error {
	if err := rt.reviewed(ctx, st); err != nil {
		return err
	}
	if st.Rotation == nil || st.Command == "" {
		return nil
	}
	news, err := rt.unheard(ctx, *st.Rotation)
	for _, w := range news {
		if w.Seq > st.Rotation.Facts.Heard {
			st.Why, st.Command = "a word came in ("+string(w.Kind)+", from "+w.Who+"); the next pass acts on it", "quarterturn run"
		}
	}
	return err
}

// reviewed: an approval that was given alone waits until somebody else has looked at it.
func (rt *Rotator) reviewed(ctx context.Context, st *Standing) error {
	if st.Review == nil {
		return nil
	}
	said, err := rt.o.Ledger.Words(ctx, st.Credential)
	for _, w := range said {
		if w.Kind == Reviewed && w.Seq > st.Review.Seq {
			st.Review = nil
			return err
		}
	}
	if st.Command == "" {
		st.Why = st.Review.Who + " approved a revocation alone (" + st.Review.Text + "): somebody else is to review it"
		st.Command = "quarterturn approve " + st.Credential + " --review"
	}
	return err
}

// Inspection is what check, adopt and plan show about a credential: preflight in detail. Nothing was changed.
type Inspection struct {
	Credential string
	Places     []PlaceReport
	Consumers  []ConsumerReport
	Old        *vendors.Reading // the pair in the places, asked; nil when no place returns one
	OldWhy     string           // why it was not asked
	Problems   []string         // each names its remedy
	unfit      int              // how many of Problems, the first ones, are about places and what they hold
	waivable   []string         // what a waiver would settle of Problems, by its target
	remedy     string           // the command without which the ledger is not to be relied on, "" when it is
	source     secret.Material
}

// Next is the command that leads on from Problems, "" when there are none: what mends the ledger, a waiver where a rotation
// waits for nothing else, or the same check once it is mended.
func (in Inspection) Next(waits bool) string {
	switch {
	case len(in.Problems) == 0:
		return ""
	case in.remedy != "":
		return in.remedy
	case waits && len(in.Problems) == len(in.waivable):
		return "quarterturn waive " + in.Credential + " " + in.waivable[0]
	}
	return "quarterturn check " + in.Credential
}

// PlaceReport is one place.
type PlaceReport struct {
	Spec  PlaceSpec
	Seen  PlaceSeen
	Ready backends.Readiness
}

// ConsumerReport is one consumer.
type ConsumerReport struct {
	Spec  ConsumerSpec
	Notes []string
}

// Inspect looks at every place and consumer of a credential and probes the pair that the places hold.
func (rt *Rotator) Inspect(ctx context.Context, credential string) (Inspection, error) {
	in := Inspection{Credential: credential}
	c, err := rt.credential(credential)
	if err != nil {
		return in, err
	}
	l := newLooker(rt, c)
	defer l.forget()
	current, err := rt.currentPair(ctx, credential)
	if err != nil {
		return in, err
	}
	epoch, err := rt.o.Ledger.Epoch(ctx, credential)
	if err != nil {
		return in, err
	}
	s, err := l.look(ctx, Rotation{Credential: credential, Lane: Routine, State: DueState, Old: current, Epoch: epoch})
	if err != nil {
		return in, err
	}
	in.remedy = remedyOf(c.Spec, s, epoch)
	if a, err := rt.o.Ledger.Ready(ctx, rt.now(), 0); err != nil {
		return in, err
	} else if a.Restored && in.remedy == "" {
		in.remedy, s.Unfit = reconcileIt, s.Unfit+1
		s.Problems = slices.Insert(s.Problems, 0, ErrRestored.Error()+"; run "+reconcileIt)
	}
	in.Problems, in.unfit, in.waivable = s.Problems, s.Unfit, s.Waivable
	rt.reports(ctx, c, s, &in)
	return in, rt.inspectOld(ctx, l, &s, &in)
}

// inspectOld probes what a place holds, without sealing or storing it.
func (rt *Rotator) inspectOld(ctx context.Context, l *looker, s *Seen, in *Inspection) error {
	if s.Source == "" {
		return nil
	}
	m, err := l.c.Hands.Places[s.Source].(backends.Reader).Read(ctx)
	if err != nil {
		in.OldWhy = err.Error()
		return nil
	}
	in.source = m
	if in.Old = s.Old; in.Old != nil {
		return nil
	}
	rd, err := l.ask(ctx, s.OldPair.ID, m, s)
	in.Old, in.OldWhy = rd, s.ProbeWhy
	return err
}

func (rt *Rotator) reports(ctx context.Context, c Credential, s Seen, in *Inspection) {
	for _, p := range c.Spec.Places {
		report := PlaceReport{Spec: p, Seen: s.Places[p.Name]}
		if checker, ok := c.Hands.Places[p.Name].(backends.Checker); ok {
			report.Ready, _ = checker.Check(ctx) // its error is among the problems already
		}
		in.Places = append(in.Places, report)
	}
	for _, cs := range c.Spec.Consumers {
		report := ConsumerReport{Spec: cs}
		for _, a := range []any{c.Hands.Pipelines[cs.Name], c.Hands.Provers[cs.Name]} {
			if checker, ok := a.(cicd.Checker); ok {
				ready, _ := checker.Check(ctx) // likewise
				report.Notes = append(report.Notes, ready.Notes...)
			}
		}
		in.Consumers = append(in.Consumers, report)
	}
}

// Plan is look and decide without acting.
type Plan struct {
	Inspection Inspection
	Rotation   Rotation // the one under way, or the one a pass would open (ID "")
	Seen       Seen
	Move       Move
}

// Plan says what a pass would do next with a credential. Nothing is changed; the calls it makes are kept.
func (rt *Rotator) Plan(ctx context.Context, credential string) (Plan, error) {
	in, err := rt.Inspect(ctx, credential)
	if err != nil {
		return Plan{Inspection: in}, err
	}
	p := Plan{Inspection: in}
	standings, err := rt.Status(ctx, credential)
	if err != nil {
		return p, err
	}
	p.Rotation = Rotation{Credential: credential, Lane: laneOf(rt.creds[credential].Spec), State: DueState, Old: standings[0].Current.ID}
	if r := standings[0].Rotation; r != nil {
		p.Rotation = *r
		if p.Rotation.Words, err = rt.unheard(ctx, *r); err != nil {
			return p, err
		}
	}
	if p.Rotation.Epoch, err = rt.o.Ledger.Epoch(ctx, credential); err != nil {
		return p, err
	}
	c := rt.creds[credential]
	l := newLooker(rt, c)
	defer l.forget()
	if p.Seen, err = l.look(ctx, p.Rotation); err != nil {
		return p, err
	}
	r, _ := learn(c.Spec, p.Rotation, p.Seen, rt.now())
	p.Rotation, p.Move = r, decide(c.Spec, r, p.Seen, rt.now())
	return p, nil
}

// unheard are the words that the next claim would hand over.
func (rt *Rotator) unheard(ctx context.Context, r Rotation) ([]Word, error) {
	words, err := rt.o.Ledger.Words(ctx, r.Credential)
	var news []Word
	for _, w := range words {
		waiver := w.Rotation == "" && w.Kind == WaiveIt
		if waiver || w.Rotation == r.ID && w.Seq > r.Facts.Heard {
			news = append(news, w)
		}
	}
	return news, err
}
