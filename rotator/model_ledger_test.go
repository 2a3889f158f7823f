package rotator

import (
	"reflect"
	"runtime"
	"strings"

	"quarterturn/vendors"
)

// ---- rows by name --------------------------------------------------------------------------------------------

// namedRow is a row of decide with the name of its function.
type namedRow struct {
	name string
	ask  row
	hits *int
}

// nameRows lists what decide asks in every lane and state.
func nameRows() map[key][]namedRow {
	all := map[key][]namedRow{}
	for _, k := range stateKeys() {
		for _, ask := range rows(Rotation{Lane: k.lane, State: k.state}) {
			full := runtime.FuncForPC(reflect.ValueOf(ask).Pointer()).Name()
			all[k] = append(all[k], namedRow{full[strings.LastIndex(full, ".")+1:], ask, new(int)})
		}
	}
	return all
}

// judge is decide, which also says which row answered; "" is none. TestModelDecides holds the two against each other.
func (m *model) judge(v view) (Move, string) {
	for _, rw := range m.rowsOf[key{v.r.Lane, v.r.State}] {
		if move, ok := rw.ask(v); ok {
			*rw.hits++
			return move, rw.name
		}
	}
	return wait(v, v.now.Add(tick), "nothing to do", ""), ""
}

// ---- one look and one move -----------------------------------------------------------------------------------

// stride is one step of a claim, as pass.go makes it.
type stride struct {
	m     *model
	s     mState // as it will be
	grave uint8  // the burial of this pair, 0: the journey
	was   *mState
	row   Rotation
	seen  Seen
	fault uint8
	name  string // of the row that answered
	move  Move
}

func (t *stride) stored() *mRow {
	if t.grave > 0 {
		return &t.s.graves[t.grave-1]
	}
	return &t.s.row
}

// step makes one step of a claim on a row. It is one transition, because nothing outside the ledger depends on it and a
// ledger that compares and swaps undoes it when somebody recorded meanwhile.
func (m *model) step(s *mState, grave, fault uint8) stride {
	t := stride{m: m, s: *s, was: s, grave: grave, fault: fault}
	t.row = m.rotation(s, t.stored())
	if grave > 0 || s.holder.phase == mIdle {
		t.hear()
	}
	t.learn()
	v := view{sp: m.sp, r: t.row, s: t.seen, now: m.now}
	t.move, t.name = m.judge(v)
	t.checkMove()
	switch {
	case t.move.Do != Nothing:
		t.intend()
	case t.move.To != "" || t.move.Deny != "":
		t.moved()
	default:
		t.waits()
	}
	return t
}

// hear is the claim: it returns what was said meanwhile.
func (t *stride) hear() {
	for i, target := range t.m.waivable {
		if t.s.waivers&(1<<i) != 0 {
			t.row.Words = append(t.row.Words, t.m.waiver(i, target, true))
		}
	}
	if t.grave > 0 {
		t.heard(t.s.gwords[t.grave-1 : t.grave])
		return
	}
	t.heard(t.s.words[:])
	if t.s.words[0] == 0 { // the last one came after the claim
		t.s.words[0], t.s.words[1] = t.s.words[1], 0
	}
}

// heard takes words in: the last one not, where it was said a moment after the claim.
func (t *stride) heard(said []uint8) {
	for i, w := range said {
		last := i == len(said)-1 || said[i+1] == 0
		if w == 0 || t.fault == fDeaf && last {
			return
		}
		t.row.Words = append(t.row.Words, t.m.word(w, int64(20+i), &t.row))
		t.told(w)
		said[i] = 0
	}
}

// told remembers that a pair was said to be revoked, as it was, whatever the product makes of it.
func (t *stride) told(w uint8) {
	if t.grave > 0 || w <= wRevoked {
		return
	}
	if k := &t.s.pairs[(w-wRevoked-1)%modelPairs]; k.truth == mDying || k.truth == mDying1 {
		k.told = true
	}
}

func (t *stride) learn() {
	learner := learn
	if p := t.m.plant; p != nil && p.learn != nil {
		learner = p.learn
	}
	for {
		t.seen = t.m.see(&t.s, &t.row, t.fault)
		if p := t.m.plant; p != nil && p.see != nil {
			p.see(&t.seen)
		}
		before := t.row
		t.row, _ = learner(t.m.sp, t.row, t.seen, t.m.now)
		if t.row.Old == before.Old && t.row.New == before.New {
			return
		}
	}
}

func (t *stride) work() *work {
	return &work{rt: t.m.rt, r: t.row, s: t.seen, l: &looker{rt: t.m.rt, c: Credential{Spec: t.m.sp}, opened: nil}, out: &Outcome{}}
}

// intend records the intent: the effect is still to come.
func (t *stride) intend() {
	w := t.work()
	before := w.r.Facts.Runs[t.move.Target]
	w.intend(t.move)
	t.row = w.r
	a := mRunner{phase: mActing, do: indexOf(t.m.actions, t.move.Do), pair: pairNo(w.r.Facts.Intent.Pair), fresh: true}
	a.target = t.m.targetNo(t.move.Do, t.move.Target)
	if t.move.Do == Redeploy && (before.Once == "" || before.Attempt != t.move.Attempt) {
		t.s.jobs[a.target] = 0
		if l := &t.s.lost; l.do == a.do && l.target == a.target {
			l.fresh = false
		}
	}
	t.s.holder = a
	t.record(asksNothing)
}

// record makes the row true. What was said on it since the claim stays unheard.
func (t *stride) record(asks uint8) {
	r := t.m.small(&t.row)
	r.asks = asks
	if t.row.State.Over() {
		r = mRow{lane: r.lane, state: r.state}
	}
	*t.stored() = r
	if t.grave == 0 && t.s.holder.phase != mActing {
		t.s.holder = mRunner{phase: mWorking}
	}
}

func (t *stride) moved() {
	t.checkTransition()
	w := t.work()
	changed, over := w.changed(t.move), false
	t.row = apply(w.r, t.move, t.m.now)
	over = t.row.State.Over()
	if over && t.unheard() { // ErrStale: no word is ever lost
		t.s = *t.was
		if t.grave == 0 {
			t.s.holder, t.s.stopped = mRunner{}, true
		}
		return
	}
	for _, p := range changed {
		t.keep(p)
	}
	for _, g := range t.move.Bury {
		if at := &t.s.graves[pairNo(g.Pair)-1]; t.m.states[at.state] == "" || t.m.states[at.state].Over() {
			b := t.m.rt.burial(w.r, g)
			*at = t.m.small(&b)
		}
	}
	t.record(asksNothing)
	if over && t.grave == 0 {
		t.s.holder = mRunner{}
	}
	if t.move.Hurry {
		h := t.m.rt.hurried(w.r, t.seen)
		t.s.row = t.m.small(&h)
	}
}

// unheard: words that came in since this claim. The first step of a claim has just heard all there is.
func (t *stride) unheard() bool {
	if t.fault == fDeaf {
		return true
	}
	return t.grave == 0 && t.was.holder.phase != mIdle && t.s.words != [2]uint8{}
}

func (t *stride) keep(p Pair) {
	k := &t.s.pairs[pairNo(p.ID)-1]
	k.life, k.sealed = indexOf(t.m.lives, p.Life), len(p.Sealed) > 0
}

func (t *stride) waits() {
	t.record(t.asked())
	if t.grave == 0 {
		t.s.holder = mRunner{}
	}
}

// ---- effects -------------------------------------------------------------------------------------------------

// How an effect may go.
const (
	eWell      = iota
	eFails     // nothing happens, and the answer says so or is lost
	eUnknown   // it happens, and its answer is lost
	eForbidden // a right was withdrawn
	eChanged   // put: somebody changed the place since it was looked at
	eRunFails  // redeploy: the run fails
	eRunsLong  // redeploy: the run takes its time
	eDies      // the process dies before it
	eDiesAfter // the process dies between the effect and the record
	effects
)

func effectName(e uint8) string {
	return [...]string{"done", "fails", "done, answer lost", "forbidden", "changed meanwhile", "run fails", "run takes long",
		"process dies before", "process dies after"}[e]
}

// possible: not every way to go wrong exists for every effect.
func (m *model) possible(a mRunner, how uint8) bool {
	do := m.actions[a.do]
	switch how {
	case eChanged:
		return do == Put
	case eRunFails, eRunsLong:
		return do == Redeploy
	case eForbidden:
		return do != SealOld
	case eUnknown, eDiesAfter:
		return do != SealOld
	}
	return true
}

// effect has the holder try what it declared.
func (m *model) effect(s *mState, how uint8) mState {
	t := stride{m: m, s: *s, was: s}
	a := s.holder
	t.row = m.rotation(s, &s.row)
	w := t.work()
	w.r.Facts.Intent = &Intent{Do: m.actions[a.do], Target: m.targetName(a.do, a.target), Pair: pairID(a.pair)}
	t.s.holder = mRunner{phase: mWorking}
	if m.revokedThere(s, a) {
		how = eFails
	}
	applies := how == eWell || how == eUnknown || how == eRunFails || how == eRunsLong || how == eDiesAfter
	if applies {
		m.happen(&t.s, a, how, w)
	}
	switch how {
	case eDies, eDiesAfter:
		t.s.holder, t.s.stopped = mRunner{}, true
		return t.s
	case eFails, eUnknown:
		w.r = m.rotation(s, &s.row)
		w.r.Facts.Intent = &Intent{Do: m.actions[a.do], Target: m.targetName(a.do, a.target), Pair: pairID(a.pair)}
		w.r.Facts.Stuck++
		t.s.holder = mRunner{}
	case eForbidden:
		w.r.Facts.Stuck++
		w.r.Facts.Stop = "stopped: forbidden"
	default:
		w.r.Facts.Intent, w.r.Facts.Stuck = nil, 0
	}
	vers := t.s.row.vers
	t.s.row = m.small(&w.r)
	if how == eUnknown {
		t.s.row.vers = vers
	}
	return t.s
}

// revokedThere: since the look somebody put a pair into the place that is known as revoked, and that is not taken in.
func (m *model) revokedThere(s *mState, a mRunner) bool {
	n := s.known(s.places[a.target])
	if m.actions[a.do] != SealOld || n == 0 || n > modelPairs {
		return false
	}
	l := m.lives[s.pairs[n-1].life]
	return l == Dead || l == Ended
}

// happen changes the world, and the row as the answer makes it.
func (m *model) happen(s *mState, a mRunner, how uint8, w *work) {
	switch m.actions[a.do] {
	case SealOld:
		m.sealOld(s, a, w)
	case Put:
		p := m.sp.Places[a.target]
		if a.fresh || !p.Readable { // what cannot be read back is not fenced either
			m.write(s, a.target, a.pair)
		}
		if !p.Readable {
			w.r.touched(p.Name, pairID(a.pair), m.now)
		}
	case Redeploy:
		m.deploy(s, a, how)
		name := m.sp.Consumers[a.target].Name
		f := w.r.Facts.Runs[name]
		f.Run = m.run(s.jobs[a.target])
		w.r.Facts.Runs[name] = f
	}
}

// write is any write to a place, by whomever.
func (m *model) write(s *mState, place, holds uint8) {
	s.places[place] = holds
	if s.row.vers[place] == 1 {
		s.row.vers[place] = 2
	}
	for _, a := range []*mRunner{&s.holder, &s.lost} {
		if a.phase == mActing && m.actions[a.do] == Put && a.target == place {
			a.fresh = false
		}
	}
}

// deploy: the same once-key is the same run.
func (m *model) deploy(s *mState, a mRunner, how uint8) {
	if a.fresh && s.jobs[a.target] != 0 {
		return
	}
	state := uint8(2)
	switch how {
	case eRunFails:
		state = 3
		s.apps[a.target].started = false
	case eRunsLong:
		state = 1
	default:
		m.start(s, a.target)
	}
	if a.fresh {
		s.jobs[a.target] = state
	}
}

// start has a consumer load what its place holds. Who loads nothing, or what a stranger left there, is not our doing.
func (m *model) start(s *mState, app uint8) {
	was, is := s.apps[app].holds, s.places[reads(int(app))]
	if was > 0 && was <= 3 && (is == 0 || is > 3) {
		s.apps[app].excused = true
	}
	s.apps[app].holds, s.apps[app].started = s.places[reads(int(app))], true
}

// sealOld is what act.go does: the pair that the place holds becomes the one in use, and another that was becomes an orphan.
func (m *model) sealOld(s *mState, a mRunner, w *work) {
	n := s.known(s.places[a.target])
	if n == 0 {
		return
	}
	if n > modelPairs { // nobody's pair: it becomes the fourth, which the vendor never issued
		s.pairs[modelPairs-1] = mPair{flaw: n, truth: mGone, byHand: true}
		n = modelPairs
	}
	for i := range s.pairs {
		if k := &s.pairs[i]; i+1 != int(n) && m.lives[k.life] == Current {
			k.life = indexOf(m.lives, Orphan)
			if g := &s.graves[i]; m.states[g.state] == "" || m.states[g.state].Over() {
				b := m.rt.burial(w.r, Grave{Pair: pairID(uint8(i + 1)), State: AwaitingRevocation, Used: true})
				*g = m.small(&b)
			}
		}
	}
	s.pairs[n-1].life, s.pairs[n-1].sealed = indexOf(m.lives, Current), true
	w.r.Old = pairID(n)
}

// land is the late effect of a runner that lost its lease: a place that is fenced refuses what it did not expect, one that
// is not admits it. Its record is refused.
func (m *model) land(s *mState) mState {
	t := *s
	a := t.lost
	t.lost = mRunner{}
	switch m.actions[a.do] {
	case Put:
		if a.fresh || !m.sp.Places[a.target].Readable {
			m.write(&t, a.target, a.pair)
		}
	case Redeploy:
		m.deploy(&t, a, eWell)
	}
	if m.plant != nil && m.plant.noSwap {
		t.row = m.unswapped(s, a)
	}
	return t
}

// unswapped is what a ledger that does not compare would keep: the row as the late runner knows it.
func (m *model) unswapped(s *mState, a mRunner) mRow {
	rot := m.rotation(s, &s.snap)
	w := (&stride{m: m, row: rot}).work()
	s2 := *s
	m.happen(&s2, a, eWell, w)
	w.r.Facts.Intent, w.r.Facts.Stuck = nil, 0
	return m.small(&w.r)
}

// verdictOf is what the look said about a pair.
func (t *stride) verdictOf(id PairID) vendors.Verdict {
	switch id {
	case t.seen.OldPair.ID:
		return verdict(t.seen.Old)
	case t.seen.NewPair.ID:
		return verdict(t.seen.New)
	}
	return vendors.Unclear
}
