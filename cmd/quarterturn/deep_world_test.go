package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/internal/httpx"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// deepState is everything that outlives a process: the ledger, the vendor, places, consumers, what people know, and the
// clock. Nothing in it is changed in place, so a copy of the struct is a fork of the world.
type deepState struct {
	now      time.Time
	book     deepBook
	keys     []deepKey    // pairs of the vendor, oldest first: a pair is known by its place here
	places   []deepShelf  // in the order of the spec
	apps     []deepApp    // likewise
	runs     []deepRun    // of pipelines with a memory
	refusals []deepMoment // calls that failed in the last minutes, by pair: I-17
	outages  []deepOutage
	person   deepPerson
	ids      int
	excuses  int  // faults that are a reason to ask a person for help
	idle     bool // the last pass found nothing to do
	overs    int  // leases of dead processes that were taken over, as far as plants count them
}

type deepKey struct {
	created time.Time
	bites   time.Time // when its end bites, zero while nobody ended it
}

type deepMoment struct {
	key int
	at  time.Time
}

// deepShelf is a place: of which pair its two fields are. -1: of none.
type deepShelf struct {
	key, secret int
	version     int
	epoch       int64 // of the newest write
	writes      []deepWrites
}

// deepWrites counts the versions that writes of one pair added.
type deepWrites struct {
	pair rotator.PairID
	n    int
}

// deepApp is a consumer: what it loaded when it started.
type deepApp struct {
	key, secret int
	up          bool
	started     time.Time
	onces       []string // the once-keys it was asked to be redeployed with, each once
}

type deepRun struct {
	app  int
	run  cicd.Run
	left int // looks until a run that takes long has ended
}

// deepOutage is a line that stays broken until then, or until a person who is asked mends it.
type deepOutage struct {
	what  string // name of the call; "ledger": every write of it
	how   deepAt
	until time.Time
}

type deepPerson struct {
	paste    int  // the pair made in the portal and not handed in yet, -1 none
	answered bool // Accept has answered for it
	wished   int  // how many of the scene's wishes were answered
	insists  bool // the next one was begun
	said     []rotator.ID
	back     time.Time // they went away because nothing answered, until then
}

// deepNoon is the story's first moment.
func deepNoon() time.Time { return time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC) }

func (k deepKey) alive(now time.Time) bool { return k.bites.IsZero() || now.Before(k.bites) }

// issue makes a pair in the portal. Where creating one ends the others, they end when the vendor's propagation time is over.
func (s *deepState) issue(sp rotator.Spec) int {
	if sp.Profile.Lifecycle == string(rotator.Replace) {
		for i, k := range s.keys {
			if k.bites.IsZero() {
				s.keys = set(s.keys, i, deepKey{k.created, s.now.Add(sp.Profile.Propagation / 2)})
			}
		}
	}
	s.keys = added(s.keys, deepKey{created: s.now})
	return len(s.keys) - 1
}

// revoke deletes one in the portal; it bites within the propagation time.
func (s *deepState) revoke(i int, sp rotator.Spec) {
	if s.keys[i].bites.IsZero() {
		s.keys = set(s.keys, i, deepKey{s.keys[i].created, s.now.Add(sp.Profile.Propagation / 2)})
	}
}

// ---- material --------------------------------------------------------------------------------------------------------

const deepUnknown = -2 // a pair nobody issued

func deepKeyText(i int) string    { return fmt.Sprintf("bluum_%026d%04d", i, 1000+37*i) }
func deepSecretText(i int) string { return fmt.Sprintf("%060d%04d", i, i) }

func deepMaterial(key, sec int) secret.Material {
	if key < 0 || sec < 0 {
		return nil
	}
	return secret.Material{"key": secret.New(deepKeyText(key)), "secret": secret.New(deepSecretText(sec))}
}

// deepIndex says of which pairs the two fields are.
func deepIndex(m secret.Material, n int) (key, sec int) {
	key, sec = deepUnknown, deepUnknown
	for i := range n {
		if m["key"].Reveal() == deepKeyText(i) {
			key = i
		}
		if m["secret"].Reveal() == deepSecretText(i) {
			sec = i
		}
	}
	return key, sec
}

func deepFragment(i int) string { return fragmentLast(deepKeyText(i)) }

// deepSeal says in the clear what it holds: that ciphertext is one is tested where sealing is.
func deepSeal(m secret.Material, bound string) (secret.Sealed, secret.Verify, error) {
	key, sec := deepIndex(m, 16)
	s := fmt.Sprintf("box %d %d %s", key, sec, bound)
	return secret.Sealed(s), func(back secret.Sealed) error {
		if string(back) != s {
			return secret.ErrReadBack
		}
		return nil
	}, nil
}

func deepOpen(s secret.Sealed, bound string) (secret.Material, error) {
	var key, sec int
	if _, err := fmt.Sscanf(string(s), "box %d %d ", &key, &sec); err != nil || !strings.HasSuffix(string(s), " "+bound) {
		return nil, errors.New("sealed for others")
	}
	return deepMaterial(key, sec), nil
}

// ---- hands -----------------------------------------------------------------------------------------------------------

// hands reach the world for one process.
func (p *deepProcess) hands() rotator.Hands {
	h := rotator.Hands{Places: map[string]backends.Place{}, Pipelines: map[string]cicd.Pipeline{}, Provers: map[string]cicd.Prover{},
		Prober: deepProber{p}, Shape: func(secret.Material) error { return nil },
		Random: func(secret.Material) secret.Material {
			return secret.Material{"key": secret.New("bluum_of_nobody_0000000000000000"), "secret": secret.New("nobody's")}
		}}
	for i, sp := range p.spec().Places {
		place := deepPlace{p, i, sp.Name}
		if h.Places[sp.Name] = place; sp.Readable {
			h.Places[sp.Name] = deepReader{place}
		}
	}
	for i, sp := range p.spec().Consumers {
		app := deepHand{p, i, sp}
		h.Provers[sp.Name] = app
		if sp.Redeploy {
			h.Pipelines[sp.Name] = app
		}
	}
	return h
}

type deepPlace struct {
	p    *deepProcess
	i    int
	name string
}

// Put is fenced by its version, and repeating adds none.
func (d deepPlace) Put(_ context.Context, w backends.Write) error {
	return d.p.call(deepEffect, "put "+d.name, backends.ErrForbidden, func() error {
		s := d.p.s
		shelf := s.places[d.i]
		key, sec := deepIndex(w.Material, len(s.keys))
		if err := d.p.mayPut(shelf, key, sec, w); err != nil {
			return err
		}
		switch {
		case key == shelf.key && sec == shelf.secret:
			return nil
		case w.Expect != shelf.at():
			return backends.ErrChanged
		}
		s.places = set(s.places, d.i, shelf.written(key, sec, w))
		return nil
	})
}

func (f deepShelf) at() string {
	if f.key < 0 {
		return ""
	}
	return fmt.Sprint(f.version)
}

func (f deepShelf) written(key, sec int, w backends.Write) deepShelf {
	f.key, f.secret, f.version, f.epoch = key, sec, f.version+1, w.Epoch
	for i, c := range f.writes {
		if string(c.pair) == w.Slot {
			f.writes = set(f.writes, i, deepWrites{c.pair, c.n + 1})
			return f
		}
	}
	f.writes = added(f.writes, deepWrites{rotator.PairID(w.Slot), 1})
	return f
}

func (d deepPlace) Observe(context.Context) (h backends.Holding, err error) {
	err = d.p.call(deepLook, "observe "+d.name, nil, func() error {
		shelf := d.p.s.places[d.i]
		h = backends.Holding{Grade: backends.Touched, Version: shelf.at()}
		if shelf.key < 0 {
			return backends.ErrAbsent
		}
		if d.p.spec().Places[d.i].Readable {
			h.Epoch = shelf.epoch
			h.Grade, h.Prints = backends.ReadBack, d.p.sc.keys.Prints(deepMaterial(shelf.key, shelf.secret))
		}
		return nil
	})
	return h, err
}

type deepReader struct{ deepPlace }

func (d deepReader) Read(context.Context) (m secret.Material, err error) {
	err = d.p.call(deepLook, "read "+d.name, nil, func() error {
		shelf := d.p.s.places[d.i]
		if m = deepMaterial(shelf.key, shelf.secret); m == nil {
			return backends.ErrAbsent
		}
		return nil
	})
	return m, err
}

// deepHand deploys one consumer and hears its proof.
type deepHand struct {
	p  *deepProcess
	i  int
	sp rotator.ConsumerSpec
}

// Redeploy with a memory does a run once; without one it does it again. A scene may say that runs take long.
func (d deepHand) Redeploy(_ context.Context, once string) (run cicd.Run, err error) {
	err = d.p.call(deepDeploy, "redeploy "+d.sp.Name, cicd.ErrForbidden, func() error {
		s := d.p.s
		d.p.asked(d.i, once)
		if i := d.kept(once); i >= 0 && d.p.sc.memory {
			run = s.runs[i].run
			return nil
		}
		run = cicd.Run{Once: once, State: cicd.Succeeded, StartedAt: s.now, EndedAt: s.now}
		left := 0
		switch {
		case d.p.failing("redeploy " + d.sp.Name):
			run.State, run.Note = cicd.Failed, "exit code 3"
		case d.p.sc.slow:
			run.State, run.EndedAt, left = cicd.Running, time.Time{}, 1
		default:
			d.start()
		}
		if d.p.sc.memory {
			s.runs = added(s.runs, deepRun{d.i, run, left})
		}
		return nil
	})
	return run, err
}

func (d deepHand) kept(once string) int {
	return slices.IndexFunc(d.p.s.runs, func(r deepRun) bool { return r.app == d.i && r.run.Once == once })
}

func (d deepHand) start() {
	s := d.p.s
	at := slices.IndexFunc(d.p.spec().Places, func(p rotator.PlaceSpec) bool { return p.Name == d.sp.Reads[0] })
	app := s.apps[d.i]
	app.key, app.secret, app.started = s.places[at].key, s.places[at].secret, s.now
	app.up = app.key >= 0
	s.apps = set(s.apps, d.i, app)
}

// Find ends a run that takes long.
func (d deepHand) Find(_ context.Context, once string) (run cicd.Run, err error) {
	err = d.p.call(deepLook, "find run of "+d.sp.Name, nil, func() error {
		i := d.kept(once)
		if i < 0 {
			return cicd.ErrNoRun
		}
		kept := d.p.s.runs[i]
		if kept.run.State == cicd.Running && kept.left == 0 {
			kept.run.State, kept.run.EndedAt = cicd.Succeeded, d.p.s.now
			d.start()
		}
		kept.left = max(0, kept.left-1)
		d.p.s.runs = set(d.p.s.runs, i, kept)
		run = kept.run
		return nil
	})
	return run, err
}

func (d deepHand) Best() cicd.Use { return d.sp.Best }

// Prove is honest, and tells as much as its kind can.
func (d deepHand) Prove(_ context.Context, want cicd.Want, since time.Time) (f cicd.Fact, err error) {
	err = d.p.call(deepLook, "prove "+d.sp.Name, nil, func() error {
		app := d.p.s.apps[d.i]
		if !app.up {
			return errors.New("the consumer is down")
		}
		f = cicd.Fact{Use: cicd.Healthy, At: d.p.s.now}
		prints := d.p.sc.keys.Reports(deepMaterial(app.key, app.secret), d.sp.Name)
		runs := prints.Compare(want.Prints) == secret.Equal
		switch {
		case d.sp.Best == cicd.Reported:
			if f.Prints = prints; runs {
				f.Use = cicd.Reported
			}
		case d.sp.Best == cicd.StartedAfter && runs && !app.started.Before(since):
			f.Use = cicd.StartedAfter
		}
		return nil
	})
	return f, err
}

type deepProber struct{ p *deepProcess }

// Probe tells the truth, or nothing clear; three refusals of one pair in ten minutes use up the budget (I-17).
func (d deepProber) Probe(_ context.Context, m secret.Material) (vendors.Reading, error) {
	s := d.p.s
	key, sec := deepIndex(m, len(s.keys))
	if at, full := s.budget(key); full {
		return vendors.Reading{}, &httpx.LaterError{At: at, Why: "the budget of smoke calls is used up"}
	}
	rd := vendors.Reading{Host: d.p.spec().Profile.Host, Method: "GET", Path: "/v1/accounts", At: s.now, Remaining: -1}
	err := d.p.call(deepAsk, "probe", nil, func() error {
		rd.Verdict, rd.Status, rd.Code, rd.Why = vendors.Refused, 401, "X-3", "X-3: invalid or revoked"
		if key >= 0 && key == sec && s.keys[key].alive(s.now) {
			rd.Verdict, rd.Status, rd.Code, rd.Why = vendors.Accepted, 200, "", ""
			rd.Environment, rd.Subjects = d.p.spec().Environment, []string{"account 1"}
			return nil
		}
		s.refusals = added(s.refusals, deepMoment{key, s.now})
		return nil
	})
	if err != nil { // whatever went wrong, nothing clear was heard
		rd.Verdict, rd.Status, rd.Code, rd.Why, rd.Environment, rd.Subjects = vendors.Unclear, 0, "", "timeout", "", nil
	}
	return rd, nil
}

func (s *deepState) budget(key int) (time.Time, bool) {
	const window, most = 10 * time.Minute, 3
	var recent []deepMoment
	n := 0
	var first time.Time
	for _, r := range s.refusals {
		if s.now.Sub(r.at) >= window {
			continue
		}
		recent = append(recent, r)
		if r.key == key && key >= 0 { // a pair nobody issued is another one each time
			if n++; n == 1 {
				first = r.at
			}
		}
	}
	s.refusals = recent
	return first.Add(window), n >= most
}
