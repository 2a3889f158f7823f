package rotator

import (
	"slices"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/vendors"
)

// What can go wrong in one look.
const (
	fNone       = iota
	fVault      // a place cannot be reached
	fCI         //
	fMirror     //
	fAPI        // a consumer cannot be asked
	fJobs       //
	fDesk       //
	fSilent     // the vendor says nothing clear
	fSilentNew  // nor about the new pair alone
	fSilentOld  //
	fRefusesNew // the vendor refuses a pair that lives: a lie, or, while it is dying, one of its many servers
	fRefusesOld //
	fSealed     // the sealing identity is missing
	fClock      // this machine's clock is off
	fPipeline   // no pipeline can be asked
	fLater      // a place was written later than the ledger knows of
	fDeaf       // the last word was said a moment after the claim
	fAnybody    // the vendor accepts a pair that nobody issued
	lookFaults
)

func faultName(f uint8) string {
	return [...]string{"", "vault down", "ci down", "mirror down", "api mute", "jobs mute", "desk mute", "vendor unclear", "new unclear",
		"old unclear", "new REFUSED", "old REFUSED", "cannot open", "clock off", "pipeline mute", "place written later", "the last word comes after the claim", "made-up pair ACCEPTED"}[f]
}

// eye is one look being made: what look.go does, on small numbers.
type eye struct {
	m     *model
	s     *mState
	r     *Rotation
	fault uint8
	seen  Seen
	open  [modelPairs + 1]bool
}

func (m *model) see(s *mState, r *Rotation, fault uint8) Seen {
	e := eye{m: m, s: s, r: r, fault: fault, seen: Seen{At: m.now, Opened: Opened{Able: true}}}
	e.pairs()
	w := r.wants()
	w.old = w.old || e.seen.keyForBurial(r.Credential)
	if w.places {
		e.places()
	}
	if w.preflight {
		e.preflight()
	}
	e.opens(w)
	e.seen.NewOpen = e.open[pairNo(r.New)]
	e.consumers(w)
	e.probes(w)
	return e.seen
}

// ledgerPair is a pair as the ledger has it.
func (m *model) ledgerPair(s *mState, n uint8) Pair {
	p := s.pairs[n-1]
	return Pair{ID: pairID(n), Credential: "bluum", Environment: m.sp.Environment, Life: m.lives[p.life], Fragment: fragmentOf(n),
		Created: m.now.Add(-m.setting.old), Sealed: m.sealed(p.sealed)}
}

func (e *eye) pairs() {
	asks := e.r.State == DueState || e.r.State == AwaitingKey
	for n := uint8(1); n <= modelPairs; n++ {
		if e.s.pairs[n-1].life == 0 {
			continue
		}
		p := e.m.ledgerPair(e.s, n)
		switch {
		case p.ID == e.r.Old:
			e.seen.OldPair = p
		case p.ID == e.r.New, e.r.Lane == Burial && p.Life == Current:
			e.seen.NewPair = p
		case p.Life == Orphan && asks:
			e.seen.Orphans = append(e.seen.Orphans, e.orphan(p))
		}
		if mayLive(p.Life) && p.ID != e.r.New {
			e.seen.Live++
		}
	}
	e.seen.OldHeld, e.seen.NewHeld = len(e.seen.OldPair.Sealed) > 0, len(e.seen.NewPair.Sealed) > 0
}

func (e *eye) orphan(p Pair) OrphanSeen {
	o := OrphanSeen{Pair: p.ID, Sealed: len(p.Sealed) > 0, Whole: p, Why: "it has no burial; if it is revoked, say so",
		Command: "quarterturn attest bluum --pair " + string(p.ID)}
	if g := e.s.graves[pairNo(p.ID)-1]; g.lane != 0 {
		o.Why, o.Command = "buried", said1(g.asks != asksNothing, "quarterturn revoked bluum --pair "+string(p.ID))
		if g.asks == asksKey {
			o.Command = "quarterturn rotate bluum"
		}
		o.InPlace = g.has(bUsed) && e.m.blind()
	}
	return o
}

func (m *model) blind() bool {
	return !slices.ContainsFunc(m.sp.Places, func(p PlaceSpec) bool { return p.Readable })
}

// ---- places --------------------------------------------------------------------------------------------------

func (e *eye) places() {
	e.seen.Places = make(map[string]PlaceSeen, len(e.m.sp.Places))
	for i, p := range e.m.sp.Places {
		seen := e.place(i, p)
		e.seen.Places[p.Name] = seen
		for j := range e.seen.Orphans {
			e.seen.Orphans[j].InPlace = e.seen.Orphans[j].InPlace || seen.Pair == e.seen.Orphans[j].Pair
		}
		if seen.Holds == HoldsNew && seen.Grade == backends.ReadBack {
			e.seen.NewAway = true
		}
	}
}

func (e *eye) down(place int) bool { return e.fault == fVault+uint8(place) }

func (e *eye) place(i int, p PlaceSpec) PlaceSeen {
	seen := PlaceSeen{Version: "1"}
	switch holds := e.s.places[i]; {
	case e.down(i):
		return PlaceSeen{Holds: HoldsUnknown, Err: "network"}
	case holds == 0:
		seen.Holds = HoldsNothing
	case !p.Readable:
		seen.Holds, seen.Grade = HoldsHidden, backends.Touched
	default:
		seen.Grade = backends.ReadBack
		seen.Holds, seen.Pair = e.which(holds)
	}
	if e.fault == fLater {
		seen.Epoch = 99
	}
	return seen
}

func (e *eye) which(holds uint8) (Holds, PairID) {
	holds = e.s.known(holds)
	n, o := pairNo(e.seen.NewPair.ID), pairNo(e.seen.OldPair.ID)
	switch {
	case holds == mForeign:
		return HoldsForeign, ""
	case holds == mTorn:
		if n == 1 || n == 2 || o == 1 || o == 2 {
			return HoldsTorn, ""
		}
		return HoldsForeign, ""
	case holds == n:
		return HoldsNew, pairID(n)
	case holds == o && e.m.lives[e.s.pairs[o-1].life] != Lost:
		return HoldsOld, pairID(o)
	case e.s.pairs[holds-1].life != 0:
		return HoldsOther, pairID(holds)
	}
	return HoldsForeign, ""
}

// ---- preflight -----------------------------------------------------------------------------------------------

// known is what a place holds as a pair's number: a strange pair that was sealed as the one in use has the fourth.
func (s *mState) known(holds uint8) uint8 {
	if holds >= mTorn && s.pairs[modelPairs-1].flaw == holds {
		return modelPairs
	}
	return holds
}

func (e *eye) problem(text string) { e.seen.Problems = append(e.seen.Problems, text) }

func (e *eye) waived(bit int) bool { return e.s.waivers&(1<<bit) != 0 }

func (e *eye) preflight() {
	e.seen.Checked = true
	for i, p := range e.m.sp.Places {
		seen := e.seen.Places[p.Name]
		if seen.Holds == HoldsUnknown {
			e.problem("place " + p.Name + " cannot be reached: network")
		}
		if !p.Readable && !e.read(p.Name) && !e.waived(5+i) {
			e.problem("place " + p.Name + " cannot be read back and no consumer reads it; waive place:" + p.Name)
		}
		if _, command := unfitFor(p.Name, seen, e.r.Epoch); command != "" {
			e.problem("place " + p.Name + " was written later; run " + command)
		}
	}
	e.source()
	e.seen.Unfit = len(e.seen.Problems)
	if life := e.m.sp.Profile.Lifecycle; life != "overlap" && life != "replace" {
		e.problem("the vendor's lifecycle is " + life)
	}
	for i, c := range e.m.sp.Consumers {
		if !c.Best.Counts() && !e.waived(2+i) {
			e.problem("consumer " + c.Name + " can show too little; waive consumer:" + c.Name)
		}
	}
}

func (e *eye) read(place string) bool {
	return slices.ContainsFunc(e.m.sp.Consumers, func(c ConsumerSpec) bool { return slices.Contains(c.Reads, place) })
}

// source: where the old pair is taken from. 0 is nothing.
func (e *eye) source() {
	from, agreed, absent := "", uint8(0), 0
	for i, p := range e.m.sp.Places {
		if e.seen.Places[p.Name].Holds == HoldsNothing {
			absent++
			continue
		}
		if !p.Readable || e.down(i) || e.waived(5+i) {
			continue
		}
		switch holds := e.s.known(e.s.places[i]); {
		case from == "" && (agreed == 0 || agreed == holds):
			agreed, from = holds, p.Name
		case holds != agreed:
			e.problem("place " + p.Name + " holds another pair than the places before it: mend it, or waive place:" + p.Name)
		}
	}
	e.seen.Source, e.seen.Nowhere = from, absent == len(e.m.sp.Places)
	if e.r.Lane == Compromised && e.unfinished(agreed) || e.arrived(agreed) {
		e.seen.Source, e.seen.Nowhere = "", e.seen.OldPair.ID == ""
		return
	}
	o := pairNo(e.seen.OldPair.ID)
	switch {
	case agreed == 0 || e.r.Facts.Wrote || o == modelPairs && e.seen.OldPair.Life == Lost:
	case agreed == mTorn && (o == 1 || o == 2):
		e.problem("the places hold a mix of the pair in use and another: mend them")
	case from != "" && o != 0 && agreed != o:
		e.seen.Changed, e.seen.OldHeld = true, false
	}
	e.elsewhere(from, agreed)
}

func (e *eye) unfinished(agreed uint8) bool {
	return slices.ContainsFunc(e.seen.Orphans, func(o OrphanSeen) bool { return o.Sealed && pairNo(o.Pair) == agreed })
}

func (e *eye) arrived(agreed uint8) bool {
	if agreed == 0 || agreed > modelPairs {
		return false
	}
	last := uint8(0)
	for n := uint8(1); n <= modelPairs; n++ {
		if e.m.lives[e.s.pairs[n-1].life] == Candidate {
			last = n
		}
	}
	return last == agreed
}

func (e *eye) elsewhere(from string, holds uint8) {
	if from == "" || holds == 0 || holds > modelPairs {
		return
	}
	if l := e.m.lives[e.s.pairs[holds-1].life]; l == Dead || l == Ended {
		e.problem("place " + from + " holds a pair that was revoked")
		e.seen.Source, e.seen.Changed, e.seen.OldHeld = "", false, len(e.seen.OldPair.Sealed) > 0
	}
}

// ---- consumers -----------------------------------------------------------------------------------------------

func (e *eye) consumers(w wants) {
	if w.runs {
		e.seen.Runs = map[string]RunSeen{}
	}
	if w.uses {
		e.seen.Uses = make(map[string]UseSeen, len(e.m.sp.Consumers))
	}
	for i, c := range e.m.sp.Consumers {
		f := e.r.Facts.Runs[c.Name]
		if w.runs && f.Once != "" && f.Run.State != cicd.Succeeded && f.Run.State != cicd.Failed {
			e.seen.Runs[c.Name] = e.run(i, f)
		}
		if w.uses {
			e.seen.Uses[c.Name] = e.use(i, c)
		}
	}
}

func (e *eye) run(i int, f RunFact) RunSeen {
	switch state := e.s.jobs[i]; {
	case e.fault == fPipeline:
		return RunSeen{Err: "network"}
	case state == 0:
		return RunSeen{}
	default:
		return RunSeen{Known: true, Run: e.m.run(state)}
	}
}

// run is a run as its pipeline tells it: what has ended did so a moment before the look.
func (m *model) run(state uint8) cicd.Run {
	run := cicd.Run{Once: "once", State: m.runStates[state]}
	if run.State != cicd.Running {
		run.EndedAt = m.now.Add(-time.Second)
	}
	return run
}

func (e *eye) use(i int, c ConsumerSpec) UseSeen {
	if e.fault == fAPI+uint8(i) {
		return UseSeen{Err: "network"}
	}
	a := e.s.apps[i]
	n, o := pairNo(e.seen.NewPair.ID), pairNo(e.seen.OldPair.ID)
	a.holds = e.s.known(a.holds)
	want := n
	if e.r.State == RollingBack {
		want = o
	}
	runs := a.holds != 0 && a.holds == want
	u := UseSeen{Use: cicd.Healthy, At: e.m.now}
	switch {
	case c.Best == cicd.Reported:
		if u.Names = e.names(a.holds, n, o); runs {
			u.Use = cicd.Reported
		}
	case c.Best == cicd.StartedAfter && runs && (a.started || e.r.Facts.Runs[c.Name].Run.EndedAt.IsZero()):
		u.Use = cicd.StartedAfter
	}
	return u
}

// names is what a consumer that tells says it runs with: nothing when it runs without a key, or there is none to compare with.
func (e *eye) names(holds, n, o uint8) Holds {
	switch {
	case holds == 0:
		return ""
	case holds == n:
		return HoldsNew
	case holds == o:
		return HoldsOld
	case n == 0 || n == modelPairs || holds == mTorn && (n == 1 || n == 2):
		return ""
	}
	return HoldsForeign
}

// ---- sealed copies and probes --------------------------------------------------------------------------------

func (e *eye) opens(w wants) {
	if !w.old && !w.new {
		return
	}
	for _, p := range []Pair{e.seen.OldPair, e.seen.NewPair} {
		switch {
		case len(p.Sealed) == 0:
		case e.fault == fSealed:
			e.seen.Opened.Err = "sealed for others"
		default:
			e.open[pairNo(p.ID)] = true
		}
	}
	n := pairNo(e.seen.NewPair.ID)
	for i, p := range e.m.sp.Places {
		if n != 0 && p.Readable && !e.down(i) && e.s.known(e.s.places[i]) == n {
			e.open[n] = true
		}
	}
}

func (e *eye) probes(w wants) {
	switch {
	case e.r.Lane == Retire && w.new:
		if e.m.setting.control {
			e.seen.New, e.seen.Control = e.reading(vendors.Accepted), "another"
		}
	case w.new:
		e.seen.New = e.probe(pairNo(e.seen.NewPair.ID), fSilentNew, fRefusesNew)
	}
	if w.old && e.mayProbeOld() {
		e.seen.Old = e.probe(pairNo(e.seen.OldPair.ID), fSilentOld, fRefusesOld)
	}
	t := e.r.Facts.Triples
	control := e.r.State == Received && e.m.sp.Profile.FailingProbes && verdict(e.seen.New) == vendors.Accepted
	if control || e.r.State == AwaitingRevocation && verdict(e.seen.Old) == vendors.Refused && verdict(e.seen.New) == vendors.Accepted &&
		(len(t) == 0 || !e.m.now.Before(t[len(t)-1].At.Add(e.m.sp.Profile.Propagation))) {
		e.seen.Random = e.reading(vendors.Refused)
		if e.fault == fAnybody {
			e.seen.Random = e.reading(vendors.Accepted)
		}
	}
}

func (e *eye) mayProbeOld() bool {
	f := e.r.Facts
	dying := e.r.State == AwaitingRevocation || e.r.State == RevocationProven
	mistaken := f.Revoked != nil && f.Revoked.Fragment != e.seen.OldPair.Fragment
	return e.m.sp.Profile.FailingProbes || !dying || f.Wish == WishRollback || mistaken || verdict(e.seen.New) != vendors.Accepted
}

func (e *eye) probe(n, silent, refuses uint8) *vendors.Reading {
	if n == 0 || !e.open[n] {
		return nil
	}
	p := e.s.pairs[n-1]
	switch {
	case e.fault == silent || e.fault == fSilent:
		return e.reading(vendors.Unclear)
	case p.truth == mGone || p.truth == mUnborn || p.flaw == mMistyped || e.fault == refuses:
		return e.reading(vendors.Refused)
	}
	rd := e.reading(vendors.Accepted)
	switch {
	case e.m.setting.mute:
		rd.Environment, rd.Subjects = "", nil
	case p.flaw == mOtherEnvironment:
		rd.Environment = "sandbox"
	case p.flaw == mOtherTenant:
		rd.Subjects = []string{"account 2"}
	}
	return rd
}

func (e *eye) reading(v vendors.Verdict) *vendors.Reading {
	rd := &vendors.Reading{Verdict: v, Host: e.m.sp.Profile.Host, At: e.m.now}
	switch v {
	case vendors.Accepted:
		rd.Status, rd.Environment, rd.Subjects = 200, e.m.sp.Environment, []string{"account 1"}
	case vendors.Refused:
		rd.Status, rd.Code = 401, "X-401-3"
	}
	if e.fault == fClock && v != vendors.Unclear {
		rd.ServerTime = e.m.now.Add(-2 * ClockTolerance)
	}
	return rd
}
