package rotator

import (
	"fmt"
	"slices"
)

// edge is one transition, small enough to be kept.
type edge struct{ kind, a, b uint8 }

const (
	kStep       = iota // a: the burial's pair, 0 the journey; b: fault
	kEffect            // a: how it goes
	kStall             // the holder's lease runs out, and it does not know
	kLand              // what it had begun takes effect
	kGiveUp            // or does not
	kDie               // the holder dies between two steps
	kLease             // a dead process's lease runs out
	kTick              // five minutes
	kDay               //
	kWeeks             //
	kFollow            // the mirror follows
	kRunEnds           // a: consumer; b: 1 badly
	kBites             // a: pair: its revocation bites
	kObey              // a: as kStep
	kSay               // a: word
	kWaive             // a: waiver
	kWaiverOver        // a: waiver
	kRevoke            // a: pair, by hand, and nobody is told
	kEnable            // a: pair
	kCreate            // a: flaw
	kSubmit            // a: pair, b: 1 as the old one
	kEdit              // a: place, b: what
	kByHand            // a: pair: a person rotates by hand
	kRestart           // a: consumer
	kLose              // a: pair: its sealed copy
	kOpen              // a: lane
	kinds
)

// next tells every transition that s allows.
func (m *model) next(s *mState, tell func(edge, *mState)) {
	m.machines(s, tell)
	m.times(s, tell)
	m.obedient(s, tell)
	if s.luck > 0 {
		m.unlucky(s, tell)
		m.willful(s, tell)
	}
}

// machines: the processes, without a fault.
func (m *model) machines(s *mState, tell func(edge, *mState)) {
	for _, a := range m.ready(s) {
		t := m.step(s, a, fNone)
		tell(edge{kStep, a, 0}, &t.s)
	}
	if s.holder.phase == mActing {
		t := m.effect(s, eWell)
		tell(edge{kEffect, eWell, 0}, &t)
	}
	if s.lost.phase == mActing {
		t := m.land(s)
		tell(edge{kLand, 0, 0}, &t)
		t = *s
		t.lost, t.snap = mRunner{}, mRow{}
		tell(edge{kGiveUp, 0, 0}, &t)
	}
	if s.stopped {
		t := *s
		t.stopped = false
		tell(edge{kLease, 0, 0}, &t)
	}
}

// ready are the rows that can be looked at: 0 the journey, else the burial of that pair.
func (m *model) ready(s *mState) []uint8 {
	all := make([]uint8, 0, 1+modelPairs)
	if !m.states[s.row.state].Over() && !s.stopped && s.holder.phase != mActing {
		all = append(all, 0)
	}
	for i := range s.graves {
		if st := m.states[s.graves[i].state]; st != "" && !st.Over() {
			all = append(all, uint8(i+1))
		}
	}
	return all
}

// ---- time ----------------------------------------------------------------------------------------------------

func (m *model) times(s *mState, tell func(edge, *mState)) {
	for i, p := range s.pairs {
		if p.truth == mDying || p.truth == mDying1 {
			t := *s
			t.pairs[i].truth = mGone
			tell(edge{kBites, uint8(i + 1), 0}, &t)
		}
	}
	t := *s
	if m.follow(&t) {
		tell(edge{kFollow, 0, 0}, &t)
	}
	for i, state := range s.jobs {
		if state == 1 {
			t := *s
			t.jobs[i] = 2
			m.start(&t, uint8(i))
			tell(edge{kRunEnds, uint8(i), 0}, &t)
		}
	}
	if s.holder.phase != mIdle {
		return // no claim lasts so long
	}
	t = *s
	m.tick(&t)
	tell(edge{kTick, 0, 0}, &t)
	m.tick(&t)
	m.day(&t)
	tell(edge{kDay, 0, 0}, &t)
	for i := range t.graves {
		if t.graves[i].dead == 1 {
			t.graves[i].dead = 2
			tell(edge{kWeeks, 0, 0}, &t)
		}
	}
}

// tick is five minutes: leases are over, contexts have ended, what follows has followed.
func (m *model) tick(s *mState) {
	s.lost, s.snap, s.stopped = mRunner{}, mRow{}, false
	m.follow(s)
	for i := range s.pairs {
		switch s.pairs[i].truth {
		case mDying:
			s.pairs[i].truth = mDying1
		case mDying1:
			s.pairs[i].truth = mGone
		}
	}
	m.older(&s.row)
	for i := range s.graves {
		m.older(&s.graves[i])
	}
}

func (m *model) older(r *mRow) {
	if r.lane == 0 || m.states[r.state].Over() {
		return
	}
	up := func(n *uint8, by uint8) {
		if *n >= by {
			*n = min(*n+1, 2+by)
		}
	}
	up(&r.entered, 0)
	up(&r.joint, 1)
	if r.revoked > 0 {
		up(&r.revokedAge, 0)
	}
	if r.triples > 0 {
		up(&r.lastTriple, 0)
	}
	for i := range r.runs {
		up(&r.runs[i].ended, 1)
		if r.proofs[i].pair > 0 {
			up(&r.proofs[i].age, 0)
		}
	}
	r.grace = [...]uint8{0, 2, 3, 4, 4, 5}[r.grace]
	if r.window == 1 {
		r.window = 2
	}
}

// day is long enough for everything but the watch of three weeks.
func (m *model) day(s *mState) {
	m.tick(s)
	for i := range s.pairs {
		if s.pairs[i].truth == mDying || s.pairs[i].truth == mDying1 {
			s.pairs[i].truth = mGone
		}
	}
	later := func(r *mRow) {
		if r.grace == 5 {
			r.grace = 4
		}
		if r.window == 2 {
			r.window = 3
		}
		if r.soak == 1 && m.states[r.state] == Verified {
			r.soak = 2 // by then there were looks enough
		}
	}
	later(&s.row)
	for i := range s.graves {
		later(&s.graves[i])
	}
}

// ---- people and faults ---------------------------------------------------------------------------------------

func (m *model) obedient(s *mState, tell func(edge, *mState)) {
	for a := uint8(0); a <= modelPairs; a++ {
		if t := *s; m.obey(&t, a) {
			tell(edge{kObey, a, 0}, &t)
		}
	}
	if t := *s; t.places[mVault] != t.apps[2].holds { // the consumer without a pipeline is restarted by hand
		m.start(&t, 2)
		tell(edge{kRestart, 2, 0}, &t)
	}
}

// unlucky: what costs luck and is nobody's will.
func (m *model) unlucky(s *mState, tell func(edge, *mState)) {
	bad := *s
	bad.luck--
	for _, a := range m.ready(s) {
		for f := uint8(1); f < lookFaults; f++ {
			if m.pointless(s, a, f) {
				continue
			}
			b := bad
			m.lie(&b, f, a)
			t := m.step(&b, a, f)
			tell(edge{kStep, a, f}, &t.s)
		}
	}
	if s.holder.phase == mActing {
		m.effectsGoWrong(s, bad, tell)
	}
	if s.holder.phase == mWorking {
		t := bad
		t.holder, t.stopped = mRunner{}, true
		tell(edge{kDie, 0, 0}, &t)
	}
	for i, state := range s.jobs {
		if state == 1 {
			t := bad
			t.jobs[i], t.apps[i].started = 3, false
			tell(edge{kRunEnds, uint8(i), 1}, &t)
		}
	}
	for i, p := range s.pairs {
		if p.sealed && (m.lives[p.life] == Candidate || uint8(i+1) == s.row.new) {
			t := bad
			t.pairs[i].sealed = false
			tell(edge{kLose, uint8(i + 1), 0}, &t)
		}
	}
}

// pointless: the fault concerns nothing that this look looks at.
func (m *model) pointless(s *mState, a, f uint8) bool {
	r := &s.row
	if a > 0 {
		r = &s.graves[a-1]
	}
	rot := Rotation{Lane: m.lanes[r.lane], State: m.states[r.state], New: pairID(r.new), Facts: Facts{BothDead: r.has(bBothDead), Wrote: r.has(bWrote)}}
	w := rot.wants()
	switch {
	case f == fDeaf:
		return a > 0 && s.gwords[a-1] == 0 || a == 0 && (s.words == [2]uint8{} || s.holder.phase != mIdle)
	case f == fAnybody:
		return !m.sp.Profile.FailingProbes || rot.State != Received && rot.State != AwaitingRevocation
	case f <= fMirror || f == fLater:
		return !w.places
	case f <= fDesk:
		return !w.uses
	case f == fSilentNew || f == fRefusesNew:
		return !w.new
	case f == fSilentOld || f == fRefusesOld:
		return !w.old && !m.keyForBurial(s, a) || r.old == 0
	case f == fPipeline:
		return !w.runs || s.jobs == [3]uint8{} && s.holder.phase != mIdle
	}
	return !w.new && !w.old
}

// keyForBurial: this look asks about the pair in use because an orphan's burial wants a new key.
func (m *model) keyForBurial(s *mState, a uint8) bool {
	return a == 0 && m.states[s.row.state] == AwaitingKey && slices.ContainsFunc(s.graves[:], func(g mRow) bool { return g.asks == asksKey })
}

// lie: a refusal of a living pair is remembered, because what follows from it is true for nobody.
func (m *model) lie(s *mState, f, a uint8) {
	r := s.row
	if a > 0 {
		r = s.graves[a-1]
		for i, p := range s.pairs {
			if m.lives[p.life] == Current {
				r.new = uint8(i + 1)
			}
		}
	}
	n := uint8(0)
	switch f {
	case fRefusesNew:
		n = r.new
	case fRefusesOld:
		n = r.old
	}
	if n > 0 && s.pairs[n-1].truth == mAlive {
		s.pairs[n-1].fickle = true
	}
}

func (m *model) effectsGoWrong(s *mState, bad mState, tell func(edge, *mState)) {
	for how := uint8(1); how < effects; how++ {
		if m.possible(s.holder, how) {
			t := m.effect(&bad, how)
			tell(edge{kEffect, how, 0}, &t)
		}
	}
	if s.lost.phase == mIdle && m.actions[s.holder.do] != SealOld {
		t := bad
		t.holder, t.lost = mRunner{}, s.holder
		if m.plant != nil && m.plant.noSwap {
			t.snap = s.row
		}
		tell(edge{kStall, 0, 0}, &t)
	}
}

// willful: people and strangers who do what nobody asked for.
func (m *model) willful(s *mState, tell func(edge, *mState)) {
	bad := *s
	bad.luck--
	try := func(kind, a, b uint8, act func(*mState) bool) {
		if t := bad; act(&t) {
			tell(edge{kind, a, b}, &t)
		}
	}
	for w := uint8(wApproved); w <= wAttested+modelPairs; w++ {
		if w != wRevoked && w != wAttested {
			try(kSay, w, 0, func(t *mState) bool { return m.say(t, w) })
		}
	}
	for i := range uint8(len(m.waivable)) {
		try(kWaive, i, 0, func(t *mState) bool { return m.waive(t, i) })
		try(kWaiverOver, i, 0, func(t *mState) bool { t.waivers &^= 1 << i; return s.waivers != t.waivers })
	}
	for n := uint8(1); n <= 3; n++ {
		try(kRevoke, n, 0, func(t *mState) bool { return m.revokeSilently(t, n) })
		try(kEnable, n, 0, func(t *mState) bool { return m.enable(t, n) })
		try(kSubmit, n, 0, func(t *mState) bool { return m.submit(t, n, false) })
		try(kSubmit, n, 1, func(t *mState) bool { return m.submit(t, n, true) })
		try(kByHand, n, 0, func(t *mState) bool { return m.byHand(t, n) })
	}
	for flaw := range uint8(4) {
		try(kCreate, flaw, 0, func(t *mState) bool { return m.createBadly(t, flaw) })
	}
	for c := range uint8(len(m.sp.Consumers)) {
		try(kRestart, c, 0, func(t *mState) bool { m.start(t, c); return t.apps != s.apps })
	}
	m.meddling(s, try)
	for _, lane := range []Lane{laneOf(m.sp), Compromised, Retire} {
		try(kOpen, indexOf(m.lanes, lane), 0, func(t *mState) bool { return m.open(t, lane) })
	}
}

// revokeSilently: asked for or not, nobody is told, so that another person may go back to that very pair.
func (m *model) revokeSilently(s *mState, n uint8) bool {
	done := m.revoke(s, n)
	s.pairs[n-1].byHand = s.pairs[n-1].byHand || done
	return done
}

func (m *model) enable(s *mState, n uint8) bool {
	p := &s.pairs[n-1]
	if p.truth < mDying {
		return false
	}
	p.truth, p.fickle = mAlive, true
	return true
}

// createBadly: a key that nobody asked for, or the wrong one, handed in if that is possible.
func (m *model) createBadly(s *mState, flaw uint8) bool {
	awaited := s.row.asks == asksKey && s.words == [2]uint8{} && s.row.new == 0
	n := m.create(s, flaw, flaw != 0 && awaited)
	if n > 0 {
		m.submit(s, n, false)
	}
	return n > 0
}

// byHand: a person puts another pair into the places, as quarterturn would have it done by itself.
func (m *model) byHand(s *mState, n uint8) bool {
	p := &s.pairs[n-1]
	if p.truth == mUnborn && m.create(s, 0, false) != n || m.states[s.row.state] != DueState && m.states[s.row.state] != AwaitingKey {
		return false
	}
	p.byHand = true
	for i, place := range m.sp.Places {
		if place.Follows == "" {
			m.write(s, uint8(i), n)
		}
	}
	m.follow(s)
	for i := range m.sp.Consumers {
		m.start(s, uint8(i))
	}
	return true
}

// meddling: one place is edited. What nobody can see, nobody can answer for: an edit of a place that cannot be read back
// is told by its version alone, once one has been seen.
func (m *model) meddling(s *mState, try func(kind, a, b uint8, act func(*mState) bool)) {
	for i, p := range m.sp.Places {
		for _, what := range []uint8{0, 1, 2, 3, mTorn, mForeign} {
			strange := what > 3 && (!s.is(bSeen) || s.pairs[modelPairs-1].life != 0) // there is room for one
			unborn := what > 0 && what <= 3 && s.pairs[what-1].truth == mUnborn
			if strange || unborn || s.places[i] == what || p.Follows != "" || !p.Readable && s.row.vers[i] != 1 {
				continue
			}
			try(kEdit, uint8(i), what, func(t *mState) bool {
				m.write(t, uint8(i), what)
				if what > 0 && what <= 3 {
					t.pairs[what-1].byHand = true
				}
				return true
			})
		}
	}
}

// ---- in words ------------------------------------------------------------------------------------------------

func (m *model) edgeName(e edge) string {
	whose := "journey"
	if e.a > 0 {
		whose = "burial of pair-" + fmt.Sprint(e.a)
	}
	name := map[uint8]string{kStall: "the lease runs out before the effect, and its holder does not know", kLand: "the late effect lands",
		kGiveUp: "the late runner gives up", kDie: "the process dies between two steps", kLease: "a dead process's lease runs out",
		kTick: "5 minutes pass", kDay: "a day passes", kWeeks: "three weeks pass", kFollow: "the mirror follows"}[e.kind]
	switch e.kind {
	case kStep:
		name = "look at the " + whose
		if e.b > 0 {
			name += " with fault: " + faultName(e.b)
		}
	case kEffect:
		name = "effect " + effectName(e.a)
	case kObey:
		name = "a person does what the " + whose + " asks"
	case kSay:
		name = "somebody says: " + wordName(e.a)
	case kWaive:
		name = "somebody waives " + m.waivable[e.a]
	case kWaiverOver:
		name = "a waiver ends: " + m.waivable[e.a]
	case kRunEnds:
		name = fmt.Sprintf("the run of %s ends, badly: %v", m.sp.Consumers[e.a].Name, e.b == 1)
	case kBites, kRevoke, kEnable, kSubmit, kByHand, kLose:
		name = map[uint8]string{kBites: "the revocation bites: ", kRevoke: "a person revokes, unasked: ", kEnable: "a person enables again: ",
			kSubmit: "a person hands in: ", kByHand: "a person rotates by hand to ", kLose: "the sealed copy is lost: "}[e.kind] + string(pairID(e.a))
		if e.b == 1 {
			name += " as the old one"
		}
	case kCreate:
		name = "a person creates a key unasked, or badly: " + [...]string{"", "in another environment", "in another organisation", "and mistypes it"}[e.a]
	case kEdit:
		name = fmt.Sprintf("a stranger puts %d into %s", e.b, m.sp.Places[e.a].Name)
	case kRestart:
		name = m.sp.Consumers[e.a].Name + " restarts"
	case kOpen:
		name = "a journey is opened: " + string(m.lanes[e.a])
	}
	return name
}
