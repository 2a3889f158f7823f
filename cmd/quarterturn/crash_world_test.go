package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"quarterturn/internal/crashtest"
	"quarterturn/internal/sim"
	"quarterturn/ledger"
	"quarterturn/rotator"
)

// crashTeller plays everybody around quarterturn in one telling of a story: the CronJob that runs passes, the person who is
// asked, and a reader of the file and the service who tolerates nothing.
type crashTeller struct {
	*stage
	stop    *crashtest.Stopper
	fresh   sim.Shown        // the pair made in the portal, zero before
	receipt *rotator.Receipt // what Accept said of it, nil: it has not answered yet
	gone    map[string]bool  // pairs deleted in the portal, by the vendor's id
	leaves  bool             // the person goes away when the first paste is not answered...
	unsure  bool             // ...and pastes the pair again later, when passes have gone on with it
	away    time.Duration    // how long a person who left may stay away
	back    int              // ways back that were asked for: each needs a deployment
	errs    int              // processes that ended with an error
	deaths  int
	idle    bool // the last pass found nothing to do
	halts   bool // the telling ends with the process in which the point was, as errHalted
}

// newCrashTeller sets a stage with short waits, and a pair in use unless it is about a first key.
func newCrashTeller(ctx context.Context, dir string, s *crashtest.Stopper, o stageOptions) (*crashTeller, error) {
	t := &crashTeller{stop: s, gone: map[string]bool{}}
	o.Propagation = 10 * time.Minute
	o.Wiring = crashWiring(s, o.Wiring)
	w := world{out: &bytes.Buffer{}, err: &bytes.Buffer{}, newID: newID, rand: rand.Reader}
	t.stage = &stage{o: o, w: w, dir: dir, clock: &clock{at: time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC)}}
	t.w.now, t.w.wait = t.clock.now, t.clock.wait
	for _, build := range []func() error{t.openVendor, t.writeEnv, t.writeConfig, t.hurry, func() error { return t.reopen(ctx) }} {
		if err := build(); err != nil {
			return t, err
		}
	}
	return t, nil
}

// crashWiring puts s between the rotator and the parts, and between s and the parts what a test breaks on purpose.
func crashWiring(s *crashtest.Stopper, broken wiring) wiring {
	return wiring{
		ledger: func(l rotator.Ledger) rotator.Ledger {
			if broken.ledger != nil {
				l = broken.ledger(l)
			}
			return s.Ledger(l)
		},
		hands: func(c rotator.Credential) rotator.Credential {
			if broken.hands != nil {
				c = broken.hands(c)
			}
			return s.Hands(c)
		},
	}
}

// rewire is the next process: the ledger's file is opened anew and everything is wired anew. The configuration, which no
// crash can change, is not read again: that would be half of the time these tests take.
func (t *crashTeller) rewire(ctx context.Context) error {
	was := t.shop
	if err := was.Close(); err != nil {
		return err
	}
	s := &shop{cfg: was.cfg, profiles: was.profiles, keys: was.keys}
	var err error
	if s.ledger, err = ledger.OpenSQLite(ctx, s.cfg.Ledger.Path, t.w.now, ledger.Options{KeepCalls: s.cfg.KeepCalls}); err != nil {
		return err
	}
	t.shop = s
	return s.wire(t.w, t.o.Wiring)
}

// hurry shortens the overlap: two looks in it are as good as a hundred.
func (t *crashTeller) hurry() error {
	text, err := os.ReadFile(t.path("quarterturn.yaml"))
	if err != nil || !bytes.Contains(text, []byte("overlap: 24h")) {
		return errors.Join(err, errors.New("the configuration has another overlap"))
	}
	text = bytes.Replace(text, []byte("overlap: 24h"), []byte("overlap: 20m"), 1)
	return errors.Join(t.pace(), os.WriteFile(t.path("quarterturn.yaml"), text, 0o600))
}

// pace lets the profile say how long a revocation takes here, or a death proof would be most of a story.
func (t *crashTeller) pace() error {
	text, err := os.ReadFile(t.path("bluum-demo.yaml"))
	if err != nil || bytes.Contains(text, []byte("lifecycle:")) {
		return err
	}
	return os.WriteFile(t.path("bluum-demo.yaml"), append(text, "lifecycle: {propagation: 10m}\n"...), 0o600)
}

// process runs f as one process. After a death the next one is wired on the same files, as the next command would be.
func (t *crashTeller) process(ctx context.Context, f func() error) (answered bool, err error) {
	died, err := t.stop.Process(f)
	if t.halted() {
		return false, errHalted
	}
	if died {
		t.deaths++
		t.stop.Restart()
		return false, errors.Join(t.look(ctx), t.rewire(ctx))
	}
	if err != nil && !t.stop.Stopping() && t.errs == 0 {
		t.errs++
		return false, t.look(ctx)
	}
	return err == nil, errors.Join(err, t.look(ctx))
}

func (t *crashTeller) halted() bool { return t.halts && t.stop.Hit() }

// insist repeats what a person does until it is answered, as a person does whose terminal died.
func (t *crashTeller) insist(ctx context.Context, f func() error) error {
	for range 3 {
		if answered, err := t.process(ctx, f); answered || err != nil {
			return err
		}
	}
	return errors.New("it was never answered")
}

// look is the reader: the service works with its key, and the file holds one whole pair that the portal has not deleted.
func (t *crashTeller) look(ctx context.Context) error {
	if t.service != nil {
		if status := t.service.Work(ctx); status != http.StatusOK {
			return fmt.Errorf("the service's call failed with status %d", status)
		}
	}
	text, err := os.ReadFile(t.path("app.env"))
	if err != nil {
		return err
	}
	key, secret := envEntry(text, "BLUUM_API_KEY"), envEntry(text, "BLUUM_API_SECRET")
	for _, p := range []sim.Shown{t.old, t.fresh} {
		if key == p.Key && secret == p.Secret && !t.gone[p.ID] {
			return nil
		}
	}
	return errors.New("the file holds a mixed, foreign or deleted pair")
}

func envEntry(text []byte, name string) string {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// until runs passes whenever one is due, and does what a person is asked for, until done.
func (t *crashTeller) until(ctx context.Context, done func([]rotator.Rotation) bool) error {
	for range 400 {
		if t.halted() {
			return errHalted
		}
		all, err := t.shop.ledger.Rotations(ctx, demoName)
		if err != nil || done(all) {
			return err
		}
		if err := t.person(ctx, all); err != nil || done(nil) {
			return err
		}
		if err := errors.Join(t.advance(ctx), t.pass(ctx)); err != nil {
			return err
		}
	}
	return errors.New("it came to no end")
}

// advance moves the clock to the next recorded time. Where that has come and nothing could be done (a dead process holds
// the lease), the CronJob looks again a minute later.
func (t *crashTeller) advance(ctx context.Context) error {
	all, err := t.shop.ledger.Rotations(ctx, demoName)
	next := t.clock.now().Add(1000 * time.Hour)
	for _, r := range all {
		if !r.State.Over() && r.NextAt.Before(next) {
			next = r.NextAt
		}
	}
	switch wait := next.Sub(t.clock.now()); {
	case t.idle && wait <= 0:
		t.clock.advance(time.Minute)
	case wait < 1000*time.Hour:
		t.clock.advance(wait)
	}
	return err
}

func (t *crashTeller) pass(ctx context.Context) error {
	var outs []rotator.Outcome
	answered, err := t.process(ctx, func() error {
		passed, err := t.shop.rt.Pass(ctx)
		outs = passed.Outcomes
		for _, o := range outs {
			err = errors.Join(err, o.Err)
		}
		return err
	})
	t.idle = !answered || len(outs) == 0
	for _, o := range outs {
		if answered && (o.Broken != "" || o.To == rotator.FailedState) {
			err = errors.Join(err, fmt.Errorf("in %s: %s; broken: %q", o.To, o.Why, o.Broken))
		}
	}
	return err
}

// person does what a settled rotation asks for: one with a pass due says nothing yet.
func (t *crashTeller) person(ctx context.Context, all []rotator.Rotation) error {
	if t.unsure && !cameTo(rotator.AwaitingKey)(all) {
		return t.paste(ctx)
	}
	for _, r := range all {
		if r.State.Over() || r.Command == "" || !r.NextAt.After(t.clock.now()) {
			continue
		}
		if err := t.asked(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *crashTeller) asked(ctx context.Context, r rotator.Rotation) error {
	verb := strings.Fields(r.Command)[1]
	switch {
	case verb == "rotate" && r.State == rotator.AwaitingKey:
		return t.paste(ctx)
	case verb == "revoked":
		return t.revoke(ctx, r)
	case (verb == "check" || verb == "waive") && !t.stop.Stopping():
		return nil // the fault is over before anybody does anything about it
	}
	return fmt.Errorf("in %s a person is asked for %q: %s", r.State, r.Command, r.Why)
}

// paste makes a pair in the portal, once, and hands it in until Accept answers. From then on nobody may ask for one.
func (t *crashTeller) paste(ctx context.Context) error {
	t.unsure = false
	if t.receipt != nil {
		return errors.New("a pair is asked for again after Accept took one in")
	}
	if t.fresh.ID == "" {
		var err error
		if t.fresh, err = t.vendor.Create(sim.Acme, sim.Production, demoName); err != nil {
			return err
		}
	}
	var receipt rotator.Receipt
	hand := func() error {
		var err error
		receipt, err = t.accept(ctx, t.fresh)
		return err
	}
	if t.leaves {
		t.leaves = false
		if answered, err := t.process(ctx, hand); !answered {
			t.unsure = true
			return err
		}
	} else if err := t.insist(ctx, hand); err != nil {
		return fmt.Errorf("the paste: %w", err)
	}
	t.receipt = &receipt
	return t.kept(ctx)
}

// kept: what Accept answered for is sealed in the ledger, whatever comes.
func (t *crashTeller) kept(ctx context.Context) error {
	sealed, err := t.shop.ledger.Sealed(ctx, t.receipt.Pair)
	if err == nil && len(sealed) == 0 {
		err = errors.New("there is no ciphertext")
	}
	if err != nil {
		return fmt.Errorf("a pair that Accept took in is lost: %w", err)
	}
	return nil
}

// revoke deletes what the request names, and says so until somebody listens. Nobody may be asked to revoke the pair in
// the file.
func (t *crashTeller) revoke(ctx context.Context, r rotator.Rotation) error {
	p, err := t.pair(ctx, r.Old)
	if err != nil {
		return err
	}
	shown := t.old
	if p.Fragment == fragmentLast(t.fresh.Key) {
		shown = t.fresh
	}
	text, err := os.ReadFile(t.path("app.env"))
	if err != nil || envEntry(text, "BLUUM_API_KEY") == shown.Key || p.Fragment != fragmentLast(shown.Key) {
		return errors.Join(err, errors.New("the revocation that is asked for would break the service (I-10)"))
	}
	if !t.gone[shown.ID] {
		if err := t.vendor.Delete(shown.ID); err != nil {
			return err
		}
		t.gone[shown.ID] = true
	}
	word := rotator.Saying{Kind: rotator.RevokedIt, Fragment: p.Fragment}
	if r.Lane == rotator.Burial {
		word.Pair = r.Old
	}
	return t.say(ctx, word)
}

func fragmentLast(key string) string { return key[max(len(key)-4, 0):] }

func (t *crashTeller) say(ctx context.Context, s rotator.Saying) error {
	s.Credential, s.Who = demoName, "person"
	err := t.insist(ctx, func() error {
		_, err := t.shop.rt.Say(ctx, s)
		return err
	})
	if err != nil {
		return fmt.Errorf("saying %s: %w", s.Kind, err)
	}
	return nil
}

func (t *crashTeller) pair(ctx context.Context, id rotator.PairID) (rotator.Pair, error) {
	pairs, err := t.shop.ledger.Pairs(ctx, demoName)
	for _, p := range pairs {
		if p.ID == id {
			return p, err
		}
	}
	return rotator.Pair{}, errors.Join(err, fmt.Errorf("pair %s is not in the ledger", id))
}

// ---- endings ---------------------------------------------------------------------------------------------------------

// in says that the journey has come to a state.
func cameTo(state rotator.State) func([]rotator.Rotation) bool {
	return func(all []rotator.Rotation) bool {
		last := chosen(all, false)
		return len(last) == 1 && last[0].State == state
	}
}

// buried says that the journey has ended, and what it left to bury is proven dead.
func crashBuried(all []rotator.Rotation) bool {
	last := chosen(all, false)
	if len(last) == 0 || !last[0].State.Over() {
		return false
	}
	for _, r := range all {
		if r.Lane == rotator.Burial && r.State == rotator.RevocationProven {
			return true
		}
	}
	return false
}

// ended checks what holds at the end of every story: lives of old and new, the pair in use, the trail, the number of
// deployments, no copy of a secret beside the file.
func (t *crashTeller) ended(ctx context.Context, state rotator.State, oldLife, newLife rotator.Life) error {
	r, err := t.journey(ctx)
	if err != nil {
		return err
	}
	errs := []error{t.look(ctx), t.lives(ctx, oldLife, newLife), t.whole(ctx), t.deployments(), t.spilled()}
	if r.State != state {
		errs = append(errs, fmt.Errorf("the journey ended %s", r.State))
	}
	outweighed := time.Duration(r.Facts.Misses) * 20 * 15 * time.Minute // the soak budget: one look in twenty may miss a proof
	if took := r.EnteredAt.Sub(r.OpenedAt); took > crashPatience+outweighed+t.away {
		errs = append(errs, fmt.Errorf("the journey took %s", took))
	}
	return errors.Join(errs...)
}

// crashPatience is how long a journey may take with one death or fault in it: twice what it takes without.
const crashPatience = 4 * time.Hour

func (t *crashTeller) lives(ctx context.Context, oldLife, newLife rotator.Life) error {
	p, err := t.pair(ctx, t.receipt.Pair)
	if err == nil && p.Life != newLife {
		err = fmt.Errorf("the new pair is %s", p.Life)
	}
	if t.old.ID == "" || err != nil {
		return err
	}
	pairs, err := t.shop.ledger.Pairs(ctx, demoName)
	if err != nil || len(pairs) != 2 || pairs[0].Life != oldLife {
		return errors.Join(err, fmt.Errorf("%d pairs, the old one %s", len(pairs), pairs[0].Life))
	}
	return nil
}

func (t *crashTeller) whole(ctx context.Context) error {
	report, err := t.shop.ledger.Verify(ctx)
	for _, p := range report.Problems {
		err = errors.Join(err, fmt.Errorf("trail %s: %s", p.Chain, p.What))
	}
	return err
}

// deployments: one per generation, and one more for each interruption. A crash never changes the once-key.
func (t *crashTeller) deployments() error {
	tries, keys := t.stop.Redeploys("app")
	most := 1 + t.back
	if keys > most || tries > most+t.deaths+t.faults() || t.service != nil && t.service.Restarts() > tries {
		return fmt.Errorf("%d redeploys with %d once-keys after %d deaths", tries, keys, t.deaths)
	}
	return nil
}

func (t *crashTeller) faults() int {
	if t.stop.Stopping() || !t.stop.Hit() {
		return 0
	}
	return 1
}

// spilled looks for the secrets of both pairs in every file but the service's own.
func (t *crashTeller) spilled() error {
	return filepath.WalkDir(t.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "app.env" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, p := range []sim.Shown{t.old, t.fresh} {
			if p.ID != "" && (bytes.Contains(text, []byte(p.Secret)) || bytes.Contains(text, []byte(p.Key))) {
				err = errors.Join(err, fmt.Errorf("%s holds a pair in clear", d.Name()))
			}
		}
		return err
	})
}
