package rotator

import (
	"fmt"
	"slices"

	"quarterturn/backends"
	"quarterturn/vendors"
)

// fail reports that something that must hold does not, in the step being made.
func (m *model) fail(format string, args ...any) {
	m.broken = append(m.broken, fmt.Sprintf(format, args...))
}

// ---- every move ----------------------------------------------------------------------------------------------

func (t *stride) checkMove() {
	mv := t.move
	if why := barred(key{t.row.Lane, t.row.State}, t.name); why != "" {
		t.m.fail("%s answers in %s, %s, which cannot be: %s", t.name, t.row.Lane, t.row.State, why)
	}
	switch {
	case t.name == "":
		t.m.fail("total: no row of decide answers in %s, %s", t.row.Lane, t.row.State)
	case mv.Do == Put:
		t.checkPut()
	case mv.Do == Redeploy:
		t.checkRedeploy()
	case mv.Do == Nothing && mv.To == "" && mv.Deny == "":
		t.checkWait()
	}
}

func (t *stride) target() PairID { return view{r: t.row}.target() }

func (t *stride) accepted(id PairID) bool { return t.verdictOf(id) == vendors.Accepted }

func (t *stride) checkPut() {
	i, n := t.m.placeNo(t.move.Target), pairNo(t.target())
	holds := t.was.known(t.was.places[i])
	unknown := holds == mTorn || holds == mForeign || holds > 0 && t.s.pairs[holds-1].life == 0
	f := t.row.Facts
	switch {
	case t.m.sp.Places[i].Follows != "":
		t.m.fail("I-9: a place that follows is written")
	case n == 0 || !t.accepted(t.target()):
		t.m.fail("I-1: %s is written with a pair the vendor did not just accept (%s, in %s)", t.move.Target, t.target(), t.row.State)
	case t.dying(n):
		t.m.fail("I-1: %s is written with %s, which was said to be revoked and is dying, while the new pair works", t.move.Target, t.target())
	case t.s.pairs[n-1].flaw == mOtherEnvironment && !t.m.setting.mute:
		t.m.fail("I-4: %s is written with a pair of another environment", t.move.Target)
	case t.row.Lane != Routine && t.target() != t.row.New:
		t.m.fail("a pair that is compromised or replaced is put back, in %s, %s", t.row.Lane, t.row.State)
	case slices.Contains([]Life{Dead, Ended, Refused, Orphan}, t.m.lives[t.s.pairs[n-1].life]):
		t.m.fail("I-14: a pair that is %s is written", t.m.lives[t.s.pairs[n-1].life])
	case unknown && holds != mTorn && t.m.sp.Places[i].Readable && t.row.Facts.Waivers == nil:
		t.m.fail("I-9: %s holds a pair nobody knows, and is overwritten without permission", t.move.Target)
	case t.row.Lane == Routine && t.target() == t.row.New && !f.Wrote && !t.seen.OldHeld && f.NoRollback == "" && !f.NoOld && !f.BothDead &&
		t.seen.OldPair.Life != Lost: // it was never held here, and that was waived before the key was asked for
		t.m.fail("I-12: a first write without a sealed old pair and without a waiver")
	}
}

// dying: somebody revoked the pair as asked, and said so, and the other one works, so that there is something to lose.
func (t *stride) dying(n uint8) bool {
	p, other := t.s.pairs[n-1], pairNo(t.row.New)
	if !p.told || p.fickle || p.byHand || other == n || other == 0 {
		return false
	}
	o := t.s.pairs[other-1]
	return o.truth == mAlive && o.flaw == 0 && !o.fickle
}

func (t *stride) checkRedeploy() {
	c := t.m.targetNo(Redeploy, t.move.Target)
	holds := t.was.places[reads(int(c))]
	if t.was.apps[c].excused {
		return
	}
	if holds == 0 || holds > 3 || !t.accepted(pairID(holds)) {
		t.m.fail("I-1: consumer %s is restarted, and its place holds %d, which the vendor did not just accept", t.move.Target, holds)
	}
}

func (t *stride) checkWait() {
	asks := t.asked()
	r, v := t.row, view{sp: t.m.sp, r: t.row, s: t.seen, now: t.m.now}
	switch {
	case asks == asksUnknown:
		t.m.fail("L-1: not one known command: %q", t.move.Command)
	case !t.move.Next.After(t.m.now):
		t.m.fail("L-1: it waits until now, which is a loop: %s", t.move.Why)
	case asks == asksRevoke || asks == asksAttest:
		t.checkAsks(v)
	case asks == asksKey && windowed(t.m.sp, r) && !t.mayCreate(v):
		t.m.fail("I-1: a key that ends the old one is asked for, and no approval names every consumer")
	case asks == asksKey && r.Lane == Routine && r.State == AwaitingKey && !r.Facts.BothDead && !r.Facts.OldDead && !r.Facts.Wrote &&
		(len(t.seen.Problems) > 0 || len(t.seen.Orphans) > 0):
		t.m.fail("I-13, I-16: a key is asked for with problems %q or orphans", t.seen.Problems)
	}
}

func (t *stride) mayCreate(v view) bool {
	if t.row.Lane == Compromised {
		return len(v.unnamed()) == 0
	}
	w := v.approvedWindow()
	return w != nil && !v.now.Before(w.From) && v.now.Before(w.To)
}

// checkAsks: I-1, I-10, against the truth: nobody may still hold the pair that a person is asked to revoke, and the one to
// keep works. What this very look could not reach is nobody's evidence.
func (t *stride) checkAsks(v view) {
	old := pairNo(t.row.Old)
	if t.row.Lane == Retire || old == 0 || old > 3 {
		return
	}
	for i, p := range t.m.sp.Places {
		if p.Readable && !v.spared(p) && t.fault != fVault+uint8(i) && t.was.places[i] == old {
			t.m.fail("I-10: somebody is asked to revoke what place %s holds", p.Name)
		}
	}
	for i, a := range t.was.apps {
		if a.holds == old && !a.excused && t.fault != fAPI+uint8(i) && i < len(t.m.sp.Consumers) {
			t.m.fail("I-1, I-10: somebody is asked to revoke what consumer %s runs with", t.m.sp.Consumers[i].Name)
		}
	}
	if t.row.journey() && !t.accepted(t.row.New) || t.row.Lane == Burial && verdict(t.seen.New) == vendors.Refused {
		t.m.fail("I-10: somebody is asked to revoke, and the vendor does not accept the pair to keep (%s)", t.row.Lane)
	}
}

// ---- every transition ----------------------------------------------------------------------------------------

func (t *stride) checkTransition() {
	from, to := t.row.State, t.move.To
	switch {
	case from == Verified && to == AwaitingRevocation:
		t.checkRequest()
	case from == Staged && to == Distributed:
		t.checkDistributed()
	case to == FailedState && (t.move.Resume == "" || t.move.Why == ""):
		t.m.fail("L-2: failed without a way on")
	case to == Closed && t.row.journey():
		t.checkAllUse(t.row.New, "closed")
	case to == RolledBack && t.row.Facts.Wrote:
		t.checkAllUse(t.row.Old, "rolled back")
	}
	for id, l := range t.move.Lives {
		t.checkLife(pairNo(id), l)
	}
	for _, id := range t.move.Wipe {
		t.checkWipe(pairNo(id))
	}
}

// checkAllUse: I-2, every consumer truly runs with the pair, or was excused by name.
func (t *stride) checkAllUse(id PairID, what string) {
	for i, c := range t.m.sp.Consumers {
		if a := t.was.apps[i]; !a.excused && a.holds != pairNo(id) {
			t.m.fail("I-2: %s, and consumer %s does not use %s but %d", what, c.Name, id, a.holds)
		}
	}
}

func (t *stride) checkRequest() {
	r := t.row
	if r.New == "" || r.New == r.Old || !t.accepted(r.New) {
		t.m.fail("I-10: a revocation is asked for, and the pair to keep is not accepted")
	}
	t.checkAllUse(r.New, "a revocation is asked for")
	if r.Lane != Replace && t.m.sp.Policy.ApproveRevocation != "none" && !r.Facts.OldDead && !(view{sp: t.m.sp, r: r}).approved() {
		t.m.fail("a revocation is asked for without a second person's approval")
	}
}

// checkDistributed: I-8.
func (t *stride) checkDistributed() {
	v := view{sp: t.m.sp, r: t.row, now: t.m.now}
	for i, p := range t.m.sp.Places {
		f := t.row.Facts.Places[p.Name]
		switch {
		case v.spared(p):
		case f.Pair != t.row.New:
			t.m.fail("I-8: distributed, and nothing says that %s holds the pair", p.Name)
		case t.fault != fVault+uint8(i) && t.was.places[i] != pairNo(t.row.New) && f.Grade == backends.ReadBack:
			t.m.fail("I-8: distributed, and %s holds another pair", p.Name)
		}
	}
}

func (t *stride) checkLife(n uint8, is Life) {
	k := t.was.pairs[n-1]
	was, triples := t.m.lives[k.life], t.row.Facts.Triples
	alive := k.truth == mAlive && !k.fickle && k.flaw != mMistyped
	switch {
	case is == Dead && was != Dead && (!t.m.sp.Profile.FailingProbes || len(triples) < 3 ||
		triples[len(triples)-1].At.Sub(triples[0].At) < 2*t.m.sp.Profile.Propagation):
		t.m.fail("I-11: dead by %d triples", len(triples))
	case is == Dead && k.truth != mGone && !k.fickle && k.flaw != mMistyped && n < modelPairs:
		t.m.fail("I-11: recorded as dead, and alive")
	case was == Dead && is != Dead && !t.accepted(pairID(n)):
		t.m.fail("I-14: a death was unproven, and the vendor did not accept the pair")
	case is == Refused && alive && !(t.move.DropOld && k.flaw != 0):
		t.m.fail("I-16: a pair that its host accepts is forgotten")
	case is == Ended && t.row.Facts.EndWord == nil:
		t.m.fail("I-11: attested, and nobody said so")
	}
}

// checkWipe: no pair in use is lost.
func (t *stride) checkWipe(n uint8) {
	if n == 0 {
		return
	}
	life := t.move.Lives[pairID(n)]
	if life == "" {
		life = t.m.lives[t.was.pairs[n-1].life]
	}
	somewhere := false
	for i, p := range t.m.sp.Places {
		somewhere = somewhere || p.Readable && t.was.places[i] == n
	}
	if life == Current && !somewhere {
		t.m.fail("the sealed copy of the pair in use is wiped, and no place returns it")
	}
}

// ---- every state ---------------------------------------------------------------------------------------------

// check is what must hold in every state, however it came about.
func (m *model) check(s *mState) {
	for i := range m.sp.Consumers {
		m.checkConsumer(s, i)
	}
	current := 0
	for i, p := range s.pairs {
		l := m.lives[p.life]
		switch {
		case l == Current:
			current++
		case (l == Orphan || l == Candidate || l == Previous) && !m.listed(s, uint8(i+1)):
			m.fail("I-16: pair-%d is %s, and no rotation or burial knows of it", i+1, l)
		case (l == Dead || l == Ended || l == Refused) && p.truth == mAlive && !p.fickle && p.flaw == 0:
			m.fail("I-16: pair-%d lives, and is listed as %s", i+1, l)
		}
	}
	if current > 1 {
		m.fail("I-16: %d pairs are current", current)
	}
}

// checkConsumer: I-1. A pair that somebody revoked unasked, or put somewhere by hand, is not our doing; nor is it when
// somebody ended the pair in use, and the way back was revoked as asked before, whether or not it was enabled again later.
func (m *model) checkConsumer(s *mState, i int) {
	a := s.apps[i]
	if a.excused || a.holds == 0 || a.holds > 3 {
		return
	}
	ended := slices.ContainsFunc(s.pairs[:], func(q mPair) bool { return q.byHand && (q.truth >= mDying || q.fickle) && q.life != 0 })
	if p := s.pairs[a.holds-1]; p.truth == mGone && !p.byHand && !p.fickle && !ended {
		m.fail("I-1: consumer %s runs with pair-%d, which is dead, and nobody's hand did it", m.sp.Consumers[i].Name, a.holds)
	}
}

func (m *model) listed(s *mState, n uint8) bool {
	if !m.states[s.row.state].Over() && (s.row.old == n || s.row.new == n) || slices.Contains(s.words[:], wSubmitted+n) {
		return true
	}
	g := s.graves[n-1]
	return g.lane != 0 && !m.states[g.state].Over()
}
