package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// bench is a stage that a story is played on. Everything a person does goes through a command line, everything a machine
// does through the pass that run makes, and after every pass the invariants are looked at from outside (story_check).
type bench struct {
	*stage
	t    *testing.T
	ctx  context.Context // outlives the test, for its last look
	tap  *tap
	as   string // whose name the next words carry
	code int    // exit code of the last command line
	out  string // what it printed, errors included

	everything bytes.Buffer          // all that was ever printed
	known      map[string]string     // secret by key, of every pair the story knows of
	ids        []sim.Shown           // every pair, in order
	fresh      sim.Shown             // the last pair that was created for the rotation
	second     *sim.Service          // the second consumer, nil when there is none
	envs       []string              // the files with a pair in them
	broken     bool                  // a person broke the service by hand: its calls may fail
	rewrites   int                   // writes of one generation to one place beyond the first, made right by a person's hand
	asked      map[string]bool       // commands that were tried out already, by state
	said       map[rotator.ID]string // last word of a person on each rotation
}

// amendment changes a story's configuration.
type amendment func(b *bench, text string) string

// stand builds a story's world: a service with a key of 76 days, nothing adopted yet. Both keys live for two hours, and a
// revocation takes an hour to bite, unless o says otherwise.
func stand(t *testing.T, o stageOptions, changes ...amendment) *bench {
	t.Helper()
	t.Parallel()
	b := &bench{t: t, ctx: context.WithoutCancel(t.Context()), tap: newTap(), as: "alice@acme.example",
		known: map[string]string{}, asked: map[string]bool{}, said: map[rotator.ID]string{}, envs: []string{"app.env"}}
	o.Age, o.Propagation = cmp.Or(o.Age, demoAge), cmp.Or(o.Propagation, demoBites)
	o.Wiring, o.Amend = b.tap.wiring(), b.amending(changes)
	st, err := newStage(b.ctx, storyWorld(), t.TempDir(), time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC), o)
	b.stage = st
	b.must(err)
	b.knows(st.old)
	t.Cleanup(b.end)
	return b
}

func (b *bench) amending(changes []amendment) func(*stage, string) (string, error) {
	return func(st *stage, text string) (string, error) {
		b.stage = st
		for _, change := range append([]amendment{shortOverlap}, changes...) {
			text = change(b, text)
		}
		return text, nil
	}
}

// storyWorld is what a command takes from outside, without a terminal. The stage brings the clock.
func storyWorld() world {
	return world{environ: []string{"NO_COLOR=1"}, newID: newID, rand: rand.Reader}
}

// raise is stand with the key adopted.
func raise(t *testing.T, o stageOptions, changes ...amendment) *bench {
	t.Helper()
	b := stand(t, o, changes...)
	b.does(exitDone, "adopt", demoName, "--created", b.old.CreatedAt.Format(time.RFC3339))
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) knows(s sim.Shown) sim.Shown {
	b.known[s.Key] = s.Secret
	b.ids = append(b.ids, s)
	return s
}

// end is every story's last look: nothing leaked, nothing left running.
func (b *bench) end() {
	b.leaks()
	if b.second != nil {
		b.must(b.second.Close())
	}
	b.must(b.close())
}

// ---- what people and machines do -----------------------------------------------------------------------------

// line runs one command line as b.as, in process, with the story's clock.
func (b *bench) line(stdin string, args ...string) int {
	b.t.Helper()
	return b.lineIn(b.ctx, "quarterturn.yaml", stdin, args...)
}

func (b *bench) lineIn(ctx context.Context, config, stdin string, args ...string) int {
	return b.heard(strings.NewReader(stdin), func(a *app) int {
		return a.run(ctx, append([]string{"--config", b.path(config), "--as", b.as}, args...))
	})
}

// heard keeps what a command line prints.
func (b *bench) heard(stdin io.Reader, do func(a *app) int) int {
	var printed bytes.Buffer
	w := b.w
	w.in, w.out, w.err = stdin, &printed, &printed
	b.code = do(&app{w: w, wi: b.o.Wiring})
	b.out = printed.String()
	b.everything.WriteString(b.out)
	return b.code
}

// does runs a command that ends with code.
func (b *bench) does(code int, args ...string) {
	b.t.Helper()
	if got := b.line("", args...); got != code {
		b.t.Fatalf("quarterturn %s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, b.out)
	}
}

// pass is what `quarterturn run` does once it has read its configuration, and the invariants after it.
func (b *bench) pass() {
	b.t.Helper()
	b.heard(strings.NewReader(""), func(a *app) int {
		a.output = "text"
		b.must(a.prepare())
		err := a.pass(b.ctx, b.shop, "", nil)
		if err == nil || errors.Is(err, errQuiet) {
			return quietCode(err)
		}
		return report(a.w.err, false, err)
	})
	if b.code != exitDone && b.code != exitTransient && !(b.code == exitStop && strings.Contains(b.out, "Broken now")) {
		b.t.Fatalf("run: exit code %d:\n%s", b.code, b.out)
	}
	b.check()
}

// next is the next pass that has something to do.
func (b *bench) next() {
	b.t.Helper()
	_, err := b.skip(b.ctx)
	b.must(err)
	b.pass()
}

// after lets time go by and makes every pass that comes due meanwhile, as a CronJob would.
func (b *bench) after(d time.Duration) {
	b.t.Helper()
	end := b.clock.now().Add(d)
	for range 500 {
		if at := b.due(); at.IsZero() || at.After(end) {
			break
		}
		b.next()
	}
	b.clock.advance(end.Sub(b.clock.now()))
	b.pass()
}

// due is when the next look is wanted, zero when none is.
func (b *bench) due() time.Time {
	var next time.Time
	for _, r := range b.open() {
		if next.IsZero() || r.NextAt.Before(next) {
			next = r.NextAt
		}
	}
	return next
}

// create makes a pair in Acme's production portal.
func (b *bench) create() sim.Shown {
	b.t.Helper()
	return b.createIn(sim.Acme, sim.Production)
}

func (b *bench) createIn(organisation, environment string) sim.Shown {
	b.t.Helper()
	shown, err := b.vendor.Create(organisation, environment, "made by hand")
	b.must(err)
	return b.knows(shown)
}

// submits pastes a pair by standard input, with what the portal showed.
func (b *bench) submits(code int, s sim.Shown, flags ...string) {
	b.t.Helper()
	paste := fmt.Sprintf("BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", s.Key, s.Secret)
	if got := b.line(paste, append([]string{"submit", demoName}, flags...)...); got != code {
		b.t.Fatalf("submit: exit code %d, want %d:\n%s", got, code, b.out)
	}
}

// portal are the flags of a submission by somebody who saw the right page.
func portal() []string {
	return []string{"--organisation", "Acme Trading", "--environment", sim.Production}
}

// supply creates the pair that is asked for and hands it in.
func (b *bench) supply() sim.Shown {
	b.t.Helper()
	b.fresh = b.create()
	b.submits(exitDone, b.fresh, portal()...)
	return b.fresh
}

// revoke deletes a pair in the portal.
func (b *bench) revoke(s sim.Shown) {
	b.t.Helper()
	b.must(b.vendor.Delete(s.ID))
}

// revokes deletes a pair in the portal and says so.
func (b *bench) revokes(s sim.Shown, flags ...string) {
	b.t.Helper()
	b.revoke(s)
	b.does(exitDone, append([]string{"revoked", demoName, "--last4", last4(s)}, flags...)...)
}

func last4(s sim.Shown) string { return s.Key[len(s.Key)-4:] }

// ---- how a story goes on -------------------------------------------------------------------------------------

// to plays the routine until the rotation has proven a state: the person does what is asked of them, and no more.
func (b *bench) to(state rotator.State) {
	b.t.Helper()
	for range 300 {
		r := b.rotation()
		if r.State == state {
			return
		}
		if r.NextAt.After(b.clock.now()) { // nothing that was said waits to be heard
			b.obey()
		}
		b.next()
	}
	b.t.Fatalf("the story did not come to %s: %+v", state, b.rotation().Why)
}

// obey does what the rotation's one command asks a person for.
func (b *bench) obey() {
	b.t.Helper()
	r := b.rotation()
	switch {
	case r.State == rotator.AwaitingKey && r.Command == "quarterturn rotate "+demoName:
		b.supply()
	case r.State == rotator.AwaitingRevocation && r.Command == "quarterturn revoked "+demoName && b.said[r.ID] == "":
		b.said[r.ID] = "revoked"
		b.revokes(b.pairShown(r.Old))
	}
}

// finish plays the routine to the end: closed, buried, wiped, and the service on the fresh pair.
func (b *bench) finish() {
	b.t.Helper()
	b.closes()
	b.buried()
	b.closes()
}

// closes plays the routine until the rotation is closed, which leaves the service on the fresh pair.
func (b *bench) closes() {
	b.t.Helper()
	b.to(rotator.Closed)
	b.holds(b.fresh)
	b.life(b.fresh, rotator.Current)
	b.works()
}

// untilDead plays on until a pair is proven dead.
func (b *bench) untilDead(s sim.Shown) {
	b.t.Helper()
	for range 100 {
		if b.lives()[last4(s)] == rotator.Dead {
			return
		}
		b.next()
	}
	b.t.Fatalf("the pair is %s: %s", b.lives()[last4(s)], b.burial(s).Why)
}

// buried goes on until no rotation is open. Nothing sealed is left, for the .env file can return the pair in use.
func (b *bench) buried() {
	b.t.Helper()
	for range 1000 {
		if len(b.open()) == 0 {
			break
		}
		b.next()
	}
	for _, r := range b.open() {
		b.t.Fatalf("%s rotation is still %s: %s", r.Lane, r.State, r.Why)
	}
	for _, p := range b.pairs() {
		if len(p.Sealed) > 0 {
			b.t.Errorf("the %s pair ending in %s is still sealed here", p.Life, p.Fragment)
		}
	}
}

// ---- what a story looks at -----------------------------------------------------------------------------------

// rotation is the newest that is no burial; its state is "" when there is none.
func (b *bench) rotation() rotator.Rotation {
	r, err := b.journey(b.ctx)
	if err != nil {
		return rotator.Rotation{}
	}
	return r
}

// open lists what is under way, burials included.
func (b *bench) open() (open []rotator.Rotation) {
	all, err := b.shop.ledger.Rotations(b.ctx, demoName)
	b.must(err)
	for _, r := range all {
		if !r.State.Over() {
			open = append(open, r)
		}
	}
	return open
}

// burial is the open burial of a pair; its state is "" when there is none.
func (b *bench) burial(s sim.Shown) rotator.Rotation {
	for _, r := range b.open() {
		if r.Lane == rotator.Burial && b.pairShown(r.Old).ID == s.ID {
			return r
		}
	}
	return rotator.Rotation{}
}

func (b *bench) pairs() []rotator.Pair {
	pairs, err := b.shop.ledger.Pairs(b.ctx, demoName)
	b.must(err)
	return pairs
}

// pairShown is the pair of the portal that the ledger knows under an id.
func (b *bench) pairShown(id rotator.PairID) sim.Shown {
	for _, p := range b.pairs() {
		for _, s := range b.ids {
			if p.ID == id && p.Fragment == last4(s) {
				return s
			}
		}
	}
	return sim.Shown{}
}

// pairID is the ledger's name of a pair that the portal showed.
func (b *bench) pairID(s sim.Shown) string {
	for _, p := range b.pairs() {
		if p.Fragment == last4(s) {
			return string(p.ID)
		}
	}
	return ""
}

// lives says where each pair stands, by its last four characters.
func (b *bench) lives() map[string]rotator.Life {
	lives := map[string]rotator.Life{}
	for _, p := range b.pairs() {
		lives[p.Fragment] = p.Life
	}
	return lives
}

// is wants the rotation in a state, for a reason that says so.
func (b *bench) is(state rotator.State, why string) {
	b.t.Helper()
	if r := b.rotation(); r.State != state || !strings.Contains(r.Why, why) {
		b.t.Fatalf("the rotation is %s: %q; want %s: ...%q...", r.State, r.Why, state, why)
	}
}

// awaits wants one command as what a person is awaited for, "" for nobody.
func (b *bench) awaits(command string) {
	b.t.Helper()
	if r := b.rotation(); r.Command != command {
		b.t.Fatalf("the rotation (%s: %s) awaits %q, want %q", r.State, r.Why, r.Command, command)
	}
}

// prints wants something in what the last command line printed; line breaks do not count.
func (b *bench) prints(want string) {
	b.t.Helper()
	if !strings.Contains(strings.Join(strings.Fields(b.out), " "), want) {
		b.t.Fatalf("%q is not in:\n%s", want, b.out)
	}
}

// life wants a pair to be dead, an orphan, and so on.
func (b *bench) life(s sim.Shown, want rotator.Life) {
	b.t.Helper()
	if got := b.lives()[last4(s)]; got != want {
		b.t.Errorf("the pair is %q, want %q", got, want)
	}
}

// holds wants every .env file to hold a pair.
func (b *bench) holds(s sim.Shown) {
	b.t.Helper()
	for _, env := range b.envs {
		if key, secret := b.inFile(env); key != s.Key || secret != s.Secret {
			b.t.Errorf("%s does not hold the pair %s", env, s.ID)
		}
	}
}

// inFile reads a .env file as its service would.
func (b *bench) inFile(name string) (key, secret string) {
	text, err := os.ReadFile(b.path(name))
	b.must(err)
	for _, line := range strings.Split(string(text), "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "BLUUM_API_KEY":
			key = strings.Trim(value, `"'`)
		case "BLUUM_API_SECRET":
			secret = strings.Trim(value, `"'`)
		}
	}
	return key, secret
}

// overwrite puts a pair into a .env file by hand.
func (b *bench) overwrite(name string, s sim.Shown) {
	b.t.Helper()
	b.must(os.WriteFile(b.path(name), fmt.Appendf(nil, "PORT=8080\nBLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", s.Key, s.Secret), 0o600))
}

// works wants every consumer to be served by the vendor now.
func (b *bench) works() {
	b.t.Helper()
	for _, s := range b.services() {
		if status := s.Work(b.ctx); status != http.StatusOK {
			b.t.Errorf("a service's call to the vendor ends with status %d", status)
		}
	}
}

func (b *bench) services() []*sim.Service {
	if b.second == nil {
		return []*sim.Service{b.service}
	}
	return []*sim.Service{b.service, b.second}
}
