package rotator

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// setting is one world's beginning and its limits.
type setting struct {
	name    string
	begin   func(m *model, s *mState)
	spec    func(sp *Spec)
	old     time.Duration // age of every pair, for the policy
	kills   bool          // creating a key ends the others
	frozen  bool          // nothing is asked for, and this model does not live long enough
	mute    bool          // the vendor's answers name neither environment nor account
	control bool          // retire: another credential's pair can stand for the new one
}

// newModel is what one worker needs.
func newModel(set *setting, p *plant) *model {
	m := &model{sp: modelSpec(), now: noon(), states: modelStates(), lanes: modelLanes(), lives: modelLives(), wishes: modelWishes(),
		actions: modelActions(), runStates: modelRuns(), waivable: modelWaivers(), rowsOf: nameRows(), plant: p, setting: set}
	if set.spec != nil {
		set.spec(&m.sp)
	}
	if p != nil && p.rows != nil {
		for k, all := range m.rowsOf {
			m.rowsOf[k] = p.rows(k, all)
		}
	}
	m.rt = &Rotator{o: Options{Now: func() time.Time { return m.now }, NewID: func() string { return "4" }}}
	return m
}

// first is the state in which everything begins: the journey is opened, and as many faults and wrong acts may happen.
func (m *model) first(luck, again uint8) mState {
	s := mState{luck: luck, again: again}
	s.row = mRow{lane: indexOf(m.lanes, Routine), state: indexOf(m.states, DueState)}
	m.setting.begin(m, &s)
	return s
}

// ---- which states were seen ----------------------------------------------------------------------------------

// digest is 64 bits of a state: among 10^7 states two share one with a probability of about 3 in a million, and then one
// of them goes unsearched. TestModelState checks that the struct has no padding.
func digest(s *mState) uint64 {
	const size = unsafe.Sizeof(mState{})
	b := (*[size]byte)(unsafe.Pointer(s))[:]
	h := uint64(0x9e3779b97f4a7c15)
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h, binary.LittleEndian.Uint64(b))
	}
	for _, c := range b {
		h = mix(h, uint64(c))
	}
	return h
}

// mix is one to one in both, as each of its steps is.
func mix(h, w uint64) uint64 {
	h = (h ^ w) * 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>29
}

// visited keeps every state's digest with that of the state it was first reached from.
type visited struct {
	shards [256]struct {
		sync.Mutex
		from map[uint64]uint64
	}
}

func newVisited() *visited {
	v := &visited{}
	for i := range v.shards {
		v.shards[i].from = map[uint64]uint64{}
	}
	return v
}

// add reports whether the state is new.
func (v *visited) add(d, from uint64) bool {
	sh := &v.shards[d>>56]
	sh.Lock()
	defer sh.Unlock()
	if _, seen := sh.from[d]; seen {
		return false
	}
	sh.from[d] = from
	return true
}

// forget: the state was found, and nothing was asked of it.
func (v *visited) forget(d uint64) {
	sh := &v.shards[d>>56]
	sh.Lock()
	defer sh.Unlock()
	delete(sh.from, d)
}

func (v *visited) parent(d uint64) uint64 { return v.shards[d>>56].from[d] }

// ---- the search ----------------------------------------------------------------------------------------------

// search goes breadth first through everything that can be reached.
type search struct {
	set     *setting
	plant   *plant
	again   uint8
	most    []int // states with so much luck as the index says, 0: none
	workers int
	say     func(format string, args ...any) // progress

	*ground
	models        []*model
	states, moves int // states all of whose steps were made
	depth         int
	last          bool    // what is found on this level is checked, and goes no further
	cut           []uint8 // with so much luck not everything was seen
	wrong         *wrong  // the first violation: one at the least depth
	ends          map[string]int
	every         uint64 // one new state in so many is calmed
}

// ground is what was searched of one world: settings that differ only in where they begin share it, so that no state is
// counted or searched twice.
type ground struct {
	seen  *visited
	begun []mState // the roots
}

func newGround() *ground { return &ground{seen: newVisited()} }

// sameWorld: whether what follows from a state is the same in both.
func sameWorld(a, b *setting) bool {
	x, y := newModel(a, nil), newModel(b, nil)
	return reflect.DeepEqual(x.sp, y.sp) && a.old == b.old && a.kills == b.kills && a.frozen == b.frozen && a.mute == b.mute && a.control == b.control
}

// wrong is a violation with the state before it.
type wrong struct {
	at   mState
	edge edge
	what string
}

// worker is one goroutine's share of a level.
type worker struct {
	m     *model
	next  []mState
	moves int
	wrong *wrong
	ends  map[string]int
}

// run searches with one piece of bad luck more after the other. What was seen with less is not searched again.
func (se *search) run() {
	if se.ends = map[string]int{}; se.ground == nil {
		se.ground = newGround()
	}
	for range max(se.workers, 1) {
		se.models = append(se.models, newModel(se.set, se.plant))
	}
	for i, most := range se.most {
		if se.wrong == nil {
			se.phase(uint8(i), most)
		}
	}
}

// phase searches with so much luck, until everything was seen or every step of most states was made.
func (se *search) phase(luck uint8, most int) {
	if most == 0 {
		return
	}
	level, depth, began := se.roots(luck), 0, time.Now()
	for ; len(level) > 0 && se.wrong == nil; depth++ {
		se.last = len(level) >= most
		level = se.fits(level, luck, most)
		se.states, most = se.states+len(level), most-len(level)
		level = se.level(level)
		if se.say != nil && time.Since(began) > 30*time.Second {
			began = time.Now()
			se.say("... %s, luck %d, depth %d: %d states, %d transitions", se.set.name, luck, depth, se.states, se.moves)
		}
	}
	se.last, se.depth = false, max(se.depth, depth)
}

// fits leaves what there is no room for to whoever finds it next. What is left does not depend on which worker was first.
func (se *search) fits(level []mState, luck uint8, most int) []mState {
	if !se.last {
		return level
	}
	se.cut = append(se.cut, luck)
	digests := make([]uint64, len(level))
	for i := range level {
		digests[i] = digest(&level[i])
	}
	slices.Sort(digests)
	return slices.DeleteFunc(level, func(s mState) bool {
		over := digest(&s) > digests[most-1]
		if over {
			se.seen.forget(digest(&s))
		}
		return over
	})
}

// roots are where the search begins: the beginning, and, unless something is planted, every state on the way on which all goes
// well, so that what happens late is not out of reach of a search that is cut.
func (se *search) roots(luck uint8) []mState {
	m := se.models[0]
	var all []mState
	add := func(s mState) {
		if s.luck = luck; se.seen.add(digest(&s), 0) {
			all = append(all, s)
		}
	}
	first := m.first(luck, se.again)
	if add(first); se.plant == nil {
		m.calm(first, func(s *mState) bool { add(*s); return false })
	}
	se.begun = append(se.begun, all...)
	return all
}

// level makes every transition of every state of one level.
func (se *search) level(level []mState) []mState {
	var wg sync.WaitGroup
	workers := make([]*worker, len(se.models))
	at := make(chan []mState, len(level)/1024+1)
	for i := 0; i < len(level); i += 1024 {
		at <- level[i:min(i+1024, len(level))]
	}
	close(at)
	for i := range workers {
		w := &worker{m: se.models[i], ends: map[string]int{}}
		workers[i] = w
		wg.Go(func() {
			for some := range at {
				for j := range some {
					se.expand(w, &some[j])
				}
			}
		})
	}
	wg.Wait()
	return se.gather(workers)
}

func (se *search) gather(workers []*worker) []mState {
	var next []mState
	for _, w := range workers {
		next = append(next, w.next...)
		se.moves += w.moves
		for end, n := range w.ends {
			se.ends[end] += n
		}
		if se.wrong == nil {
			se.wrong = w.wrong
		}
	}
	return next
}

func (se *search) expand(w *worker, s *mState) {
	from := digest(s)
	w.m.next(s, func(e edge, t *mState) {
		w.moves++
		w.m.canon(t)
		if w.m.states[s.row.state].Over() && !w.m.states[t.row.state].Over() && e.kind != kOpen && e.kind != kObey {
			w.m.fail("I-19: a journey that had ended is open again")
		}
		se.found(w, t, from)
		if len(w.m.broken) > 0 {
			if w.wrong == nil {
				w.wrong = &wrong{*s, e, strings.Join(w.m.broken, "; ")}
			}
			w.m.broken = w.m.broken[:0]
		}
	})
}

// found checks a state that is new, and keeps it for the next level.
func (se *search) found(w *worker, t *mState, from uint64) {
	d := digest(t)
	if se.last {
		w.m.check(t)
		return
	}
	if !se.seen.add(d, from) {
		return
	}
	w.m.check(t)
	w.next = append(w.next, *t)
	if se.every > 0 && d%se.every == 0 {
		w.calm(t)
	}
}

const inTheCalm = "in the calm that follows: "

// calm: L-1, from here faults stop, and it must come to an end.
func (w *worker) calm(s *mState) {
	to, rounds, end := w.m.calm(*s, nil)
	if end == "" {
		w.m.fail("L-1: it does not come to an end: %d rounds lead to %s", rounds, w.m.picture(&to))
	}
	w.ends[end]++
	for i := range w.m.broken {
		w.m.broken[i] = inTheCalm + w.m.broken[i]
	}
}

// canon forgets what can make no difference any more.
func (m *model) canon(s *mState) {
	over := m.states[s.row.state].Over()
	for i := range s.jobs {
		busy := s.holder.phase == mActing && m.actions[s.holder.do] == Redeploy && int(s.holder.target) == i
		if over || s.row.runs[i].state >= 2 && !busy {
			s.jobs[i] = 0
		}
	}
	for i := range s.pairs {
		s.pairs[i].told = s.pairs[i].told && s.pairs[i].truth != mGone
	}
}

// ---- how it came about ---------------------------------------------------------------------------------------

// trace replays the way to the violation, step by step.
func (se *search) trace() []string {
	m := newModel(se.set, se.plant)
	var path []uint64
	for d := digest(&se.wrong.at); d != 0; d = se.seen.parent(d) {
		path = append(path, d)
	}
	slices.Reverse(path)
	s := se.begun[slices.IndexFunc(se.begun, func(s mState) bool { return digest(&s) == path[0] })]
	lines := []string{m.picture(&s)}
	for _, want := range path[1:] {
		var by edge
		var to mState
		m.next(&s, func(e edge, t *mState) {
			if m.canon(t); digest(t) == want && by.kind == 0 && to == (mState{}) {
				by, to = e, *t
			}
		})
		s = to
		lines = append(lines, m.edgeName(by), "    "+m.picture(&s))
	}
	lines = append(lines, m.edgeName(se.wrong.edge))
	if strings.HasPrefix(se.wrong.what, inTheCalm) {
		lines = append(lines, m.calmly(&s, se.wrong.edge)...)
	}
	return append(lines, "VIOLATION: "+se.wrong.what)
}

// calmly is what follows the step e from s in the calm, until something does not hold.
func (m *model) calmly(s *mState, e edge) []string {
	var lines []string
	m.next(s, func(by edge, t *mState) {
		if m.canon(t); by != e || len(lines) > 0 {
			return
		}
		m.broken = m.broken[:0]
		m.calm(*t, func(at *mState) bool {
			if len(lines) < 40 {
				lines = append(lines, "    "+m.picture(at))
			}
			return len(m.broken) > 0
		})
	})
	return lines
}

// picture is a state in one line.
func (m *model) picture(s *mState) string {
	r := &s.row
	out := fmt.Sprintf("%s %s old=%d new=%d entered=%d", m.lanes[r.lane], m.states[r.state], r.old, r.new, r.entered)
	for i, p := range s.pairs {
		if p.truth != mUnborn || p.life != 0 {
			out += fmt.Sprintf(" | pair-%d %s %s sealed=%v", i+1, m.lives[p.life], [...]string{"unborn", "alive", "dying", "dying", "DEAD"}[p.truth], p.sealed)
		}
	}
	out += fmt.Sprintf(" | places %v facts %v | apps", s.places, r.places)
	for i := range m.sp.Consumers {
		out += fmt.Sprintf(" %d", s.apps[i].holds)
		if r.proofs[i].pair > 0 {
			out += fmt.Sprintf("(proof %d)", r.proofs[i].pair)
		}
	}
	for i, g := range s.graves {
		if g.lane != 0 {
			out += fmt.Sprintf(" | burial of %d %s triples=%d asks=%d", i+1, m.states[g.state], g.triples, g.asks)
		}
	}
	return out + fmt.Sprintf(" | asks=%d words=%v luck=%d", r.asks, s.words, s.luck)
}
