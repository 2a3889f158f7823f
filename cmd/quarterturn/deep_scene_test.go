package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quarterturn/cicd"
	"quarterturn/policies"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// deepScene is one story: a world, what people wish in it without being asked, and how it must end.
type deepScene struct {
	name   string
	spec   rotator.Spec
	keys   secret.Keys
	start  deepStart
	slow   bool // deployments take long
	memory bool // pipelines find a run again by its once-key
	two    bool // the first thing that goes wrong is a runner that sleeps while another takes over
	wishes []deepWish
	from   func(*deepState) bool  // the story is told from there on; nil: from the beginning
	broken func(*deepState) bool  // consumers may fail now: an approval names them
	burial bool                   // the story ends when what is left over is proven dead
	state  rotator.State          // of the journey at its end
	holds  int                    // the pair in use at the end
	lives  map[int]rotator.Life   // at the end
	fits   func(*deepState) error // at the end, instead of state, holds and lives
	deploy int                    // how many deployments of one consumer the story has; 0: one
	plant  deepPlant
	exact  bool                           // worlds are merged only where every moment is the same
	change func(*deepState, rotator.Spec) // beside the spec: how the world differs at the beginning
}

// deepPlant is a bug that a test puts into the ledger: it is called inside a claim that takes over the lease of a dead
// process, with how many such there were.
type deepPlant struct {
	name    string
	claimed func(s *deepState, row int, r *rotator.Rotation)
}

type deepStart int

const (
	deepAdopted deepStart = iota // a key of 80 days is everywhere, and the ledger knows it
	deepFound                    // it is everywhere, and the ledger does not know it
	deepNone                     // there is no key yet
)

// deepWish is something a person says unasked, once, when its time has come.
type deepWish struct {
	what string
	when func(*deepState) bool
	act  func(*deepState) // in the portal, before it is said; once: it is called again only with nothing to do
	say  func(context.Context, *rotator.Rotator, *deepState) error
}

const deepName = "bluum"

// deepSpec is the ordinary credential: one file, one service that reports what it runs with.
func deepSpec(changes ...func(*rotator.Spec)) rotator.Spec {
	fields := []string{"key", "secret"}
	sp := rotator.Spec{Credential: deepName, Vendor: "bluum", Environment: "production", Organisation: "Acme", Digest: "spec 1", Fields: fields,
		Policy: policies.Policy{MaxAge: 90 * policies.Day, RotateAt: 75 * policies.Day, Overlap: 20 * time.Minute,
			ApproveRevocation: policies.NoApproval},
		Profile: rotator.ProfileSpec{Lifecycle: "overlap", Host: "api.example", LiveLimit: 2, Propagation: 10 * time.Minute,
			FailingProbes: true, KeyField: "key"},
		Places:    []rotator.PlaceSpec{{Name: "env", Fields: fields, Readable: true, Where: "app.env"}},
		Consumers: []rotator.ConsumerSpec{{Name: "app", Reads: []string{"env"}, Redeploy: true, Best: cicd.Reported, ProveIn: 10 * time.Minute}},
		Owner:     "olga", Approvers: []string{"anna", "ben"}}
	for _, change := range changes {
		change(&sp)
	}
	return sp
}

// begin builds the world of the scene, told up to where its story begins.
func (sc *deepScene) begin() (deepState, error) {
	s := deepState{now: deepNoon(), person: deepPerson{paste: -1}}
	for range sc.spec.Places {
		s.places = append(s.places, deepShelf{key: -1, secret: -1})
	}
	s.apps = make([]deepApp, len(sc.spec.Consumers))
	if sc.start != deepNone {
		s.keys = append(s.keys, deepKey{created: s.now.Add(-80 * policies.Day)})
		for i := range s.places {
			s.places[i] = deepShelf{key: 0, secret: 0, version: 1}
		}
		for i := range s.apps {
			s.apps[i] = deepApp{up: true, started: s.now.Add(-policies.Day)}
		}
	}
	if sc.change != nil {
		sc.change(&s, sc.spec)
	}
	return sc.prelude(s)
}

func (sc *deepScene) prelude(s deepState) (deepState, error) {
	if sc.start == deepAdopted {
		if err := sc.adopt(&s); err != nil {
			return s, err
		}
	}
	for i := 0; sc.from != nil && !sc.from(&s); i++ {
		r := sc.run(s, nil, false, nil)
		if s = r.s; r.err != nil || i > deepPatience {
			return s, fmt.Errorf("the story does not come to its beginning: %w", errors.Join(r.err, errDeepEndless))
		}
	}
	return s, nil
}

func (sc *deepScene) adopt(s *deepState) error {
	p := &deepProcess{sc: sc, s: s, t: &deepTape{}}
	_, err := p.run(func(ctx context.Context, rt *rotator.Rotator) error {
		_, _, err := rt.Adopt(ctx, rotator.Adoption{Credential: deepName, Who: "olga", Created: s.keys[0].created})
		return err
	})
	return errors.Join(err, p.t.broke)
}

// ---- what people and time do -----------------------------------------------------------------------------------------

// act is the next process: a person's word or paste, or a pass.
type deepAct struct {
	what string
	do   func(context.Context, *rotator.Rotator) error
}

// next does what happens before the next process (time goes by, a person works in the portal), and says what it does. The
// error is a question that nobody may be asked.
func (sc *deepScene) next(s *deepState) (deepAct, error) {
	p := &s.person
	if p.wished < len(sc.wishes) && (p.insists || sc.wishes[p.wished].when(s)) {
		return sc.wish(s), nil
	}
	if p.paste >= 0 && !s.now.Before(p.back) {
		return sc.paste(s), nil
	}
	for _, row := range s.book.rows {
		if !row.open || !row.next.After(s.now) || row.lease.After(s.now) {
			continue
		}
		if act, err := sc.asked(s, row.rotation()); err != nil || act.do != nil {
			return act, err
		}
	}
	at := s.due()
	if s.idle && !at.After(s.now) {
		at = s.now.Add(2 * time.Minute)
	}
	sc.advance(s, at)
	s.idle = false
	return deepAct{"a pass", func(ctx context.Context, rt *rotator.Rotator) error { return deepPass(ctx, rt, s) }}, nil
}

// due is when the next pass finds something: its time has come, and no dead process holds the lease.
func (s *deepState) due() time.Time {
	next := time.Time{}
	take := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, row := range s.book.rows {
		if row.open && row.lease.After(row.next) {
			take(row.lease)
		} else if row.open {
			take(row.next)
		}
	}
	for _, i := range s.book.items {
		if i.State == rotator.IsListed {
			take(i.LookAt)
		}
	}
	if b := s.person.back; s.person.paste >= 0 && b.After(s.now) {
		take(b)
	}
	if next.Before(s.now) {
		return s.now
	}
	return next
}

// advance moves the clock, and places that follow others copy them.
func (sc *deepScene) advance(s *deepState, to time.Time) {
	if to.After(s.now) {
		s.now = to
	}
	for i, sp := range sc.spec.Places {
		from := slices.IndexFunc(sc.spec.Places, func(p rotator.PlaceSpec) bool { return sp.Follows != "" && p.Name == sp.Follows })
		if from < 0 || s.places[i].key == s.places[from].key && s.places[i].secret == s.places[from].secret {
			continue
		}
		f := s.places[i]
		f.key, f.secret, f.version = s.places[from].key, s.places[from].secret, f.version+1
		s.places = set(s.places, i, f)
	}
}

func deepPass(ctx context.Context, rt *rotator.Rotator, s *deepState) error {
	passed, err := rt.Pass(ctx)
	for _, o := range passed.Outcomes {
		err = errors.Join(err, o.Err)
	}
	s.idle = err != nil || len(passed.Outcomes) == 0
	return err
}

func (sc *deepScene) wish(s *deepState) deepAct {
	w := sc.wishes[s.person.wished]
	if w.act != nil && !s.person.insists {
		w.act(s)
	}
	sc.advance(s, s.person.back) // whoever wishes something waits for the answer
	s.person.insists = true
	return deepAct{w.what, func(ctx context.Context, rt *rotator.Rotator) error {
		return s.answered(w.say(ctx, rt, s), func() { s.person.wished, s.person.insists = s.person.wished+1, false })
	}}
}

// answered: a person goes on when they were answered, a refusal included; otherwise they come back later.
func (s *deepState) answered(err error, then func()) error {
	var refusal *rotator.Refusal
	if err == nil || errors.As(err, &refusal) {
		then()
		return nil
	}
	s.person.back = s.now.Add(5 * time.Minute)
	return err
}

// paste hands in the pair until Accept answers. No pair that was made because it was asked for may be refused.
func (sc *deepScene) paste(s *deepState) deepAct {
	k := s.person.paste
	return deepAct{"a paste", func(ctx context.Context, rt *rotator.Rotator) error {
		_, err := rt.Accept(ctx, rotator.Paste{Credential: deepName, Material: deepMaterial(k, k), Who: "olga", How: "the terminal",
			Organisation: "Acme", Environment: "production"})
		var refusal *rotator.Refusal
		if errors.As(err, &refusal) && !(refusal.Kind == "in_use" && s.closedOn(k)) {
			return fmt.Errorf("%w: the paste that was asked for is refused: %s", errDeepBroken, err)
		}
		return s.answered(err, func() { s.person.paste, s.person.answered = -1, true })
	}}
}

// closedOn: the rotation has ended, and the pair is the one in use: there is nothing left to hand it in for.
func (s *deepState) closedOn(k int) bool {
	row, ok := s.journey()
	return ok && row.state == rotator.Closed && s.life(k) == rotator.Current
}

// errDeepBroken marks an error of a process as a broken promise, whatever else went wrong.
var errDeepBroken = errors.New("broken")

// asked does what a settled rotation asks for: first in the portal, then in words.
func (sc *deepScene) asked(s *deepState, r rotator.Rotation) (deepAct, error) {
	verb, rest, _ := strings.Cut(strings.TrimPrefix(r.Command, "quarterturn "), " ")
	say := func(w rotator.Saying) (deepAct, error) { return sc.say(s, r, w), nil }
	if slices.Contains(s.person.said, r.ID+rotator.ID(r.Command)) || s.now.Before(s.person.back) {
		return deepAct{}, nil
	}
	switch {
	case verb == "rotate" && r.State == rotator.AwaitingKey:
		return sc.create(s)
	case verb == "revoked":
		return sc.revoke(s, r)
	case verb == "approve" && strings.Contains(rest, "--consumers") && r.Lane == rotator.Replace:
		return say(rotator.Saying{Kind: rotator.Approved, Who: "ben", Text: "agreed", Consumers: sc.consumers(),
			From: s.now.Add(time.Hour), To: s.now.Add(5 * time.Hour)})
	case verb == "approve" && strings.Contains(rest, "--consumers"):
		return say(rotator.Saying{Kind: rotator.Approved, Who: "ben", Text: "agreed", Consumers: sc.consumers()})
	case verb == "approve":
		return say(rotator.Saying{Kind: rotator.Approved, Who: "ben"})
	case verb == "resume":
		if s.excuses == 0 {
			return deepAct{}, fmt.Errorf("it stopped for a person, and nothing stays broken: %s", r.Why)
		}
		s.mend("")
		return sc.say(s, r, rotator.Saying{Kind: rotator.Resume}, "resume"), nil
	case verb == "check" || verb == "waive":
		s.mend("")
	case verb == "attest" && strings.Contains(rest, "--environment"):
		return say(rotator.Saying{Kind: rotator.AttestIt, Target: "portal", Text: "Acme", Environment: "production"})
	case r.Command != "" && r.Command != "quarterturn status "+deepName:
		return deepAct{}, fmt.Errorf("in %s a person is asked for %q: %s", r.State, r.Command, r.Why)
	}
	return deepAct{}, nil
}

func (sc *deepScene) consumers() (names []string) {
	for _, c := range sc.spec.Consumers {
		names = append(names, c.Name)
	}
	return names
}

// say says a word once; one that may be said again and again names no verb to remember.
func (sc *deepScene) say(s *deepState, r rotator.Rotation, w rotator.Saying, again ...string) deepAct {
	w.Credential = deepName
	if w.Who == "" {
		w.Who = "olga"
	}
	return deepAct{"the word " + string(w.Kind), func(ctx context.Context, rt *rotator.Rotator) error {
		_, err := rt.Say(ctx, w)
		return s.answered(err, func() {
			if len(again) == 0 {
				s.person.said = added(s.person.said, r.ID+rotator.ID(r.Command))
			}
		})
	}}
}

func (sc *deepScene) create(s *deepState) (deepAct, error) {
	if s.person.answered && s.keys[len(s.keys)-1].alive(s.now) {
		return deepAct{}, errors.New("a pair is asked for again after Accept took one in")
	}
	s.person.paste, s.person.answered = s.issue(sc.spec), false
	return sc.paste(s), nil
}

// revoke deletes what the request names. Nobody may be asked to revoke the pair in use (I-2, I-10).
func (sc *deepScene) revoke(s *deepState, r rotator.Rotation) (deepAct, error) {
	w := rotator.Saying{Kind: rotator.RevokedIt}
	if _, pair, named := strings.Cut(r.Command, " --pair "); named {
		w.Pair, r.Old = rotator.PairID(pair), rotator.PairID(pair)
	}
	i := s.keyOf(r.Old)
	if i < 0 {
		return deepAct{}, errors.New("the revocation of a pair that does not exist is asked for")
	}
	if !sc.mayFail(s) {
		for at, f := range s.places {
			if f.key == i || f.secret == i {
				return deepAct{}, fmt.Errorf("the revocation that is asked for would break place %s (I-10)", sc.spec.Places[at].Name)
			}
		}
		for at, a := range s.apps {
			if a.key == i || a.secret == i {
				return deepAct{}, fmt.Errorf("the revocation that is asked for would break consumer %s (I-2)", sc.spec.Consumers[at].Name)
			}
		}
	}
	s.revoke(i, sc.spec)
	w.Fragment = deepFragment(i)
	return sc.say(s, r, w), nil
}

// keyOf is the pair of the vendor that the ledger knows under an id, -1 for none.
func (s *deepState) keyOf(id rotator.PairID) int {
	for _, p := range s.book.pairs {
		for i := range s.keys {
			if p.ID == id && p.Fragment == deepFragment(i) {
				return i
			}
		}
	}
	return -1
}
