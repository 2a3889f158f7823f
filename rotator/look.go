package rotator

import (
	"context"
	"errors"
	"slices"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// verdictAge is how long a probe's answer serves the looks of one claim: several states may pass on it.
const verdictAge = 45 * time.Second

// wants says what a state needs observed.
type wants struct{ preflight, places, runs, uses, old, new bool }

func (r Rotation) wants() wants {
	if r.Lane == Retire && r.State == DueState {
		return wants{preflight: true, places: true, old: true}
	}
	if r.Lane == Burial || r.Lane == Retire {
		dying := r.State == AwaitingRevocation && r.Lane == Burial
		return wants{places: dying, uses: dying, old: true, new: true}
	}
	switch r.State {
	case DueState:
		return wants{preflight: true, places: true, old: true}
	case AwaitingKey:
		waiting := r.New == "" && r.Lane == Routine
		return wants{preflight: waiting, places: waiting, old: r.Facts.BothDead || r.Facts.Wrote || r.Lane != Routine}
	case Received:
		return wants{old: true, new: true}
	case Staged:
		return wants{places: true, old: true, new: true}
	case Distributed:
		return wants{places: true, runs: true, old: true, new: true}
	case Redeployed, Verified, AwaitingRevocation, RevocationProven:
		return wants{places: true, uses: true, old: true, new: true}
	case RollingBack:
		return wants{places: true, runs: true, uses: true, old: true, new: true}
	case FailedState:
		return wants{old: true, new: true}
	}
	return wants{}
}

// needsOpen: whether decide can say anything without sealed copies.
func (r Rotation) needsOpen() bool {
	if r.State == DueState {
		return r.Old != ""
	}
	return r.State != AwaitingKey || r.Facts.BothDead || r.Facts.Wrote || r.Lane != Routine
}

// looker fills Seen by observing. It changes nothing outside, and lives as long as one claim.
type looker struct {
	rt       *Rotator
	c        Credential
	readings map[PairID]vendors.Reading
	opened   map[PairID]secret.Material
	calls    []Call // made since the last record
	arrived  Pair   // the candidate that came in, whether or not the rotation has heard of it; zero when none has
}

func newLooker(rt *Rotator, c Credential) *looker {
	return &looker{rt: rt, c: c, readings: map[PairID]vendors.Reading{}, opened: map[PairID]secret.Material{}}
}

// look observes what r's state needs. An error is the ledger's: without it nothing may be decided.
func (l *looker) look(ctx context.Context, r Rotation) (Seen, error) {
	s := Seen{At: l.rt.now(), Opened: Opened{Able: l.rt.o.Open != nil}}
	pairs, err := l.rt.o.Ledger.Pairs(ctx, r.Credential)
	if err != nil {
		return s, err
	}
	if err := l.pairs(ctx, r, pairs, &s); err != nil {
		return s, err
	}
	w := r.wants()
	w.old = w.old || s.keyForBurial(r.Credential)
	if w.places {
		if err := l.places(ctx, r, &s); err != nil {
			return s, err
		}
	}
	if w.preflight {
		if err := l.preflight(ctx, r, &s); err != nil {
			return s, err
		}
	}
	if err := l.open(ctx, r, w, &s); err != nil {
		return s, err
	}
	_, s.NewOpen = l.opened[r.New]
	l.consumers(ctx, r, w, &s)
	return s, l.probes(ctx, r, w, &s)
}

// pairs finds the rotation's pairs and counts what may live beside them. A burial's new pair is the current one.
func (l *looker) pairs(ctx context.Context, r Rotation, pairs []Pair, s *Seen) error {
	var orphans []Pair
	l.arrived = Pair{}
	for _, p := range pairs {
		if p.Life == Candidate {
			l.arrived = p
		}
		switch {
		case p.ID == r.Old:
			s.OldPair = p
		case p.ID == r.New, r.Lane == Burial && p.Life == Current:
			s.NewPair = p
		case p.Life == Orphan:
			orphans = append(orphans, p)
		}
		if mayLive(p.Life) && p.ID != r.New {
			s.Live++
		}
	}
	s.OldHeld, s.NewHeld = len(s.OldPair.Sealed) > 0, len(s.NewPair.Sealed) > 0
	if len(orphans) == 0 || r.State != DueState && r.State != AwaitingKey {
		return nil
	}
	return l.orphans(ctx, orphans, s)
}

// orphans takes over what each one's burial waits for: it alone knows whether the pair may be revoked by now.
func (l *looker) orphans(ctx context.Context, pairs []Pair, s *Seen) error {
	rotations, err := l.rt.o.Ledger.Rotations(ctx, l.c.Spec.Credential)
	for _, p := range pairs {
		id := p.ID
		o := OrphanSeen{Pair: id, Sealed: len(p.Sealed) > 0, Whole: p, Why: "it has no burial; if it is revoked, say so",
			Command: "quarterturn attest " + l.c.Spec.Credential + " --pair " + string(id)}
		for _, r := range rotations {
			if r.Lane == Burial && r.Old == id && !r.State.Over() {
				o.Why, o.Command = r.Why, r.Command
				o.InPlace = r.Facts.Used && l.blind()
			}
		}
		s.Orphans = append(s.Orphans, o)
	}
	return err
}

// keyForBurial: the first orphan's burial wants a new key, because the pair in use did not work when it last looked. That
// may have been one wrong answer, so whoever is about to pass it on asks the vendor first (I-16).
func (s Seen) keyForBurial(credential string) bool {
	return len(s.Orphans) > 0 && s.Orphans[0].Command == "quarterturn rotate "+credential
}

// blind: no place can be read back, so that nobody sees whether one holds a pair that was written.
func (l *looker) blind() bool {
	return !slices.ContainsFunc(l.c.Spec.Places, func(p PlaceSpec) bool { return p.Readable })
}

// MayLive reports whether the vendor may still accept the pair, as far as anybody knows.
func (p Pair) MayLive() bool { return mayLive(p.Life) }

func mayLive(l Life) bool { return l == Candidate || l == Current || l == Previous || l == Orphan }

// ---- places --------------------------------------------------------------------------------------------------

func (l *looker) places(ctx context.Context, r Rotation, s *Seen) error {
	s.Places = map[string]PlaceSeen{}
	for _, p := range l.c.Spec.Places {
		h, err := l.c.Hands.Places[p.Name].Observe(ctx)
		seen, lerr := l.classify(ctx, h, err, s)
		if lerr != nil {
			return lerr
		}
		s.Places[p.Name] = seen
		for i := range s.Orphans {
			s.Orphans[i].InPlace = s.Orphans[i].InPlace || seen.Pair == s.Orphans[i].Pair
		}
		whole := len(p.Fields) == len(l.c.Spec.Fields)
		if whole && seen.Holds == HoldsNew && seen.Grade == backends.ReadBack && canRead(l.c.Hands.Places[p.Name]) {
			s.NewAway = true
		}
	}
	return nil
}

func canRead(p backends.Place) bool {
	_, ok := p.(backends.Reader)
	return ok
}

func (l *looker) classify(ctx context.Context, h backends.Holding, err error, s *Seen) (PlaceSeen, error) {
	seen := PlaceSeen{Grade: h.Grade, Version: h.Version, Epoch: h.Epoch}
	switch {
	case errors.Is(err, backends.ErrAbsent):
		seen.Holds = HoldsNothing
	case err != nil:
		seen.Holds, seen.Err = HoldsUnknown, err.Error()
	case h.Grade != backends.ReadBack || len(h.Prints) == 0:
		seen.Holds = HoldsHidden
	default:
		var lerr error
		seen.Holds, seen.Pair, lerr = l.which(ctx, h.Prints, s)
		if seen.Holds == HoldsForeign && seen.Pair != "" {
			seen.Epoch = 0 // another credential's, which counts for itself: this one was renamed, or the place was moved
		}
		return seen, lerr
	}
	return seen, nil
}

// which says whose prints these are. Anything that is not wholly known counts as foreign, unless it cannot be compared.
func (l *looker) which(ctx context.Context, p secret.Prints, s *Seen) (Holds, PairID, error) {
	asNew, asOld := p.Compare(s.NewPair.Prints), p.Compare(s.OldPair.Prints)
	switch {
	case asNew == secret.Equal:
		return HoldsNew, s.NewPair.ID, nil
	case asOld == secret.Equal:
		return HoldsOld, s.OldPair.ID, nil
	case asNew == secret.Torn || asOld == secret.Torn:
		return HoldsTorn, "", nil
	}
	known, err := l.rt.o.Ledger.Find(ctx, p)
	if err != nil {
		return HoldsUnknown, "", err
	}
	var others PairID
	for _, k := range known {
		switch {
		case p.Compare(k.Prints) != secret.Equal:
		case k.Credential == l.c.Spec.Credential:
			return HoldsOther, k.ID, nil
		default:
			others = k.ID
		}
	}
	if incomparable(p, s.NewPair) || incomparable(p, s.OldPair) {
		return HoldsIncomparable, "", nil
	}
	return HoldsForeign, others, nil
}

// incomparable: k has prints, and none under a key that made p's.
func incomparable(p secret.Prints, k Pair) bool {
	return len(p) > 0 && len(k.Prints) > 0 && p.Compare(k.Prints) == secret.Incomparable
}

// ---- consumers -----------------------------------------------------------------------------------------------

func (l *looker) consumers(ctx context.Context, r Rotation, w wants, s *Seen) {
	if w.runs {
		s.Runs = map[string]RunSeen{}
	}
	if w.uses {
		s.Uses = map[string]UseSeen{}
	}
	for _, c := range l.c.Spec.Consumers {
		if f := r.Facts.Runs[c.Name]; w.runs && f.Once != "" && f.Run.State != cicd.Succeeded && f.Run.State != cicd.Failed {
			s.Runs[c.Name] = l.run(ctx, c, f)
		}
		if w.uses {
			s.Uses[c.Name] = l.use(ctx, r, c, s)
		}
	}
}

func (l *looker) run(ctx context.Context, c ConsumerSpec, f RunFact) RunSeen {
	run, err := l.c.Hands.Pipelines[c.Name].Find(ctx, f.Once)
	switch {
	case errors.Is(err, cicd.ErrNoRun):
		return RunSeen{}
	case err != nil:
		return RunSeen{Err: err.Error()}
	}
	return RunSeen{Run: run, Known: true}
}

func (l *looker) use(ctx context.Context, r Rotation, c ConsumerSpec, s *Seen) UseSeen {
	prover := l.c.Hands.Provers[c.Name]
	if prover == nil {
		return UseSeen{Note: "it has no proof configured"}
	}
	newWant, oldWant := l.want(s.NewPair, c.Name), l.want(s.OldPair, c.Name)
	want := newWant
	if r.State == RollingBack {
		want = oldWant
	}
	fact, err := prover.Prove(ctx, want, r.Facts.Runs[c.Name].Run.EndedAt)
	if err != nil {
		return UseSeen{Err: err.Error()}
	}
	return UseSeen{Use: fact.Use, Names: named(fact, newWant, oldWant), At: fact.At, Note: fact.Note}
}

// want adds the prints under the consumer's own keys, which a pair adopted before the consumer was declared lacks.
func (l *looker) want(p Pair, consumer string) cicd.Want {
	w := cicd.Want{Prints: p.Prints, Label: string(p.ID)}
	if m, ok := l.opened[p.ID]; ok {
		w.Prints = p.Prints.Merge(l.rt.o.Keys.Reports(m, consumer))
	}
	return w
}

// named says which generation a consumer named, "" when it named none.
func named(f cicd.Fact, newWant, oldWant cicd.Want) Holds {
	switch {
	case names(f, newWant):
		return HoldsNew
	case names(f, oldWant):
		return HoldsOld
	case f.Label != "" || f.Prints.Compare(newWant.Prints) == secret.Different:
		return HoldsForeign
	}
	return ""
}

// names: the print decides where there is one, the label elsewhere.
func names(f cicd.Fact, w cicd.Want) bool {
	switch f.Prints.Compare(w.Prints) {
	case secret.Equal:
		return true
	case secret.Different, secret.Torn:
		return false
	}
	return f.Label != "" && f.Label == w.Label
}

// ---- sealed copies and probes --------------------------------------------------------------------------------

// open opens the sealed copies that probes and effects need. They stay in memory until the claim ends.
func (l *looker) open(ctx context.Context, r Rotation, w wants, s *Seen) error {
	if l.rt.o.Open == nil || r.State.Over() || !w.old && !w.new {
		return nil
	}
	for _, p := range []Pair{s.OldPair, s.NewPair} {
		if _, done := l.opened[p.ID]; done || len(p.Sealed) == 0 {
			continue
		}
		m, err := l.rt.o.Open(p.Sealed, bound(p))
		if err != nil {
			s.Opened.Err = err.Error()
			continue
		}
		l.opened[p.ID] = m
	}
	if _, have := l.opened[s.NewPair.ID]; !have && s.NewPair.ID != "" {
		l.fromPlace(ctx, s)
	}
	return nil
}

// fromPlace takes the pair in use from a place that returns it, once its sealed copy is wiped.
func (l *looker) fromPlace(ctx context.Context, s *Seen) {
	for _, p := range l.c.Spec.Places {
		reader, ok := l.c.Hands.Places[p.Name].(backends.Reader)
		if !ok {
			continue
		}
		m, err := reader.Read(ctx)
		if err == nil && l.rt.o.Keys.Prints(m).Compare(s.NewPair.Prints) == secret.Equal {
			l.opened[s.NewPair.ID] = m
			return
		}
	}
}

// bound ties a sealed copy to its pair: it opens for no other.
func bound(p Pair) string { return p.Credential + "\n" + string(p.ID) }

// probes asks the vendor about old and new, and for a triple about a pair that nobody ever issued.
func (l *looker) probes(ctx context.Context, r Rotation, w wants, s *Seen) error {
	var err error
	switch {
	case r.Lane == Retire && w.new:
		err = l.control(ctx, s)
	case w.new:
		s.New, err = l.probe(ctx, s.NewPair.ID, s)
	}
	if err != nil {
		return err
	}
	if w.old && l.mayProbeOld(r, s) {
		if s.Old, err = l.probe(ctx, s.OldPair.ID, s); err != nil {
			return err
		}
	}
	if !l.wantsTriple(r, s) && !l.wantsControl(r, s) {
		return nil
	}
	like, held := l.opened[s.OldPair.ID]
	if !held {
		like = l.opened[s.NewPair.ID]
	}
	s.Random, err = l.ask(ctx, "", l.c.Hands.Random(like), s)
	return err
}

// mayProbeOld: while the old pair should be alive it is asked in every look; afterwards a profile may forbid it, unless
// the way back is needed: without the old pair's answer nobody would know which way leads on.
func (l *looker) mayProbeOld(r Rotation, s *Seen) bool {
	dying := r.State == AwaitingRevocation || r.State == RevocationProven
	mistaken := r.Facts.Revoked != nil && r.Facts.Revoked.Fragment != s.OldPair.Fragment
	needed := r.Facts.Wish == WishRollback || mistaken || verdict(s.New) != vendors.Accepted
	return l.c.Spec.Profile.FailingProbes || !dying || needed
}

// control has the pair in use of another credential of the same vendor and environment stand for the new pair of a
// triple: while it is accepted, a refusal is about the pair and not about the vendor.
func (l *looker) control(ctx context.Context, s *Seen) error {
	for _, name := range l.rt.names() {
		c := l.rt.creds[name]
		if name == l.c.Spec.Credential || c.Spec.Vendor != l.c.Spec.Vendor || c.Spec.Environment != l.c.Spec.Environment {
			continue
		}
		found, err := l.controlOf(ctx, c, s)
		if found || err != nil {
			return err
		}
	}
	return nil
}

func (l *looker) controlOf(ctx context.Context, c Credential, s *Seen) (bool, error) {
	pairs, err := l.rt.o.Ledger.Pairs(ctx, c.Spec.Credential)
	i := slices.IndexFunc(pairs, func(p Pair) bool { return p.Life == Current })
	if err != nil || i < 0 {
		return false, err
	}
	other := newLooker(l.rt, c)
	defer other.forget()
	seen := Seen{At: s.At, NewPair: pairs[i]}
	other.fromPlace(ctx, &seen)
	if s.New, err = other.probe(ctx, pairs[i].ID, s); s.New == nil || err != nil {
		return false, err
	}
	l.calls = append(l.calls, other.calls...)
	s.Control = c.Spec.Credential
	return true, nil
}

func (l *looker) wantsTriple(r Rotation, s *Seen) bool {
	if r.State != AwaitingRevocation || verdict(s.Old) != vendors.Refused || verdict(s.New) != vendors.Accepted {
		return false
	}
	t := r.Facts.Triples
	_, apart := deathSpan(l.c.Spec)
	return len(t) == 0 || unwatched(t, s.At) || !s.At.Before(t[len(t)-1].At.Add(apart))
}

// wantsControl: that a new pair is accepted means something only where a made-up one is refused.
func (l *looker) wantsControl(r Rotation, s *Seen) bool {
	return r.State == Received && verdict(s.New) == vendors.Accepted && l.c.Spec.Profile.FailingProbes
}

// probe asks about one pair, or reuses what this claim already heard. nil: it could not be asked.
func (l *looker) probe(ctx context.Context, id PairID, s *Seen) (*vendors.Reading, error) {
	m, ok := l.opened[id]
	if !ok || id == "" {
		return nil, nil
	}
	if rd, heard := l.readings[id]; heard && s.At.Sub(rd.At) < l.c.Spec.Profile.AtMost(verdictAge) {
		return &rd, nil
	}
	rd, err := l.ask(ctx, id, m, s)
	if rd != nil {
		l.readings[id] = *rd
	}
	return rd, err
}

// due is an error that knows when asking is allowed again.
type due interface{ Due() time.Time }

func (l *looker) ask(ctx context.Context, id PairID, m secret.Material, s *Seen) (*vendors.Reading, error) {
	rd, err := l.c.Hands.Prober.Probe(ctx, m)
	if err != nil {
		var d due
		if errors.As(err, &d) {
			s.ProbeAt = later(s.ProbeAt, d.Due())
		}
		s.ProbeWhy = err.Error()
		return nil, nil
	}
	if !rd.RetryAt.IsZero() {
		s.ProbeAt = later(s.ProbeAt, rd.RetryAt)
	}
	c := Call{ID: l.rt.o.NewID(), Credential: l.c.Spec.Credential, Pair: id, Reading: rd}
	l.calls = append(l.calls, c)
	return &rd, l.rt.o.Ledger.Log(ctx, c)
}

// forget drops what was opened.
func (l *looker) forget() {
	clear(l.opened)
	l.calls = slices.Clip(l.calls[:0])
}
