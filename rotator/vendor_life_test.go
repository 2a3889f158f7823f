package rotator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/internal/httpx"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// life is one rotation beside one vendor, from the moment a new pair came in. Places and consumers do what they should:
// this is about what is believed of the vendor.
type life struct {
	v      *vendor
	book   *book
	rt     *Rotator
	holds  secret.Material // what the one place holds
	runs   secret.Material // what the one consumer loaded
	began  time.Time
	boxes  map[string]secret.Material
	ids    int
	due    time.Time // when the person gets to what is asked, zero while nothing is
	end    time.Time
	acted  bool
	ending outcome
}

// outcome is what the oracle saw, by the truth.
type outcome struct {
	staged, asked, dead, closed, turned bool
	wiped                               bool          // a living new pair was taken for a wrong one: it has to be pasted again
	took                                time.Duration // from the request to the end
	calls                               int
	wrong                               []string // what must never be
}

// planted is a fault put into the product on purpose, to show that the oracle finds it. Each is nil where it is not planted.
type planted struct {
	name    string
	on, of  string                                               // the wires and the truths, by a part of their names, on which it is looked for
	reading func(who string, rd vendors.Reading) vendors.Reading // what the prober's answer is made into
	tamper  func(wireReply) wireReply                            // what the line's reply is made into
	spec    func(*Spec)
	seldom  bool // looks no more often than a triple is due
	blind   bool // takes the pair for looked at all the time
}

func newLife(b behaviour, p planted, profile vendors.Profile, keys secret.Keys) (*life, error) {
	l := &life{v: newVendor(b), boxes: map[string]secret.Material{}}
	l.v.tamper = p.tamper
	l.book = newBook(l.v.clock)
	l.book.recorded = func(before Rotation, c Change) {
		for i := range c.Rotation.Facts.Triples {
			if p.blind {
				c.Rotation.Facts.Triples[i].Until = l.began.Add(100 * time.Hour)
			}
		}
		l.judge(before, c)
	}
	prober, err := vendors.NewProber(profile, "production", vendors.ProberOptions{Client: httpx.Options{Below: l.v, Timeout: time.Hour},
		Budget: httpx.NewBudget(httpx.ProbeLimits(), l.v.clock), Now: l.v.clock,
		Key: func(m secret.Material) string { return m["key"].Reveal() }})
	if err != nil {
		return nil, err
	}
	l.rt, err = New(Options{Ledger: l.book, Credentials: []Credential{{Spec: l.spec(profile, p), Hands: l.hands(prober, profile, p)}}, Keys: keys,
		Seal: l.seal, Open: l.open, Now: l.v.clock, NewID: l.id, Owner: "a pass"})
	if err != nil {
		return nil, err
	}
	return l, l.begin()
}

func (l *life) spec(profile vendors.Profile, p planted) Spec {
	sp := quietSpec()
	sp.Policy.Overlap, sp.Policy.ApproveRevocation = 0, "none"
	sp.Profile.Host, sp.Profile.NamesEnvironment = vendorHost, true
	sp.Profile.Propagation = time.Duration(profile.Lifecycle.Propagation)
	sp.Places = sp.Places[:1]
	sp.Consumers = []ConsumerSpec{{Name: "api", Reads: []string{"vault"}, Redeploy: true, Best: cicd.Reported, ProveIn: 10 * time.Minute}}
	if p.spec != nil {
		p.spec(&sp)
	}
	return sp
}

func (l *life) hands(prober vendors.Prober, profile vendors.Profile, p planted) Hands {
	chance := rand.NewChaCha8([32]byte{byte(l.v.b.n), byte(l.v.b.n >> 8), byte(l.v.b.n >> 16)})
	if p.reading != nil {
		prober = gullible{prober, p.reading}
	}
	return Hands{Places: map[string]backends.Place{"vault": l}, Pipelines: map[string]cicd.Pipeline{"api": l}, Provers: map[string]cicd.Prover{"api": l},
		Prober: prober, Shape: profile.Shape, Random: func(like secret.Material) secret.Material {
			m, err := profile.Random(chance, like)
			if err != nil {
				return secret.Material{}
			}
			return m
		}}
}

// gullible is a prober that makes something else of what it was answered.
type gullible struct {
	vendors.Prober
	make func(who string, rd vendors.Reading) vendors.Reading
}

func (g gullible) Probe(ctx context.Context, m secret.Material) (vendors.Reading, error) {
	rd, err := g.Prober.Probe(ctx, m)
	if err != nil {
		return rd, err
	}
	return g.make((&vendor{key: m["key"].Reveal()}).who(), rd), nil
}

func pairOf(key string) secret.Material {
	return secret.Material{"key": secret.New(key), "secret": secret.New("5ec4e7" + strings.Repeat("0", 22) + key[len(key)-4:])}
}

// begin: the old pair is everywhere, and the new one came in just now.
func (l *life) begin() error {
	l.holds, l.runs, l.began = pairOf(oldKey), pairOf(oldKey), l.v.now
	c := l.rt.creds["bluum"]
	for id, key := range map[PairID]string{oldID: oldKey, newID: newKey} {
		p := l.rt.pair(c, pairOf(key))
		p.ID, p.Life = id, map[PairID]Life{oldID: Current, newID: Candidate}[id]
		var err error
		if p.Sealed, _, err = l.seal(pairOf(key), bound(p)); err != nil {
			return err
		}
		l.book.keep(p)
	}
	return l.book.Open(context.Background(), Rotation{ID: "rot", Credential: "bluum", Lane: Routine, State: Received, Old: oldID, New: newID,
		Spec: "spec 1", OpenedAt: l.v.now, EnteredAt: l.v.now, NextAt: l.v.now, Facts: Facts{SubmittedBy: "sam"}})
}

func (l *life) id() string { l.ids++; return fmt.Sprintf("%016d", l.ids) }

func (l *life) seal(m secret.Material, b string) (secret.Sealed, secret.Verify, error) {
	s := secret.Sealed(l.id() + b)
	l.boxes[string(s)] = m
	return s, func(secret.Sealed) error { return nil }, nil
}

func (l *life) open(s secret.Sealed, _ string) (secret.Material, error) {
	return l.boxes[string(s)], nil
}

// ---- a place, a pipeline and a consumer that work ------------------------------------------------------------

func (l *life) Observe(context.Context) (backends.Holding, error) {
	return backends.Holding{Grade: backends.ReadBack, Prints: l.rt.o.Keys.Prints(l.holds), Version: l.holds["key"].Reveal()}, nil
}

func (l *life) Read(context.Context) (secret.Material, error) { return l.holds, nil }

func (l *life) Put(_ context.Context, w backends.Write) error { l.holds = w.Material; return nil }

func (l *life) Redeploy(_ context.Context, once string) (cicd.Run, error) {
	l.runs = l.holds
	return cicd.Run{ID: once, Once: once, State: cicd.Succeeded, StartedAt: l.v.now, EndedAt: l.v.now}, nil
}

func (l *life) Find(context.Context, string) (cicd.Run, error) { return cicd.Run{}, cicd.ErrNoRun }

func (l *life) Best() cicd.Use { return cicd.Reported }

func (l *life) Prove(context.Context, cicd.Want, time.Time) (cicd.Fact, error) {
	l.v.now = l.v.now.Add(time.Second)
	return cicd.Fact{Use: cicd.Reported, Prints: l.rt.o.Keys.Prints(l.runs), At: l.v.now}, nil
}

// ---- passes and people ---------------------------------------------------------------------------------------

// live lets passes and people do their work until it is over, one way or the other.
func (l *life) live(p planted) outcome {
	l.end = l.began.Add(12 * time.Hour)
	for l.v.now.Before(l.end) && !l.ending.closed && !l.ending.turned {
		agenda, _ := l.book.Ready(context.Background(), l.v.now, passLimit)
		for _, id := range agenda.Rotations {
			l.rt.one(context.Background(), id)
		}
		l.people()
		l.sleep(p)
	}
	l.ending.calls = l.v.calls
	l.ending.wrong = append(l.ending.wrong, l.v.strange...)
	return l.ending
}

// sleep until the first pass in which something is due, or somebody acts.
func (l *life) sleep(p planted) {
	every := l.v.b.cadence
	if p.seldom {
		every = 75 * time.Minute
	}
	until := l.end
	for _, id := range l.book.order {
		if r := l.book.rows[id].r; !r.State.Over() {
			until = earlier(until, r.NextAt)
		}
	}
	if !l.due.IsZero() {
		until = earlier(until, l.due)
	}
	passes := (until.Sub(l.v.now) + every - 1) / every
	l.v.now = l.v.now.Add(max(passes, 1) * every)
}

// people do what is asked, each in their way.
func (l *life) people() {
	r := l.book.rows["rot"].r
	switch {
	case strings.Contains(r.Command, "--environment") && l.v.b.pair == "issued":
		l.say(Saying{Kind: AttestIt, Target: "portal", Text: "Acme", Environment: "production"})
	case !strings.HasPrefix(r.Command, "quarterturn revoked") || l.acted:
	case l.due.IsZero():
		l.due = l.v.now.Add(l.v.b.after)
	case !l.v.now.Before(l.due):
		l.due, l.acted = time.Time{}, true
		l.act()
	}
}

// act is what becomes of the request to revoke the old pair.
func (l *life) act() {
	switch l.v.b.person {
	case "honest":
		l.v.revoke("old")
		l.say(Saying{Kind: RevokedIt, Fragment: "OLD1"})
	case "silent":
		l.v.revoke("old")
	case "mistaken":
		l.say(Saying{Kind: RevokedIt, Fragment: "OLD1"})
	case "wrong key":
		l.v.revoke("new")
		l.say(Saying{Kind: RevokedIt, Fragment: oneOf(l.v.rand, "OLD1", "NEW1")})
	}
}

func (l *life) say(s Saying) {
	s.Credential, s.Who = "bluum", "anna"
	_, err := l.rt.Say(context.Background(), s)
	if _, no := errors.AsType[*Refusal](err); err != nil && !no {
		l.ending.wrong = append(l.ending.wrong, "a word was not taken: "+err.Error())
	}
}

// ---- the oracle ----------------------------------------------------------------------------------------------

// judge looks at everything that becomes true, and at the truth.
func (l *life) judge(before Rotation, c Change) {
	r := c.Rotation
	if r.ID != "rot" {
		return
	}
	if before.State != r.State {
		l.moved(r)
	}
	for _, p := range c.Pairs {
		switch {
		case p.ID == oldID && p.Life == Dead && l.v.alive("old"):
			l.never("the old pair is recorded as dead, and it is alive")
		case p.ID == newID && p.Life == Refused && l.v.alive("new"):
			l.ending.wiped = true
		case p.Life == Dead && p.ID == newID && l.v.alive("new"):
			l.never("the new pair is recorded as dead, and it is alive")
		}
	}
}

func (l *life) never(what string) { l.ending.wrong = append(l.ending.wrong, what) }

func (l *life) moved(r Rotation) {
	o, v := &l.ending, l.v
	switch r.State {
	case Staged:
		if o.staged = true; v.b.pair != "issued" {
			l.never("the new pair is taken for good, and it is not: " + v.b.pair)
		}
	case AwaitingRevocation:
		if v.asked.IsZero() {
			v.asked, l.end = v.now, v.now.Add(time.Duration(v.b.hours)*time.Hour+v.b.after)
		}
		o.asked = true
	case RevocationProven:
		if o.dead = true; v.alive("old") {
			l.never("the old pair is proven dead, and it is alive")
		}
	case Closed:
		if o.closed, o.took = true, v.since(v.asked); v.alive("old") {
			l.never("it is closed, and the old pair is alive")
		}
	case AwaitingKey:
		o.turned = true
	}
}
