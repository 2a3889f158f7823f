package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quarterturn/backends"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// deepAt is what goes wrong at a call.
type deepAt string

// The stops, where the process dies; the faults that happen once; those that stay until a person mends them, or for
// some hours; and the sleeps, in which another runner takes over the lease before the first one wakes up.
const (
	deepBefore    deepAt = "before"      // dies: nothing was applied
	deepAfter     deepAt = "after"       // dies: applied, and the answer never arrived
	deepFails     deepAt = "fails"       // once: not applied
	deepLost      deepAt = "lost"        // once: applied, and the answer is lost
	deepDown      deepAt = "down"        // for good: not applied
	deepMute      deepAt = "mute"        // for good: applied, and every answer is lost
	deepBarred    deepAt = "barred"      // for good: a right was withdrawn
	deepBroken    deepAt = "broken"      // once: the deployment ran and failed
	deepBreaks    deepAt = "breaks"      // for good: every deployment runs and fails
	deepSleeps    deepAt = "sleeps"      // sleeps before the call, and wakes when another runner has gone on
	deepOversleep deepAt = "sleeps-over" // the call is made, and its answer is heard when another runner has gone on
)

// lasts is how long a line stays broken that nobody mends: longer than anything is waited for between two tries.
func (k deepKind) lasts() time.Duration {
	if k == deepWrite || k == deepAsk {
		return time.Hour
	}
	return 6 * time.Hour
}

func (at deepAt) stops() bool { return at == deepBefore || at == deepAfter }

// excuse: with it, a person may be asked for help that a story without it needs nobody for.
func (at deepAt) excuse() bool {
	return at == deepDown || at == deepMute || at == deepBarred || at == deepBroken || at == deepBreaks
}

// deepKind says what may go wrong at a call beside a stop.
type deepKind int

const (
	deepLook   deepKind = iota // changes nothing: the stop there is the stop after whatever came before
	deepWrite                  // of the ledger
	deepEffect                 // writes a place
	deepDeploy                 // redeploys a consumer
	deepAsk                    // asks the vendor
)

func (k deepKind) faults() []deepAt {
	return map[deepKind][]deepAt{
		deepWrite:  {deepFails, deepLost, deepDown},
		deepEffect: {deepFails, deepLost, deepDown, deepMute, deepBarred},
		deepDeploy: {deepFails, deepLost, deepDown, deepMute, deepBarred, deepBroken, deepBreaks},
		deepAsk:    {deepFails, deepLost, deepDown},
	}[k]
}

// deepFault is one thing that goes wrong, at the n-th call of a process and of whoever runs while it sleeps.
type deepFault struct {
	n  int
	at deepAt
}

// deepCall is a call that was made.
type deepCall struct {
	kind  deepKind
	name  string
	other bool // by the runner that took over
}

// deepProcess is one process at work on a state, until its end or a stop.
type deepProcess struct {
	sc    *deepScene
	s     *deepState
	t     *deepTape
	other bool // it took over while the first one sleeps
	dead  bool
}

// deepTape is what happened in a process and in whoever ran while it slept.
type deepTape struct {
	plan   []deepFault // in the order of their calls
	calls  []deepCall
	snaps  []deepState // after the plan, in place of the call: as it is right after it
	snapAt []int
	broke  error // what the observer saw first
	breaks string
	keeps  bool // snapshots are wanted
	log    func(string, ...any)
}

// deepStop is the sentinel that only run recovers.
type deepStop struct{ p *deepProcess }

var (
	errDeepFault = errors.New("this call was chosen to fail")
	errDeepDead  = errors.New("the process that calls is dead")
)

func (p *deepProcess) spec() rotator.Spec { return p.sc.spec }

// call makes one call, or lets it go wrong.
func (p *deepProcess) call(k deepKind, name string, forbidden error, do func() error) error {
	if p.dead {
		return errDeepDead
	}
	t := p.t
	t.calls = append(t.calls, deepCall{k, name, p.other})
	n := len(t.calls)
	at := t.planned(n)
	if t.log != nil {
		t.log("    %3d %s%s %s", n, map[bool]string{true: "(the other runner) "}[p.other], name, at)
	}
	if p.sleeps(at, deepSleeps); p.dead {
		return errDeepDead
	}
	trail := p.s.book.events
	err := p.meet(k, name, at, forbidden, do)
	p.appends(trail)
	p.sleeps(at, deepOversleep)
	p.observe(name)
	t.snap(n, p.s)
	return err
}

func (t *deepTape) planned(n int) deepAt {
	for _, f := range t.plan {
		if f.n == n {
			return f.at
		}
	}
	return ""
}

// snap keeps the state after a call, where nothing is planned any more.
func (t *deepTape) snap(n int, s *deepState) {
	if t.keeps && (len(t.plan) == 0 || n >= t.plan[len(t.plan)-1].n) {
		t.snaps, t.snapAt = append(t.snaps, *s), append(t.snapAt, n)
	}
}

// meet applies what is planned, and what is broken already.
func (p *deepProcess) meet(k deepKind, name string, at deepAt, forbidden error, do func() error) error {
	if at.excuse() {
		p.s.excuses = min(p.s.excuses+1, 2)
	}
	switch at {
	case deepBefore:
		p.die()
	case deepFails:
		return errDeepFault
	case deepDown, deepMute, deepBarred, deepBreaks, deepBroken:
		p.s.outages = added(p.s.outages, deepOutage{p.line(k, name), at, p.s.now.Add(k.lasts())})
	}
	switch p.outage(p.line(k, name)) {
	case deepDown:
		return errDeepFault
	case deepBarred:
		return fmt.Errorf("the wall: %w", forbidden)
	case deepMute:
		_ = do()
		return errDeepFault
	}
	err := do()
	switch at {
	case deepAfter:
		p.die()
	case deepLost:
		return errDeepFault
	}
	return err
}

// line is what breaks when a call breaks for good: one way to one place, or the ledger.
func (p *deepProcess) line(k deepKind, name string) string {
	if k == deepWrite {
		return "ledger"
	}
	return name
}

func (p *deepProcess) outage(line string) deepAt {
	for _, o := range p.s.outages {
		if o.what == line && p.s.now.Before(o.until) {
			return o.how
		}
	}
	return ""
}

// failing: the deployment runs and fails.
func (p *deepProcess) failing(line string) bool {
	switch p.outage(line) {
	case deepBroken:
		p.s.mend(line)
		return true
	case deepBreaks:
		return true
	}
	return false
}

// mend is what a person does who looks after it; "" mends everything.
func (s *deepState) mend(line string) {
	var left []deepOutage
	for _, o := range s.outages {
		if line != "" && o.what != line && s.now.Before(o.until) {
			left = append(left, o)
		}
	}
	s.outages = left
}

func (p *deepProcess) die() {
	p.dead = true
	panic(deepStop{p})
}

// sleeps lets another runner take over as soon as it can, and go on until nothing is to be done for a while.
func (p *deepProcess) sleeps(at, when deepAt) {
	if at != when {
		return
	}
	q := &deepProcess{sc: p.sc, s: p.s, t: p.t, other: true}
	for range 4 {
		p.sc.advance(p.s, p.s.due())
		if died, _ := q.run(func(ctx context.Context, rt *rotator.Rotator) error { return deepPass(ctx, rt, p.s) }); died {
			return
		}
		if p.s.due().Sub(p.s.now) > 3*time.Minute {
			return
		}
	}
}

// observe is the reader outside, who tolerates nothing. The first thing it sees is kept.
func (p *deepProcess) observe(when string) {
	if p.t.broke == nil {
		p.t.broke, p.t.breaks = p.sc.look(p.s), when
	}
}

// appends: the trail is only added to (I-14).
func (p *deepProcess) appends(was *deepList[rotator.Event]) {
	if p.t.broke == nil && !p.s.book.events.after(was) {
		p.t.broke, p.t.breaks = errors.New("events were taken out of the trail (I-14)"), "the ledger"
	}
}

// run runs f as this process. died: it ended at a stop.
func (p *deepProcess) run(f func(context.Context, *rotator.Rotator) error) (died bool, err error) {
	rt, err := p.rotator()
	if err != nil {
		return false, err
	}
	defer func() {
		if r := recover(); r != nil {
			if stop, ours := r.(deepStop); !ours || stop.p != p {
				panic(r)
			}
			died, err = true, nil
		}
	}()
	return false, f(context.Background(), rt)
}

// rotator wires one process: the rotator alone is real here, its ledger passes the suite, and everything else is the world.
func (p *deepProcess) rotator() (*rotator.Rotator, error) {
	l := &deepTapped{&deepLedger{b: &p.s.book, now: func() time.Time { return p.s.now }}, p}
	h := p.hands()
	return rotator.New(rotator.Options{Ledger: l, Credentials: []rotator.Credential{{Spec: p.spec(), Hands: h}}, Keys: p.sc.keys,
		Seal: deepSeal, Open: deepOpen, Now: func() time.Time { return p.s.now }, NewID: p.newID, Owner: "a runner"})
}

func (p *deepProcess) newID() string {
	p.s.ids++
	return fmt.Sprintf("%016d", p.s.ids)
}

// asked keeps book of once-keys.
func (p *deepProcess) asked(app int, once string) {
	a := p.s.apps[app]
	for _, known := range a.onces {
		if known == once {
			return
		}
	}
	a.onces = added(a.onces, once)
	p.s.apps = set(p.s.apps, app, a)
}

// mayPut: what no write may ever be.
func (p *deepProcess) mayPut(shelf deepShelf, key, sec int, w backends.Write) error {
	dead := false
	for _, x := range p.s.book.pairs {
		dead = dead || x.Life == rotator.Dead && x.Fragment == deepFragment(max(key, 0))
	}
	var broke error
	switch {
	case key < 0 || key != sec:
		broke = errors.New("a mixed or foreign pair is written (I-3)")
	case dead:
		broke = errors.New("a dead pair is written (I-14)")
	case w.Epoch < shelf.epoch && w.Expect == shelf.at() && (shelf.key != key || shelf.secret != sec):
		broke = errors.New("an effect of an older epoch follows a newer one (I-6)")
	}
	if broke != nil && p.t.broke == nil {
		p.t.broke, p.t.breaks = broke, "put"
	}
	return nil
}

// deepTapped stands before the ledger: its writes are calls.
type deepTapped struct {
	*deepLedger
	p *deepProcess
}

func (d *deepTapped) write(name string, do func() error) error {
	return d.p.call(deepWrite, name, nil, do)
}

func (d *deepTapped) Open(ctx context.Context, r rotator.Rotation, e ...rotator.Event) error {
	return d.write("open", func() error { return d.deepLedger.Open(ctx, r, e...) })
}

func (d *deepTapped) Stock(ctx context.Context, s rotator.Stock) error {
	return d.write("stock", func() error { return d.deepLedger.Stock(ctx, s) })
}

func (d *deepTapped) Claim(ctx context.Context, id rotator.ID, owner string, ttl time.Duration) (r rotator.Rotation, err error) {
	err = d.write("claim", func() error {
		var err error
		before := d.p.s.book
		if r, err = d.deepLedger.Claim(ctx, id, owner, ttl); err == nil {
			d.p.tookOver(before, &r)
		}
		return err
	})
	if err != nil {
		return rotator.Rotation{}, err
	}
	return r, nil
}

func (d *deepTapped) Record(ctx context.Context, c rotator.Change) (rev int64, err error) {
	err = d.write("record "+deepDescribe(c), func() error {
		var err error
		rev, err = d.deepLedger.Record(ctx, c)
		return err
	})
	return rev, err
}

func (d *deepTapped) Say(ctx context.Context, w rotator.Word, e ...rotator.Event) (seq int64, err error) {
	err = d.write("say "+string(w.Kind), func() error {
		var err error
		seq, err = d.deepLedger.Say(ctx, w, e...)
		return err
	})
	return seq, err
}

func (d *deepTapped) Keep(ctx context.Context, p rotator.Pair, w rotator.Word, e ...rotator.Event) error {
	return d.write("keep", func() error { return d.deepLedger.Keep(ctx, p, w, e...) })
}

func (d *deepTapped) Adopt(ctx context.Context, p rotator.Pair, e ...rotator.Event) error {
	return d.write("adopt", func() error { return d.deepLedger.Adopt(ctx, p, e...) })
}

func (d *deepTapped) Log(ctx context.Context, c rotator.Call) error {
	return d.write("log", func() error { return d.deepLedger.Log(ctx, c) })
}

// Sealed is no write, and a fault of it is what a paste must survive.
func (d *deepTapped) Sealed(ctx context.Context, id rotator.PairID) (s secret.Sealed, err error) {
	err = d.p.call(deepAsk, "read back", nil, func() error {
		var err error
		s, err = d.deepLedger.Sealed(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// deepDescribe tells records apart by what they are about.
func deepDescribe(c rotator.Change) string {
	for i := len(c.Events) - 1; i >= 0; i-- {
		switch e := c.Events[i]; e.Kind {
		case "moved":
			return "move to " + string(e.To)
		case "intent":
			return "intent " + e.Data["do"] + " " + e.Data["target"]
		}
	}
	if c.Release {
		return "wait in " + string(c.Rotation.State)
	}
	return "answer in " + string(c.Rotation.State)
}
