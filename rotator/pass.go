package rotator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	passLimit = 1000 // rotations one pass takes up
	stepLimit = 200  // steps one claim makes before it gives way
)

// Outcome is what one pass did with one rotation.
type Outcome struct {
	Rotation   ID
	Credential string
	Lane       Lane
	From, To   State
	Steps      int       // transitions and effects
	Next       time.Time // when to look again, zero when it has ended
	Why        string
	Command    string // the one command a person is awaited for
	Broken     string // what is broken now, "" when nothing is
	Trouble    bool   // it waits for something that should have worked: trying again is right
	Stop       bool   // the ledger is older than the places, or cannot be compared with them: trying again is wrong
	Err        error  // the claim ended by this; nothing that was proven is lost
}

// Passed is what one pass did and found.
type Passed struct {
	Outcomes []Outcome
	Vanished []string // credentials that left the configuration while a pair may be alive (I-20)
	Doubt    string   // why no age can be told by this machine's clock, "" when it can
	Parcels  bool     // messages wait to be delivered
	OldCalls bool     // calls older than they are kept wait to be forgotten
}

// Pass looks once at everything that is ready. One rotation's trouble stops no other. The error is the ledger's, ctx's,
// or ErrRestored. With nothing ready it is one query, whatever exists.
func (rt *Rotator) Pass(ctx context.Context) (Passed, error) {
	a, err := rt.agenda(ctx)
	if err != nil {
		return Passed{}, err
	}
	outs, err := rt.works(ctx, a)
	p := Passed{Outcomes: outs, Vanished: a.Vanished, Doubt: a.doubt(rt.now()), Parcels: a.Parcels, OldCalls: a.OldCalls}
	if len(outs) == 0 || err != nil {
		return p, err
	}
	if a, err = rt.ready(ctx); err == nil { // what was done has changed it
		p.Vanished, p.Doubt, p.Parcels = a.Vanished, a.doubt(rt.now()), a.Parcels
	}
	return p, err
}

func (rt *Rotator) works(ctx context.Context, a Agenda) ([]Outcome, error) {
	var outs []Outcome
	for _, id := range a.Rotations {
		if ctx.Err() != nil {
			return outs, ctx.Err()
		}
		if out, worked := rt.one(ctx, id); worked {
			outs = append(outs, out)
		}
	}
	return outs, nil
}

// One works on one rotation now, whether or not its time has come. false: somebody else works on it, or it has ended. On a
// ledger that was put back it is ErrRestored.
func (rt *Rotator) One(ctx context.Context, id ID) (Outcome, bool) {
	if a, err := rt.o.Ledger.Ready(ctx, rt.now(), 0); err != nil || a.Restored {
		return Outcome{Rotation: id, Err: cmp.Or(err, ErrRestored), Command: reconcileIt}, true
	}
	return rt.one(ctx, id)
}

func (rt *Rotator) one(ctx context.Context, id ID) (Outcome, bool) {
	r, err := rt.o.Ledger.Claim(ctx, id, rt.o.Owner, rt.o.Lease)
	if errors.Is(err, ErrHeld) || errors.Is(err, ErrNotFound) {
		return Outcome{Rotation: id, Err: err}, false
	}
	if err != nil {
		return Outcome{Rotation: id, Err: err}, true
	}
	out := Outcome{Rotation: id, Credential: r.Credential, Lane: r.Lane, From: r.State, To: r.State}
	c, known := rt.creds[r.Credential]
	if !known {
		out.Err = rt.vanished(ctx, r)
		return out, true
	}
	w := &work{rt: rt, r: r, l: newLooker(rt, c), out: &out}
	defer w.l.forget()
	out.Err = w.run(ctx)
	out.To = w.r.State
	return out, true
}

// vanished: I-20, a live credential that left the configuration stays listed, and is an error in every pass. A rotation
// of one of which no pair may live has nothing left to do.
func (rt *Rotator) vanished(ctx context.Context, r Rotation) error {
	pairs, err := rt.o.Ledger.Pairs(ctx, r.Credential)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(pairs, func(p Pair) bool { return mayLive(p.Life) }) {
		e := Event{Rotation: r.ID, At: rt.now(), Kind: "moved", Who: "quarterturn", From: r.State, To: Abandoned,
			Text: "the credential left the configuration, and no pair of it may be alive"}
		r.State, r.EnteredAt, r.Why, r.Command = Abandoned, e.At, e.Text, ""
		_, err := rt.o.Ledger.Record(ctx, Change{Rotation: r, Events: []Event{e}, Release: true})
		return err
	}
	r.NextAt, r.Why = rt.now().Add(tick), "the credential is no longer in the configuration"
	_, err = rt.o.Ledger.Record(ctx, Change{Rotation: r, Release: true})
	return errors.Join(fmt.Errorf("credential %q has a rotation under way and is no longer in the configuration: put it back",
		r.Credential), err)
}

// work is one claim: the row as it stands in the ledger plus what this claim has learned.
type work struct {
	rt  *Rotator
	r   Rotation
	l   *looker
	s   Seen
	out *Outcome
}

// run repeats look, decide, act until decide says to wait, or the rotation has ended.
func (w *work) run(ctx context.Context) error {
	for range stepLimit {
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), w.release(w.rt.now(), "the pass was stopped; the next one goes on", ""))
		}
		done, err := w.step(ctx)
		if done || err != nil {
			return err
		}
	}
	return w.release(w.soon(), "much happened in this pass; it goes on in the next", "")
}

// step is one look and one move. Its effects end before the lease does.
func (w *work) step(ctx context.Context) (done bool, err error) {
	lctx, cancel := context.WithTimeout(ctx, within(w.rt.o.Lease))
	defer cancel()
	s, events, err := w.learned(lctx)
	if err != nil {
		return true, errors.Join(err, w.release(w.soon(), "the look was cut short; the next one goes on", ""))
	}
	if ctx.Err() != nil { // half a look: nothing may be decided on it
		return true, errors.Join(ctx.Err(), w.release(w.rt.now(), "the pass was stopped; the next one goes on", ""))
	}
	now := w.rt.now()
	w.s = s
	m := decide(w.l.c.Spec, w.r, w.s, now)
	events = append(w.asked(), events...)
	switch {
	case m.Do != Nothing:
		return w.act(ctx, m, events)
	case m.To != "" || m.Deny != "":
		return w.move(ctx, m, events)
	}
	return true, w.wait(ctx, m, events)
}

// learned looks and takes in what was seen and said. A word may name a pair that the look did not know: then it looks again.
func (w *work) learned(ctx context.Context) (Seen, []Event, error) {
	var events []Event
	for {
		s, err := w.l.look(ctx, w.r)
		if err != nil {
			return s, events, err
		}
		before := w.r
		r, learnt := learn(w.l.c.Spec, w.r, s, w.rt.now())
		w.r, events = r, append(events, learnt...)
		if r.Old == before.Old && r.New == before.New {
			return s, events, nil
		}
	}
}

// asked puts the digests of the calls made since the last record into the trail.
func (w *work) asked() []Event {
	if len(w.l.calls) == 0 {
		return nil
	}
	data := map[string]string{}
	for _, c := range w.l.calls {
		data["call."+c.ID] = Digest(c)
	}
	return w.event("asked", fmt.Sprintf("%d calls to the vendor", len(data)), data)
}

// act records the intent, tries the effect, and records the answer. After an effect there is always another look.
func (w *work) act(ctx context.Context, m Move, events []Event) (done bool, err error) {
	w.intend(m)
	lease := w.rt.o.Lease
	if m.Do == Redeploy {
		lease = w.rt.long
	}
	events = append(events, w.event("intent", m.Why, map[string]string{"do": string(m.Do), "target": m.Target})...)
	if err := w.record(ctx, Change{Events: events, Lease: lease}); err != nil {
		return true, err
	}
	ectx, cancel := context.WithTimeout(ctx, within(lease))
	defer cancel()
	c, err := w.effect(ectx, m)
	if err != nil {
		return w.failed(ctx, m, err)
	}
	w.out.Steps++
	w.r.Facts.Intent, w.r.Facts.Stuck = nil, 0
	c.Lease = w.rt.o.Lease
	return false, w.record(ctx, c)
}

// failed records that an effect did not answer well. Its outcome is looked at again later; for good means a person.
func (w *work) failed(ctx context.Context, m Move, cause error) (done bool, err error) {
	w.r.Facts.Stuck++
	events := w.event("trouble", cause.Error(), map[string]string{"do": string(m.Do), "target": m.Target})
	if errors.Is(cause, errStopped) {
		w.r.Facts.Stop = cause.Error() // the next look's decide answers it
		return false, w.record(ctx, Change{Events: events, Lease: w.rt.o.Lease})
	}
	w.r.NextAt, w.r.Why, w.r.Command = view{sp: w.l.c.Spec, r: w.r, now: w.rt.now()}.backoff(), cause.Error(), ""
	w.tell(w.r.NextAt)
	return true, errors.Join(cause, w.record(ctx, Change{Events: events, Release: true}))
}

// move makes a transition true, with everything that belongs to it in the same transaction.
func (w *work) move(ctx context.Context, m Move, events []Event) (done bool, err error) {
	from := w.r.State
	c := Change{Pairs: w.changed(m), Retires: m.Retires}
	if c.Opens, err = w.burials(ctx, m.Bury); err != nil {
		return true, err
	}
	if m.Hurry {
		c.Opens = append(c.Opens, w.rt.hurried(w.r, w.s))
	}
	for _, skip := range m.Skips {
		events = append(events, w.event("skipped", skip, nil)...)
	}
	w.r = apply(w.r, m, w.rt.now())
	kind, text := "moved", m.Why
	if m.Deny != "" {
		kind, text = "denied", m.Deny
	}
	e := w.event(kind, text, nil)
	e[0].From, e[0].To = from, w.r.State
	c.Events = append(events, e...)
	c.Lease, c.Release = w.rt.o.Lease, w.r.State.Over()
	w.out.Steps++
	w.broken(m)
	w.tell(time.Time{})
	if w.r.State.Over() {
		c.Messages = w.news()
	}
	return w.r.State.Over(), w.record(ctx, c)
}

// broken is kept for the whole claim: what broke on the way must not be hidden by the wait that follows.
func (w *work) broken(m Move) {
	if m.Broken != "" {
		w.out.Broken = m.Broken
	}
}

// burials opens graves, save for pairs that are being buried already.
func (w *work) burials(ctx context.Context, graves []Grave) ([]Rotation, error) {
	if len(graves) == 0 {
		return nil, nil
	}
	rotations, err := w.rt.o.Ledger.Rotations(ctx, w.r.Credential)
	var opens []Rotation
	for _, g := range graves {
		buried := slices.ContainsFunc(rotations, func(r Rotation) bool {
			return r.Lane == Burial && r.Old == g.Pair && !r.State.Over() && r.ID != w.r.ID
		})
		if !buried {
			opens = append(opens, w.rt.burial(w.r, g))
		}
	}
	return opens, err
}

// changed are the pairs as the transition leaves them.
func (w *work) changed(m Move) []Pair {
	var changed []Pair
	if m.Unheld {
		p := Pair{ID: PairID("pair-" + w.rt.o.NewID()), Credential: w.r.Credential, Environment: w.l.c.Spec.Environment,
			Life: Lost, BornAt: w.rt.now()}
		w.r.Old = p.ID
		changed = append(changed, p)
	}
	for _, p := range w.concerned(m) {
		life, lives := m.Lives[p.ID]
		wiped := slices.Contains(m.Wipe, p.ID)
		if p.ID == "" || !lives && !wiped {
			continue
		}
		if lives {
			p.Life = life
		}
		if life == Dead || life == Ended {
			p.EndedAt = w.rt.now()
		}
		if wiped {
			p.Sealed = nil
			delete(w.l.opened, p.ID)
		}
		changed = append(changed, p)
	}
	return changed
}

// concerned are the pairs that a move can change: those of the rotation, and an orphan that it takes.
func (w *work) concerned(m Move) []Pair {
	pairs := []Pair{w.s.OldPair, w.s.NewPair}
	for _, o := range w.s.Orphans {
		if o.Pair == m.TakeNew {
			pairs = append(pairs, o.Whole)
		}
	}
	return pairs
}

// wait records until when, why, and who is awaited, and gives the lease back.
func (w *work) wait(ctx context.Context, m Move, events []Event) error {
	if m.Why != w.r.Why || m.Command != w.r.Command {
		events = append(events, w.event("waiting", m.Why, map[string]string{"next": m.Command})...)
	}
	w.r.NextAt, w.r.Why, w.r.Command = m.Next, m.Why, m.Command
	w.broken(m)
	w.out.Trouble, w.out.Stop = m.Trouble, m.Stop
	messages := w.news()
	if at := w.escalateAt(); !at.IsZero() {
		w.r.NextAt = earlier(w.r.NextAt, at)
	}
	w.tell(w.r.NextAt)
	return w.record(ctx, Change{Events: events, Messages: messages, Release: true, Behind: m.Stop && m.Command == reconcileIt})
}

// release gives the lease back without a decision, also when ctx is over.
func (w *work) release(next time.Time, why, command string) error {
	w.r.NextAt, w.r.Why, w.r.Command = next, why, command
	w.tell(next)
	return w.record(context.Background(), Change{Release: true})
}

func (w *work) soon() time.Time { return w.rt.now().Add(w.l.c.Spec.Profile.AtMost(soon)) }

func (w *work) tell(next time.Time) {
	w.out.Next, w.out.Why, w.out.Command = next, w.r.Why, w.r.Command
}

func (w *work) event(kind, text string, data map[string]string) []Event {
	return []Event{{Rotation: w.r.ID, At: w.rt.now(), Kind: kind, Who: "quarterturn", Text: text, Data: data}}
}

// record makes c true for the row as this claim knows it, and tells whoever listens. It is short, and goes through when
// ctx is over already: what was done or seen before a signal is kept. The lease guards it.
func (w *work) record(ctx context.Context, c Change) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordFor)
	defer cancel()
	c.Rotation = w.r
	c.Rotation.Spec, c.Rotation.Words = w.l.c.Spec.Digest, nil
	rev, err := w.rt.o.Ledger.Record(ctx, c)
	if err != nil {
		return err
	}
	w.r.Rev = rev
	w.l.calls = nil
	if w.rt.o.Trail != nil {
		for _, e := range c.Events {
			w.rt.o.Trail(e)
		}
	}
	return nil
}

// hurried takes over from r in the compromised lane: its old pair is the one in use.
func (rt *Rotator) hurried(r Rotation, s Seen) Rotation {
	now := rt.now()
	h := Rotation{ID: ID("rot-" + rt.o.NewID()), Credential: r.Credential, Lane: Compromised, State: DueState, Old: r.Old, Spec: r.Spec,
		OpenedAt: now, EnteredAt: now, NextAt: now, Why: "the pair in use is compromised, as " + who(r.Facts.WishWord) + " said"}
	if s.NewPair.Life == Current || r.Old == "" {
		h.Old = r.New
	} else {
		h.Facts.SubmittedBy = r.Facts.SubmittedBy // should it go on with that pair: who brought it in still does not approve
	}
	return h
}

// burial is a small rotation of one pair.
func (rt *Rotator) burial(r Rotation, g Grave) Rotation {
	now := rt.now()
	b := Rotation{ID: ID("burial-" + rt.o.NewID()), Credential: r.Credential, Lane: Burial, State: g.State, Old: g.Pair,
		Spec: r.Spec, OpenedAt: now, EnteredAt: now, NextAt: later(g.NotBefore, now), Why: "opened"}
	b.Facts.NotBefore, b.Facts.DeadAt, b.Facts.Used = g.NotBefore, g.DeadAt, g.Used
	return b
}
