package rotator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/policies"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// world is everything outside the ledger, in memory: a vendor, places, consumers and their pipelines, people and
// strangers. Its parts know the truth, and complain when rotator does what it must not.
type world struct {
	t     *rapid.T
	now   time.Time
	sp    Spec
	rt    *Rotator
	book  *book
	keys  map[string]*issued // by the pair's key field
	order []string
	boxes map[string]secret.Material // sealed copies, by their text
	place map[string]*shelf
	apps  map[string]*app
	runs  map[string]cicd.Run // by once-key
	ids   int
	calm  bool // no faults, and people do what they are asked
	wrote bool // the first write of a new pair has happened
	reach map[key]int
	asked map[string]int // commands that people followed

	hands   Hands
	kills   bool            // creating a key ends the others of its environment
	alone   bool            // one person hands in and approves, and in an emergency nobody else answers
	written map[PairID]bool // pairs that we wrote somewhere
	specs   int             // how often the configuration has changed
	spare   secret.Material // a key that a person put where one was missing
	due     bool            // a key is created because we asked for it, now
}

// issued is one pair as the vendor knows it.
type issued struct {
	m      secret.Material
	env    string
	at     time.Time // when it was made
	bites  time.Time // when its revocation bites, zero while nobody revoked it
	lies   int       // so many more answers are refusals, whatever is true
	last   vendors.Verdict
	lastAt time.Time // of the last clear answer
	fickle bool      // the vendor lied about it, or enabled it again
	byHand bool      // a person revoked it without being asked, or put it somewhere
}

// shelf is a place.
type shelf struct {
	w       *world
	sp      PlaceSpec
	holds   secret.Material // nil: nothing
	version int
	down    bool
}

// app is a consumer.
type app struct {
	w       *world
	sp      ConsumerSpec
	runs    secret.Material // what it loaded when it started
	started time.Time
	down    bool
}

func (w *world) clock() time.Time { return w.now }

func (w *world) id() string { w.ids++; return fmt.Sprintf("%016d", w.ids) }

// maybe is true once in n, and never in the calm.
func (w *world) maybe(n int, what string) bool {
	return !w.calm && rapid.IntRange(1, n).Draw(w.t, what) == n
}

func keyOf(m secret.Material) string { return m["key"].Reveal() }

// issue is what a person gets in the portal.
func (w *world) issue(env string) secret.Material {
	n := len(w.order) + 1
	m := secret.Material{"key": secret.New(fmt.Sprintf("public-%012d-K%03d", n, n)),
		"secret": secret.New(fmt.Sprintf("secret-%012d", n))}
	if w.kills {
		for _, other := range w.order {
			if k := w.keys[other]; k.env == env && k.alive(w.now) {
				k.byHand = k.byHand || !w.due
				w.revoke(k)
			}
		}
	}
	w.keys[keyOf(m)], w.order = &issued{m: m, env: env, at: w.now}, append(w.order, keyOf(m))
	return m
}

func (k *issued) alive(now time.Time) bool { return k.bites.IsZero() || now.Before(k.bites) }

// revoke bites within the propagation time.
func (w *world) revoke(k *issued) {
	if k != nil && k.bites.IsZero() {
		k.bites = w.now.Add(w.sp.Profile.Propagation / 2)
	}
}

// ---- the vendor ----------------------------------------------------------------------------------------------

// busy is a budget that is used up.
type busy struct{ at time.Time }

func (busy) Error() string    { return "budget" }
func (b busy) Due() time.Time { return b.at }

func (w *world) Probe(_ context.Context, m secret.Material) (vendors.Reading, error) {
	if w.maybe(40, "the budget is used up") {
		return vendors.Reading{}, busy{w.now.Add(time.Minute)}
	}
	rd := vendors.Reading{Host: w.sp.Profile.Host, Status: 401, Code: "X-3", Verdict: vendors.Refused, At: w.now, Why: "X-3"}
	k := w.keys[keyOf(m)]
	switch {
	case w.maybe(25, "the vendor is slow"):
		rd.Verdict, rd.Status, rd.Code, rd.Why = vendors.Unclear, 0, "", "timeout"
	case k == nil || !k.alive(w.now) || !k.m.Equal(m):
	case !w.calm && k.lies > 0:
		k.lies, k.fickle = k.lies-1, true
	default:
		rd.Verdict, rd.Status, rd.Code, rd.Environment, rd.Why = vendors.Accepted, 200, "", k.env, ""
		rd.Subjects = []string{"account 1"}
	}
	if k != nil && k.m.Equal(m) && rd.Verdict != vendors.Unclear { // a mix says nothing about the pair
		k.last, k.lastAt = rd.Verdict, rd.At
	}
	return rd, nil
}

// ---- places --------------------------------------------------------------------------------------------------

var errNetwork = errors.New("network")

func (p *shelf) Observe(context.Context) (backends.Holding, error) {
	h := backends.Holding{Version: fmt.Sprint(p.version)}
	switch {
	case p.down && !p.w.calm:
		return h, errNetwork
	case p.holds == nil:
		return h, backends.ErrAbsent
	case !p.sp.Readable:
		h.Grade = backends.Touched
		return h, nil
	}
	h.Grade, h.Prints = backends.ReadBack, p.w.rt.o.Keys.Prints(p.holds)
	return h, nil
}

func (p *shelf) Read(context.Context) (secret.Material, error) {
	switch {
	case p.down && !p.w.calm:
		return nil, errNetwork
	case p.holds == nil:
		return nil, backends.ErrAbsent
	}
	return p.holds, nil
}

func (p *shelf) Put(_ context.Context, in backends.Write) error {
	w := p.w
	w.mayWrite(p, in)
	switch {
	case w.maybe(30, "put fails before it is applied"):
		return errNetwork
	case w.maybe(40, "a right was withdrawn"):
		return backends.ErrForbidden
	case fmt.Sprint(p.version) != in.Expect || w.maybe(40, "somebody changed it meanwhile"):
		return backends.ErrChanged
	}
	p.set(in.Material)
	if w.maybe(20, "put is applied and its answer lost") {
		return errNetwork
	}
	w.book.crash = w.maybe(20, "the process dies after a put")
	return nil
}

func (p *shelf) set(m secret.Material) { p.holds, p.version = m, p.version+1 }

// blind is a place as contracts see one that can't be read.
type blind struct{ backends.Place }

// ---- consumers -----------------------------------------------------------------------------------------------

func (a *app) Redeploy(_ context.Context, once string) (cicd.Run, error) {
	w := a.w
	if run, done := w.runs[once]; done {
		return run, nil
	}
	if w.maybe(30, "the pipeline is down") {
		return cicd.Run{}, errNetwork
	}
	if w.maybe(50, "the pipeline is disabled") {
		return cicd.Run{}, cicd.ErrForbidden
	}
	w.mayRestart(a)
	run := cicd.Run{ID: w.id(), Once: once, State: cicd.Succeeded, StartedAt: w.now, EndedAt: w.now}
	switch {
	case w.maybe(8, "the redeploy fails"):
		run.State = cicd.Failed
	case w.maybe(6, "the redeploy takes long"):
		run.State, run.EndedAt = cicd.Running, time.Time{}
	default:
		a.start()
	}
	w.runs[once] = run
	if w.maybe(15, "the pipeline's answer is lost") {
		return cicd.Run{}, errNetwork
	}
	w.book.crash = w.maybe(20, "the process dies after a redeploy")
	return run, nil
}

func (a *app) Find(_ context.Context, once string) (cicd.Run, error) {
	run, known := a.w.runs[once]
	switch {
	case a.w.maybe(30, "the pipeline cannot be asked"):
		return cicd.Run{}, errNetwork
	case !known:
		return cicd.Run{}, cicd.ErrNoRun
	case run.State == cicd.Running && !a.w.maybe(2, "it still runs"):
		run.State, run.EndedAt = cicd.Succeeded, a.w.now
		a.start()
		a.w.runs[once] = run
	}
	return run, nil
}

// start loads what the place it reads holds.
func (a *app) start() { a.runs, a.started, a.down = a.w.place[a.sp.Reads[0]].holds, a.w.now, false }

func (a *app) Best() cicd.Use { return a.sp.Best }

// Prove is honest: it counts only when the consumer does run with what is wanted, and tells as much as its kind can.
func (a *app) Prove(_ context.Context, want cicd.Want, since time.Time) (cicd.Fact, error) {
	f := cicd.Fact{Use: cicd.Healthy, At: a.w.now}
	if a.down && !a.w.calm {
		return f, errNetwork
	}
	prints := a.w.rt.o.Keys.Prints(a.runs)
	runs := prints.Compare(want.Prints) == secret.Equal
	switch {
	case a.sp.Best == cicd.Reported:
		if f.Prints = prints; runs {
			f.Use = cicd.Reported
		}
	case a.sp.Best == cicd.StartedAfter && runs && !a.started.Before(since):
		f.Use = cicd.StartedAfter
	}
	return f, nil
}

// ---- the world's beginning -----------------------------------------------------------------------------------

func newWorld(t *rapid.T, reach map[key]int) *world {
	w := &world{t: t, now: noon(), keys: map[string]*issued{}, boxes: map[string]secret.Material{}, place: map[string]*shelf{},
		apps: map[string]*app{}, runs: map[string]cicd.Run{}, reach: reach, asked: map[string]int{}, written: map[PairID]bool{}}
	w.sp = drawSpec(t)
	w.kills = w.sp.Profile.Lifecycle == string(Replace) && rapid.IntRange(0, 5).Draw(t, "the vendor keeps to its lifecycle") > 0
	w.alone = rapid.IntRange(0, 2).Draw(t, "one person is alone") == 0
	w.book = newBook(w.clock)
	w.book.recorded = w.checkRecord
	w.hands = Hands{Places: map[string]backends.Place{}, Pipelines: map[string]cicd.Pipeline{},
		Provers: map[string]cicd.Prover{}, Prober: w, Shape: func(secret.Material) error { return nil }, Random: w.random}
	for _, p := range w.sp.Places {
		w.build(p)
	}
	for _, k := range w.sp.Consumers {
		w.employ(k)
	}
	keys, err := secret.ParseKeys(strings.NewReader("qtf-00000001:" + strings.Repeat("5a", 32)))
	if err != nil {
		t.Fatal(err)
	}
	w.rt, err = New(Options{Ledger: w.book, Credentials: append(w.others(), Credential{Spec: w.sp, Hands: w.hands}), Keys: keys, Seal: w.seal, Open: w.unseal,
		Now: w.clock, NewID: w.id, Owner: "a pass"})
	if err != nil {
		t.Fatal(err)
	}
	w.settleIn()
	w.settleOther()
	return w
}

// build makes a place.
func (w *world) build(p PlaceSpec) {
	s := &shelf{w: w, sp: p}
	w.place[p.Name], w.hands.Places[p.Name] = s, s
	if !p.Readable {
		w.hands.Places[p.Name] = blind{s}
	}
}

// employ makes a consumer.
func (w *world) employ(k ConsumerSpec) {
	a := &app{w: w, sp: k}
	w.apps[k.Name], w.hands.Provers[k.Name] = a, a
	if k.Redeploy {
		w.hands.Pipelines[k.Name] = a
	}
}

const otherName = "another"

// others: in some worlds another credential of the same vendor and environment is there, whose pair can stand for the
// new one when this one is retired.
func (w *world) others() []Credential {
	if rapid.Bool().Draw(w.t, "another credential of the vendor") {
		return nil
	}
	s := &shelf{w: w, sp: PlaceSpec{Name: "its own", Readable: true}}
	w.place[otherName] = s
	return []Credential{{Spec: Spec{Credential: otherName, Vendor: w.sp.Vendor, Environment: w.sp.Environment, Fields: w.sp.Fields,
		Profile: w.sp.Profile, Places: []PlaceSpec{s.sp}},
		Hands: Hands{Places: map[string]backends.Place{s.sp.Name: s}, Prober: w, Shape: w.hands.Shape, Random: w.random}}}
}

func (w *world) settleOther() {
	s := w.place[otherName]
	if s == nil {
		return
	}
	delete(w.place, otherName) // nobody meddles with it
	m := secret.Material{"key": secret.New("public-of-another-KEY"), "secret": secret.New("secret-of-another")}
	w.keys[keyOf(m)] = &issued{m: m, env: w.sp.Environment}
	s.set(m)
	p := w.rt.pair(w.rt.creds[otherName], m)
	p.Life = Current
	w.book.keep(p)
}

func drawSpec(t *rapid.T) Spec {
	sp := quietSpec()
	sp.Policy.Overlap = rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "overlap")
	sp.Policy.ApproveRevocation = rapid.SampledFrom([]policies.Approval{policies.NoApproval, policies.SecondPerson}).Draw(t, "approval")
	sp.Profile.LiveLimit = rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "live limit")
	sp.Profile.Propagation = rapid.SampledFrom([]time.Duration{0, time.Minute, 20 * time.Minute}).Draw(t, "propagation")
	if rapid.IntRange(0, 3).Draw(t, "creating a key ends the old one") == 0 {
		sp.Profile.Lifecycle, sp.Profile.LiveLimit = string(Replace), 1
	}
	sp.Profile.FailingProbes = rapid.IntRange(0, 5).Draw(t, "failing probes are allowed") > 0
	sp.Consumers[1].Best = rapid.SampledFrom([]cicd.Use{cicd.Reported, cicd.StartedAfter}).Draw(t, "what jobs can show")
	if rapid.Bool().Draw(t, "the second place can be read") {
		sp.Places[1].Readable = true
	}
	if rapid.IntRange(0, 3).Draw(t, "a consumer without pipeline") == 0 {
		sp.Consumers = append(sp.Consumers, ConsumerSpec{Name: "manual", Reads: []string{"vault"}, Best: cicd.Healthy,
			ProveIn: 10 * time.Minute})
	}
	return configured(sp, 1, nil)
}

// configured gives a spec the digest and the parts of its n-th version; changed are the parts that stay where they are
// and are something else.
func configured(sp Spec, n int, changed map[string]string) Spec {
	sp.Digest, sp.Parts = fmt.Sprintf("spec %d", n), map[string]string{"policy.overlap": changed["policy.overlap"] + "1"}
	for _, p := range sp.Places {
		path := "places." + p.Name + ".path"
		sp.Parts[path] = changed[path] + "1"
	}
	for _, c := range sp.Consumers {
		path := "consumers." + c.Name + ".prove"
		sp.Parts[path] = changed[path] + "1"
	}
	return sp
}

// settleIn: a key is everywhere, and the ledger knows it or not; or there is none yet.
func (w *world) settleIn() {
	how := rapid.SampledFrom([]string{"adopted", "adopted", "unknown", "none"}).Draw(w.t, "at the beginning")
	if how == "none" {
		return
	}
	m := w.issue(w.sp.Environment)
	for _, p := range w.place {
		p.set(m)
	}
	for _, a := range w.apps {
		a.start()
	}
	if how == "adopted" {
		p := w.rt.pair(w.rt.creds[w.sp.Credential], m)
		p.Life, p.Created = Current, w.now.Add(-80*policies.Day)
		w.book.keep(p)
	}
}

func (w *world) random(like secret.Material) secret.Material {
	return secret.Material{"key": secret.New("public-random-" + w.id()), "secret": secret.New("secret-random")}
}

func (w *world) seal(m secret.Material, b string) (secret.Sealed, secret.Verify, error) {
	s := secret.Sealed("box " + b + " " + w.id())
	w.boxes[string(s)] = m
	return s, func(secret.Sealed) error { return nil }, nil
}

func (w *world) unseal(s secret.Sealed, b string) (secret.Material, error) {
	if m, ok := w.boxes[string(s)]; ok && strings.HasPrefix(string(s), "box "+b+" ") {
		return m, nil
	}
	return nil, errors.New("sealed for others")
}

// advance lets time pass: followers copy.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	for _, p := range w.place {
		if from := w.place[p.sp.Follows]; from != nil && !p.holds.Equal(from.holds) {
			p.set(from.holds)
		}
	}
}
