package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"quarterturn/rotator"
)

// deepPatience is how many processes a story may take to its end from anywhere.
const deepPatience = 400

var (
	errDeepEndless = errors.New("it came to no end")
	errDeepUnended = errors.New("it ended otherwise")
)

// ---- one process -----------------------------------------------------------------------------------------------------

// deepRan is what one process left.
type deepRan struct {
	what string
	s    deepState // after it
	t    *deepTape
	err  error // a broken promise
}

// run lets the next process run on s, with plan going wrong in it.
func (sc *deepScene) run(s deepState, plan []deepFault, keeps bool, log func(string, ...any)) deepRan {
	r := deepRan{s: s, t: &deepTape{plan: plan, keeps: keeps, log: log}}
	act, err := sc.next(&r.s)
	if r.what = act.what; err != nil {
		r.err = err
		return r
	}
	p := &deepProcess{sc: sc, s: &r.s, t: r.t}
	p.observe("before the process")
	r.t.snap(0, &r.s)
	if log != nil {
		log("%s: %s", r.s.now.Format("01-02 15:04"), act.what)
	}
	died, err := p.run(act.do)
	if log != nil {
		log("    died %v: %v", died, err)
	}
	if errors.Is(err, errDeepBroken) {
		r.err = err
	}
	if r.t.broke != nil {
		r.err = fmt.Errorf("%w (seen at %s)", r.t.broke, r.t.breaks)
	}
	return r
}

// ---- the reader outside ----------------------------------------------------------------------------------------------

func (sc *deepScene) mayFail(s *deepState) bool { return sc.broken != nil && sc.broken(s) }

// look is the reader: every consumer works, every place holds one whole pair that lives, and the ledger neither calls
// dead what lives nor has lost what it may still need.
func (sc *deepScene) look(s *deepState) error {
	if !sc.mayFail(s) {
		for i, a := range s.apps {
			if a.started.IsZero() {
				continue
			}
			if !a.up || a.key != a.secret || !s.keys[a.key].alive(s.now) {
				return fmt.Errorf("consumer %s has a dead or mixed pair (I-1)", sc.spec.Consumers[i].Name)
			}
		}
		for i, f := range s.places {
			if f.key >= 0 && (f.key != f.secret || !s.keys[f.key].alive(s.now)) {
				return fmt.Errorf("place %s holds a dead or mixed pair (I-1)", sc.spec.Places[i].Name)
			}
		}
	}
	return errors.Join(sc.lookPairs(s), sc.lookRows(s))
}

func (sc *deepScene) lookPairs(s *deepState) error {
	for _, p := range s.book.pairs {
		i := s.keyOf(p.ID)
		if p.Life == rotator.Dead && i >= 0 && s.keys[i].alive(s.now) {
			return errors.New("a pair that lives is called dead (I-11)")
		}
		if p.Life == rotator.Candidate && len(p.Sealed) == 0 {
			return errors.New("a pair that came in is lost (I-5)")
		}
	}
	if k := len(s.keys) - 1; s.person.answered && s.person.paste < 0 && !slices.ContainsFunc(s.book.pairs, func(p rotator.Pair) bool {
		return p.Fragment == deepFragment(k) && p.Life != rotator.Refused
	}) {
		return errors.New("a pair that Accept took in is not in the ledger (I-5)")
	}
	return nil
}

// lookRows: what an open journey may still need is sealed, and what has ended was proven.
func (sc *deepScene) lookRows(s *deepState) error {
	for _, row := range s.book.rows {
		if row.lane == rotator.Burial {
			continue
		}
		switch row.state {
		case rotator.Staged, rotator.Distributed, rotator.Redeployed, rotator.Verified, rotator.AwaitingRevocation, rotator.RollingBack:
			if row.lane == rotator.Routine && row.old != "" && !row.noWayBack && !s.sealed(row.old) {
				return fmt.Errorf("in %s nothing leads back: the old pair is not sealed (I-12)", row.state)
			}
			if row.pair != "" && !s.sealed(row.pair) {
				return fmt.Errorf("in %s the new pair is not sealed", row.state)
			}
		case rotator.Closed:
			if i := s.keyOf(row.old); i >= 0 && s.keys[i].alive(s.now) {
				return errors.New("it is closed, and the old pair lives (I-11)")
			}
		}
	}
	for i, a := range s.apps {
		if s.excuses == 0 && len(a.onces) > max(1, sc.deploy) {
			return fmt.Errorf("consumer %s is deployed more than once for one generation (I-7)", sc.spec.Consumers[i].Name)
		}
	}
	for i, f := range s.places {
		for _, w := range f.writes {
			if w.n > 1 {
				return fmt.Errorf("place %s got a second version of one generation (I-7)", sc.spec.Places[i].Name)
			}
		}
	}
	return nil
}

func (s *deepState) sealed(id rotator.PairID) bool {
	for _, p := range s.book.pairs {
		if p.ID == id {
			return len(p.Sealed) > 0
		}
	}
	return false
}

// ---- the end ---------------------------------------------------------------------------------------------------------

// done: the journey has ended, and where the story is about a burial, nothing is left to bury.
func (sc *deepScene) done(s *deepState) bool {
	if sc.fits == nil && s.person.wished < len(sc.wishes) || s.person.paste >= 0 {
		return false
	}
	over := false
	for _, row := range s.book.rows {
		switch {
		case row.lane != rotator.Burial:
			over = row.state.Over()
		case sc.burial && row.open && row.state != rotator.RevocationProven:
			return false
		}
	}
	return over
}

// ended says what is not as it must be at the end.
func (sc *deepScene) ended(s *deepState) error {
	if sc.fits != nil {
		return errors.Join(sc.fits(s), deepWhole(s.book))
	}
	var errs []error
	state := rotator.State("")
	for _, row := range s.book.rows {
		if row.lane != rotator.Burial {
			state = row.state
		}
	}
	if state != sc.state {
		errs = append(errs, fmt.Errorf("the journey ended %s, not %s", state, sc.state))
	}
	for i, f := range s.places {
		if f.key != sc.holds || f.secret != sc.holds {
			errs = append(errs, fmt.Errorf("place %s does not hold the pair", sc.spec.Places[i].Name))
		}
	}
	for i, a := range s.apps {
		if a.key != sc.holds || a.secret != sc.holds || !a.up {
			errs = append(errs, fmt.Errorf("consumer %s does not run with the pair", sc.spec.Consumers[i].Name))
		}
	}
	for k, life := range sc.lives {
		if got := s.life(k); got != life {
			errs = append(errs, fmt.Errorf("pair %d is %q, not %q", k, got, life))
		}
	}
	if err := errors.Join(append(errs, deepWhole(s.book))...); err != nil {
		return fmt.Errorf("%w: %w", errDeepUnended, err)
	}
	return nil
}

func (s *deepState) life(k int) rotator.Life {
	for _, p := range s.book.pairs {
		if p.Fragment == deepFragment(k) {
			return p.Life
		}
	}
	return ""
}

// ---- the search ------------------------------------------------------------------------------------------------------

// deepStep is one thing that went wrong: after so many whole processes, in the next one.
type deepStep struct {
	after int
	fault deepFault
	call  string
}

func (d deepStep) String() string { return fmt.Sprintf("%d.%d.%s", d.after, d.fault.n, d.fault.at) }

// deepCount says from how many places on the way something can go wrong: [0] is the way itself, [1] the points on it, [2]
// the pairs of points.
type deepCount [3]int

func (c *deepCount) child(of deepCount) {
	for k := 1; k < len(c); k++ {
		c[k] += of[k-1]
	}
}

func (c *deepCount) rest(of deepCount) {
	for k := range c {
		c[k] += of[k]
	}
}

// deepSearch goes through a scene: every way on which at most depth things go wrong.
type deepSearch struct {
	sc       *deepScene
	depth    int
	merges   bool
	seen     []map[deepDigest]deepCount // by how much may still go wrong
	findings []deepFinding
	leaves   int // worlds in which everything that may go wrong has, as they came up
	merged   int // of those: a world like it was gone on from already
	ran      int // processes
	pick     func([]deepStep) bool
	again    func([]deepStep) bool // of the merged ones, those that are told to their end all the same
	told     int                   // so many
	limit    int                   // of findings
}

type deepFinding struct {
	steps []deepStep
	err   error
}

// where is how the point is given to QUARTERTURN_CRASH.
func deepWhere(sc *deepScene, steps []deepStep) string {
	texts := []string{strings.ReplaceAll(sc.name, " ", "-")}
	for _, d := range steps {
		texts = append(texts, d.String())
	}
	return strings.Join(texts, "/")
}

func (f deepFinding) String() string {
	var calls []string
	for _, d := range f.steps {
		calls = append(calls, fmt.Sprintf("%s %s", d.call, d.fault.at))
	}
	return fmt.Sprintf("%s: %s", strings.Join(calls, ", then "), f.err)
}

func (d *deepSearch) start() (deepCount, error) {
	for range d.depth + 1 {
		d.seen = append(d.seen, map[deepDigest]deepCount{})
	}
	s, err := d.sc.begin()
	if err != nil {
		return deepCount{}, fmt.Errorf("%s: %w", d.sc.name, err)
	}
	return d.explore(s, d.depth, nil), nil
}

func (d *deepSearch) found(steps []deepStep, err error) {
	d.findings = append(d.findings, deepFinding{slices.Clone(steps), err})
}

// node is one world on a way, with what its process adds to the counts.
type deepNode struct {
	digest deepDigest
	count  deepCount
}

// explore goes on from s to the end, and wherever left allows it lets one more thing go wrong.
func (d *deepSearch) explore(s deepState, left int, steps []deepStep) deepCount {
	var way []deepNode
	end := deepCount{1}
	for i := 0; ; i++ {
		digest := d.sc.digest(&s)
		if known, there := d.seen[left][digest]; there && d.merges {
			end = known
			break
		}
		if d.sc.done(&s) {
			if err := d.sc.ended(&s); err != nil {
				d.found(steps, err)
			}
			break
		}
		if d.limit > 0 && len(d.findings) >= d.limit {
			break
		}
		if i > deepPatience {
			d.found(steps, errDeepEndless)
			break
		}
		r := d.sc.run(s, nil, left > 0, nil)
		d.ran++
		n := deepNode{digest: digest}
		if left > 0 {
			n.count = d.branch(s, r, nil, left, i, steps)
		}
		if way = append(way, n); r.err != nil {
			d.found(steps, r.err)
			break
		}
		s = r.s
	}
	return d.keep(left, way, end)
}

// keep remembers the counts of a way, from its end.
func (d *deepSearch) keep(left int, way []deepNode, end deepCount) deepCount {
	for _, n := range slices.Backward(way) {
		end.rest(n.count)
		d.seen[left][n.digest] = end
	}
	return end
}

// branch lets one more thing go wrong at each call of r after plan.
func (d *deepSearch) branch(s deepState, r deepRan, plan []deepFault, left, after int, steps []deepStep) (count deepCount) {
	from := 0
	if len(plan) > 0 {
		from, after = plan[len(plan)-1].n, 0
	}
	st := &deepStops{d: d, t: r.t, left: left - 1, last: -1}
	for n := from + 1; n <= len(r.t.calls); n++ {
		call := r.t.calls[n-1]
		for _, at := range d.sc.faults(call, left == d.depth) {
			way := append(slices.Clip(steps), deepStep{after, deepFault{n, at}, call.name})
			if d.pick != nil && !d.pick(way) {
				continue
			}
			switch {
			case at.stops() && !call.other:
				count.child(st.at(n, at, way))
			default:
				count.child(d.wrong(s, append(slices.Clip(plan), deepFault{n, at}), left-1, way))
			}
		}
	}
	return count
}

// deepStops goes on from the stops of one process. Where nothing changed between two of them, they leave one world.
type deepStops struct {
	d     *deepSearch
	t     *deepTape
	left  int
	last  int // the snapshot that was gone on from, -1 none
	count deepCount
}

func (st *deepStops) at(n int, at deepAt, way []deepStep) deepCount {
	if at == deepBefore {
		n--
	}
	i := max(slices.Index(st.t.snapAt, n), 0)
	for i > 0 && st.t.calls[st.t.snapAt[i]-1].kind == deepLook {
		i--
	}
	if i == st.last {
		if st.left == 0 {
			st.d.leaves, st.d.merged = st.d.leaves+1, st.d.merged+1
		}
		return st.count
	}
	s := st.t.snaps[i]
	s.idle = false
	st.last, st.count = i, st.d.leaf(s, st.left, way)
	return st.count
}

// wrong runs the process once more with plan, and goes on after it.
func (d *deepSearch) wrong(s deepState, plan []deepFault, left int, steps []deepStep) deepCount {
	r := d.sc.run(s, plan, left > 0, nil)
	d.ran++
	if r.err != nil {
		d.found(steps, r.err)
		return deepCount{1}
	}
	var within deepCount
	if left > 0 {
		within = d.branch(s, r, plan, left, 0, steps)
	}
	count := d.leaf(r.s, left, steps)
	count.rest(within)
	return count
}

func (d *deepSearch) leaf(s deepState, left int, steps []deepStep) deepCount {
	if left > 0 {
		return d.explore(s, left, steps)
	}
	d.leaves++
	ran := d.ran
	count := d.explore(s, left, steps)
	if d.ran == ran && !d.sc.done(&s) {
		d.merged++
		if d.again != nil && d.again(steps) {
			d.told++
			if err := d.sc.again(steps, nil); err != nil {
				d.found(steps, fmt.Errorf("merging hid this: %w", err))
			}
		}
	}
	return count
}

// faults are what may go wrong at a call. In a story of two runners the first is a sleep.
func (sc *deepScene) faults(c deepCall, first bool) []deepAt {
	if sc.two && first {
		if c.kind == deepLook {
			return nil
		}
		return []deepAt{deepSleeps, deepOversleep}
	}
	return append([]deepAt{deepBefore, deepAfter}, c.kind.faults()...)
}

// ---- one way again ---------------------------------------------------------------------------------------------------

// again goes one way once more, from the text that a finding gave, and tells it to log.
func (sc *deepScene) again(steps []deepStep, log func(string, ...any)) error {
	s, err := sc.begin()
	if err != nil {
		return err
	}
	for len(steps) > 0 {
		for range steps[0].after {
			r := sc.run(s, nil, false, log)
			if s = r.s; r.err != nil {
				return r.err
			}
		}
		plan := []deepFault{steps[0].fault}
		for steps = steps[1:]; len(steps) > 0 && steps[0].after == 0 && !plan[0].at.stops(); steps = steps[1:] {
			plan = append(plan, steps[0].fault)
		}
		r := sc.run(s, plan, false, log)
		if s = r.s; r.err != nil {
			return r.err
		}
		s.idle = false
	}
	return sc.calm(s, log)
}

// calm goes on to the end, with nothing more going wrong.
func (sc *deepScene) calm(s deepState, log func(string, ...any)) error {
	for i := 0; !sc.done(&s); i++ {
		if i > deepPatience {
			return errDeepEndless
		}
		r := sc.run(s, nil, false, log)
		if s = r.s; r.err != nil {
			return r.err
		}
		if row, ok := s.journey(); ok && log != nil {
			log("    %s %s until %s: %s; %q", row.lane, row.state, row.next.Format("01-02 15:04"), row.rotation().Why, row.rotation().Command)
		}
	}
	return sc.ended(&s)
}

func deepParse(text string) (steps []deepStep, err error) {
	for _, part := range strings.Split(text, "/") {
		var d deepStep
		fields := strings.Split(part, ".")
		if len(fields) != 3 {
			return nil, fmt.Errorf("%q is no AFTER.CALL.POSITION", part)
		}
		if _, err := fmt.Sscan(fields[0], &d.after); err != nil {
			return nil, err
		}
		if _, err := fmt.Sscan(fields[1], &d.fault.n); err != nil {
			return nil, err
		}
		d.fault.at = deepAt(fields[2])
		steps = append(steps, d)
	}
	return steps, nil
}
