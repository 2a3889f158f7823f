package rotator

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarterturn/backends"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// defaultChecks is how many worlds are lived through when -rapid.checks is not given.
const defaultChecks = "200"

// A world is lived through: people, strangers, the vendor and the machines do as they please, while passes do what
// pass.go does, step by step, with everything they do held against the truth. Then it calms down: faults stop, people do
// what Command asks, and everything must come to an end (L-1, L-2).
func TestInvariantsHoldWhateverHappens(t *testing.T) {
	if os.Getenv("QUARTERTURN_WORLDS") == "" { // a fixed sample; make test-worlds draws others
		setDefault(t, "rapid.seed", "1")
	}
	setDefault(t, "rapid.checks", defaultChecks)
	setDefault(t, "rapid.nofailfile", "true") // the seed that is printed is enough, and nothing is left behind
	setDefault(t, "rapid.shrinktime", "10s")
	reach, ends, asked := map[key]int{}, map[State]int{}, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, reach)
		for range rapid.IntRange(0, 60).Draw(rt, "days of chaos") {
			w.open()
			w.stir()
			if w.maybe(10, "the configuration changes") {
				w.reconfigure()
			}
			w.passes()
			w.advance(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * time.Minute, 3 * time.Hour, 25 * time.Hour}).
				Draw(rt, "time passes"))
		}
		w.open()
		w.settle()
		for _, id := range w.book.order {
			ends[w.book.rows[id].r.State]++
		}
		for verb, n := range w.asked {
			asked[verb] += n
		}
	})
	t.Logf("rotations and burials ended: %v; commands followed: %v", ends, asked)
	for _, k := range stateKeys() {
		t.Logf("%-8s %-20s decided %6d times", k.lane, k.state, reach[k])
		if reach[k] == 0 {
			t.Errorf("%s, %s was never reached", k.lane, k.state)
		}
	}
	for _, s := range []State{Closed, RolledBack, Abandoned} {
		if ends[s] == 0 {
			t.Errorf("nothing ever ended %s", s)
		}
	}
}

// setDefault sets a flag that was not given.
func setDefault(t *testing.T, name, value string) {
	f := flag.Lookup(name)
	if f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
}

// open opens a rotation when none is open, as a person does who rotates by name.
func (w *world) open() {
	if _, err := w.rt.Underway(context.Background(), w.sp.Credential); err == nil {
		return
	}
	if w.book.items[w.sp.Credential].State == Retired {
		return
	}
	w.wrote = false
	lane := rapid.SampledFrom([]Lane{laneOf(w.sp), laneOf(w.sp), laneOf(w.sp), laneOf(w.sp), laneOf(w.sp), laneOf(w.sp), Compromised, Retire}).
		Draw(w.t, "which lane")
	if _, err := w.rt.OpenNow(context.Background(), w.sp.Credential, lane, "sam", "by name"); err != nil {
		w.t.Fatalf("a rotation could not be opened: %v", err)
	}
}

// passes is one Pass.
func (w *world) passes() {
	agenda, _ := w.book.Ready(context.Background(), w.now, passLimit)
	for _, id := range agenda.Rotations {
		w.one(id)
		w.checkListed()
	}
}

// one is One and run.
func (w *world) one(id ID) {
	r, err := w.book.Claim(context.Background(), id, "a pass", w.rt.o.Lease)
	if errors.Is(err, ErrHeld) || errors.Is(err, ErrNotFound) {
		return // the pass before has ended it, or died over it
	}
	wk := &work{rt: w.rt, r: r, l: newLooker(w.rt, w.rt.creds[w.sp.Credential]), out: &Outcome{}}
	defer wk.l.forget()
	for range stepLimit {
		w.stir()
		if done, err := w.step(wk); done || err != nil {
			return
		}
		w.advance(time.Duration(rapid.IntRange(1, 5).Draw(w.t, "seconds in a step")) * time.Second)
	}
	w.t.Fatalf("L-1: %d steps in one pass and no rest: %s, %s", stepLimit, wk.r.State, wk.r.Why)
}

// step is work.step, with everything checked.
func (w *world) step(wk *work) (bool, error) {
	ctx := context.Background()
	s, events, err := wk.learned(ctx)
	if err != nil {
		return true, err
	}
	wk.s = s
	w.reach[key{wk.r.Lane, wk.r.State}]++
	m := w.decided(wk.r, s)
	if w.maybe(20, "a word comes in between look and record") {
		w.sayAnything()
		w.submitAnything()
	}
	switch {
	case m.Do != Nothing:
		return wk.act(ctx, m, events)
	case m.To != "" || m.Deny != "":
		return wk.move(ctx, m, events)
	}
	w.checkAsked(wk.r, s, m)
	return true, wk.wait(ctx, m, events)
}

// decided asks decide, which must be total, deterministic, and change nothing it was given; and so must learn.
func (w *world) decided(r Rotation, s Seen) Move {
	before := freeze(r, s, w.sp)
	m, again := decide(w.sp, r, s, w.now), decide(w.sp, r, s, w.now)
	if !reflect.DeepEqual(m, again) {
		w.t.Fatalf("decide is not deterministic: %+v and %+v", m, again)
	}
	learn(w.sp, r, s, w.now)
	if m.To != "" || m.Deny != "" {
		apply(r, m, w.now)
	}
	if after := freeze(r, s, w.sp); after != before {
		w.t.Fatalf("decide, learn or apply changed what it was given:\n%s\n%s", before, after)
	}
	checkTotal(w.t, scene{w.sp, r, s, w.now}, m)
	return m
}

func freeze(v ...any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// settle is the calm: it must not last for ever.
func (w *world) settle() {
	const enough = 3000
	w.calm, w.book.crash = true, false
	keys := len(w.order)
	for range enough {
		if len(w.order) > keys+100 {
			break // one key after the other
		}
		w.passes()
		next, open := w.followAll()
		if open == 0 {
			w.checkEnd()
			return
		}
		w.restartManual()
		w.advance(max(next.Sub(w.now), time.Second))
	}
	for _, id := range w.book.order {
		if r := w.book.rows[id].r; !r.State.Over() {
			w.t.Errorf("%s of %s in %s: %s [%s]", r.Lane, r.Old, r.State, r.Why, r.Command)
		}
	}
	w.t.Fatalf("L-1: people did what they were asked for %d passes, and it does not end", enough)
}

// followAll lets people do what is asked, and says when the next pass has something to do.
func (w *world) followAll() (next time.Time, open int) {
	for _, id := range slices.Clone(w.book.order) {
		if r := w.book.rows[id].r; !r.State.Over() && r.Command != "" {
			w.follow(r)
		}
	}
	for _, id := range w.book.order {
		p := w.book.rows[id]
		if p.r.State.Over() {
			continue
		}
		at := later(p.r.NextAt, p.lease)
		if open++; open == 1 || at.Before(next) {
			next = at
		}
	}
	return next, open
}

// ---- what must be true of effects ----------------------------------------------------------------------------

// justAccepted: the last clear answer about the pair was Accepted, and serves this claim.
func (w *world) justAccepted(k *issued) bool {
	return k != nil && k.last == vendors.Accepted && w.now.Sub(k.lastAt) <= verdictAge
}

func (w *world) mayWrite(p *shelf, in backends.Write) {
	k, r := w.keys[keyOf(in.Material)], w.book.rows[ID(in.Rotation)].r
	switch {
	case p.sp.Follows != "":
		w.t.Fatalf("a place that follows was written: %s", p.sp.Name)
	case !w.justAccepted(k):
		w.t.Fatalf("I-1: %s is written with a pair the vendor did not just accept, in %s", p.sp.Name, r.State)
	case k.env != w.sp.Environment:
		w.t.Fatalf("I-4: %s is written with a pair of %s", p.sp.Name, k.env)
	case !k.m.Equal(in.Material):
		w.t.Fatalf("I-3: %s is written with a mix", p.sp.Name)
	case r.Facts.Intent == nil || r.Facts.Intent.Target != p.sp.Name || r.Facts.Intent.Pair != PairID(in.Slot):
		w.t.Fatalf("%s is written without a recorded intent: %+v", p.sp.Name, r.Facts.Intent)
	}
	w.forwardOnly(r, PairID(in.Slot))
	w.written[PairID(in.Slot)] = true
	if l := w.pair(PairID(in.Slot)).Life; l == Dead || l == Ended {
		w.t.Fatalf("I-14: a pair that is %s is written to %s", l, p.sp.Name)
	}
	w.mayOverwrite(p)
	if PairID(in.Slot) == r.New && !w.wrote {
		w.wrote = true
		w.checkWayBack(r)
	}
}

// forwardOnly: nothing is put back to a pair that others know, or that creating the new one has ended.
func (w *world) forwardOnly(r Rotation, pair PairID) {
	said := slices.ContainsFunc(w.book.words, func(x Word) bool {
		return x.Kind == Compromise && x.Rotation == r.ID && x.Seq <= r.Facts.Heard
	})
	if pair != r.New && (r.Lane != Routine || said) {
		w.t.Fatalf("a pair that is compromised or replaced is put back, in %s, %s", r.Lane, r.State)
	}
}

// excused: a waiver stands in for the consumer, or an emergency's approval names it (I-1, I-2).
func (w *world) excused(r Rotation, consumer string) bool {
	return w.waived("consumer:"+consumer) || emergencyWord(w.sp, r, consumer) != nil
}

// mayOverwrite: I-9, what nobody knows is overwritten by permission only.
func (w *world) mayOverwrite(p *shelf) {
	if p.holds == nil || !p.sp.Readable {
		return
	}
	known, _ := w.book.Find(context.Background(), w.rt.o.Keys.Prints(p.holds))
	if len(known) == 0 && !w.waived("place:"+p.sp.Name) {
		w.t.Fatalf("I-9: %s holds a pair nobody knows, and is overwritten without permission", p.sp.Name)
	}
}

// waived: at any time, since what was permitted when it was decided may have ended a second later.
func (w *world) waived(target string) bool {
	return slices.ContainsFunc(w.book.words, func(x Word) bool { return x.Kind == WaiveIt && x.Target == target })
}

// checkWayBack: I-12, before the first write.
func (w *world) checkWayBack(r Rotation) {
	if r.Lane == Routine && len(w.pair(r.Old).Sealed) == 0 && !w.waived("rollback") && !r.Facts.NoOld && !r.Facts.BothDead {
		w.t.Fatalf("I-12: a first write without a sealed old pair and without a waiver: old %+v, facts %+v", w.pair(r.Old), r.Facts)
	}
}

func (w *world) mayRestart(a *app) {
	m := w.place[a.sp.Reads[0]].holds
	r, _ := w.rt.Underway(context.Background(), w.sp.Credential)
	if k := w.keys[keyOf(m)]; !w.excused(r, a.sp.Name) && !w.justAccepted(k) || !k.m.Equal(m) {
		w.t.Fatalf("I-1: consumer %s is restarted with a pair the vendor did not just accept; its place is down: %v", a.sp.Name,
			w.place[a.sp.Reads[0]].down)
	}
}

func (w *world) pair(id PairID) Pair {
	for _, p := range w.book.pairs {
		if p.ID == id {
			return p
		}
	}
	return Pair{}
}

// ---- what must be true of records ----------------------------------------------------------------------------

func (w *world) checkRecord(before Rotation, c Change) {
	r := c.Rotation
	if before.State != r.State {
		w.t.Logf("%s: %s -> %s, old %s, new %s: %s", r.ID, before.State, r.State, r.Old, r.New, r.Why)
	}
	if r.journey() && before.State == Verified && r.State == AwaitingRevocation {
		w.checkRequest(r)
	}
	if before.State == Staged && r.State == Distributed {
		w.checkDistributed(r)
	}
	if r.State == FailedState && (r.Facts.Resume == "" || r.Facts.Reason == "") {
		w.t.Fatalf("L-2: failed without a way on: %+v", r.Facts)
	}
	for _, p := range c.Pairs {
		w.checkLife(r, w.pair(p.ID), p)
	}
}

// checkRequest: I-2 and I-10, against what the consumers really run with.
func (w *world) checkRequest(r Rotation) {
	n, o := w.vendorKey(r.New), w.vendorKey(r.Old)
	if n == nil || n == o || !w.accepted(r.New) {
		w.t.Fatalf("I-10: revocation is asked for, and the pair to keep is not in use or not accepted")
	}
	for name, a := range w.apps {
		if !w.excused(r, name) && (a.runs == nil || !a.runs.Equal(n.m)) {
			w.t.Fatalf("I-2: revocation is asked for, and consumer %s does not use the new pair", name)
		}
	}
	if r.Lane != Replace && w.sp.Policy.ApproveRevocation != "none" && !r.Facts.OldDead && !(view{sp: w.sp, r: r}).approved() {
		w.t.Fatalf("revocation is asked for without a second person's approval")
	}
}

// checkDistributed: I-8, what can be read holds the new pair, and what can't was written.
func (w *world) checkDistributed(r Rotation) {
	v := view{sp: w.sp, r: r, now: w.now}
	for name, p := range w.place {
		if v.spared(p.sp) {
			continue
		}
		if f := r.Facts.Places[name]; f.Pair != r.New {
			w.t.Fatalf("I-8: distributed, and nothing says that %s holds the pair: %+v", name, f)
		}
		if n := w.vendorKey(r.New); p.sp.Readable && !p.down && (p.holds == nil || !p.holds.Equal(n.m)) {
			w.t.Fatalf("I-8: distributed, and %s holds another pair", name)
		}
	}
}

func (w *world) checkLife(r Rotation, was, is Pair) {
	switch {
	case is.Life == Dead && was.Life != Dead:
		w.checkDeath(r, is)
	case was.Life == Dead && is.Life != Dead && !w.accepted(is.ID):
		w.t.Fatalf("I-14: a death was unproven, and the vendor did not accept the pair: now %s", is.Life)
	case is.Life == Refused && was.Life != Refused && w.written[is.ID]:
		w.t.Fatalf("I-16: %s was written by us, and is forgotten", is.ID)
	case is.Life == Ended && !slices.ContainsFunc(w.book.words, func(x Word) bool { return x.Kind == AttestIt && x.Pair == is.ID }):
		w.t.Fatalf("I-11: %s is attested, and nobody said so", is.ID)
	}
	if len(was.Sealed) > 0 && len(is.Sealed) == 0 && is.Life == Current && !w.somewhere(is) {
		w.t.Fatalf("the sealed copy of the pair in use was wiped, and no place returns it")
	}
}

// accepted: the vendor's last clear answer about the pair. Nobody issued a mix that a stranger left in the places.
func (w *world) accepted(id PairID) bool {
	k := w.vendorKey(id)
	return k != nil && k.last == vendors.Accepted
}

// checkDeath: I-11.
func (w *world) checkDeath(r Rotation, p Pair) {
	t := r.Facts.Triples
	if !w.sp.Profile.FailingProbes || len(t) < 3 || t[len(t)-1].At.Sub(t[0].At) < 2*w.sp.Profile.Propagation {
		w.t.Fatalf("I-11: dead by %d triples: %+v", len(t), t)
	}
	for i := range t[1:] {
		if unwatched(t[:i+1], t[i+1].At) {
			w.t.Fatalf("I-11: nobody looked between %s and %s: %+v", lastRefused(t[:i+1]), t[i+1].At, t)
		}
	}
	if k := w.vendorKey(p.ID); k != nil && k.alive(w.now) && !k.fickle {
		w.t.Fatalf("I-11: recorded as dead, and alive")
	}
}

func (w *world) somewhere(p Pair) bool {
	for _, s := range w.place {
		if s.sp.Readable && s.holds != nil && w.rt.o.Keys.Prints(s.holds).Compare(p.Prints) == secret.Equal {
			return true
		}
	}
	return false
}

// checkListed: I-16, no pair that may be alive is forgotten.
func (w *world) checkListed() {
	listed, current := map[PairID]bool{}, 0
	for _, id := range w.book.order {
		if r := w.book.rows[id].r; !r.State.Over() {
			listed[r.Old], listed[r.New] = true, true
		}
	}
	for _, x := range w.book.words {
		listed[x.Pair] = listed[x.Pair] || x.Kind == Submitted && x.Seq > w.book.rows[x.Rotation].r.Facts.Heard
	}
	for _, p := range w.book.pairs {
		if p.Life == Current && p.Credential == w.sp.Credential {
			current++
		}
		if (p.Life == Orphan || p.Life == Candidate || p.Life == Previous) && !listed[p.ID] {
			w.t.Fatalf("I-16: %s is %s, and no rotation or burial knows of it", p.ID, p.Life)
		}
	}
	if current > 1 {
		w.t.Fatalf("I-16: %d pairs are current", current)
	}
}

// checkEnd: nothing is left over, and whoever can tell uses a pair that works.
func (w *world) checkEnd() {
	for _, p := range w.book.pairs {
		if p.Life == Candidate || p.Life == Orphan || p.Life == Previous {
			w.t.Fatalf("I-16: all is over, and %s is %s", p.ID, p.Life)
		}
	}
	var last State
	for _, id := range w.book.order {
		if r := w.book.rows[id].r; r.Lane != Burial {
			last = r.State
			if r.Lane == Retire && last == Closed {
				return // it ended without successor
			}
		}
	}
	if last != Closed && last != RolledBack {
		return
	}
	for name, a := range w.apps {
		named := slices.ContainsFunc(w.book.words, func(x Word) bool {
			return x.Kind == Approved && x.To.IsZero() && slices.Contains(x.Consumers, name)
		})
		if named {
			continue
		}
		k := w.keys[keyOf(a.runs)]
		if k != nil && k.byHand { // not by our write, and not asked for
			continue
		}
		if !w.waived("consumer:"+name) && (k == nil || !k.alive(w.now)) {
			w.t.Fatalf("I-1: all is over (%s), and consumer %s runs with a dead pair", last, name)
		}
	}
}
