package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/internal/crashtest"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// ---- the stories -----------------------------------------------------------------------------------------------------

// crashScene is a story before it has a place to be told at.
type crashScene struct {
	name    string
	options stageOptions
	tell    func(context.Context, *crashTeller) error
}

// crashStory builds a stage in a folder of its own and tells a scene on it.
func crashStory(tb testing.TB, sc crashScene) crashtest.Story {
	root := crashFolder(tb)
	return crashtest.Story{Name: sc.name, Play: func(ctx context.Context, s *crashtest.Stopper) error {
		return sc.on(ctx, root, s, func(t *crashTeller) error { return sc.tell(ctx, t) })
	}}
}

// on builds the stage, lets play have it, and takes it away.
func (sc crashScene) on(ctx context.Context, root string, s *crashtest.Stopper, play func(*crashTeller) error) (err error) {
	dir, err := os.MkdirTemp(root, "stage-*")
	if err != nil {
		return err
	}
	t, err := newCrashTeller(ctx, dir, s, sc.options)
	if t != nil {
		defer func() { err = errors.Join(err, t.close(), os.RemoveAll(dir)) }()
	}
	if err != nil {
		return err
	}
	return play(t)
}

func (t *crashTeller) adopt(ctx context.Context) error {
	return t.insist(ctx, func() error {
		_, _, err := t.shop.rt.Adopt(ctx, rotator.Adoption{Credential: demoName, Who: "person", Created: t.old.CreatedAt})
		return err
	})
}

// crashFresh is the whole journey: adopted, due, closed.
func crashFresh(ctx context.Context, t *crashTeller) error {
	if err := errors.Join(t.adopt(ctx), t.until(ctx, cameTo(rotator.Closed))); err != nil {
		return err
	}
	all, err := t.shop.ledger.Rotations(ctx, demoName)
	if err == nil && !crashBuried(all) {
		err = errors.New("nobody watches the dead pair")
	}
	return errors.Join(err, t.ended(ctx, rotator.Closed, rotator.Dead, rotator.Current))
}

// crashLate is the fresh story with a person who leaves when the paste is not answered, and pastes again when the rotation
// has gone on: the answer must be that the pair is here, not that it is unwanted.
func crashLate(ctx context.Context, t *crashTeller) error {
	t.leaves, t.away = true, 24*time.Hour
	return crashFresh(ctx, t)
}

// crashRollback begins where a person who is asked to revoke asks to go back instead.
func crashRollback(ctx context.Context, t *crashTeller) error {
	t.stop.Pause()
	if err := errors.Join(t.adopt(ctx), t.until(ctx, cameTo(rotator.AwaitingRevocation))); err != nil {
		return err
	}
	t.stop.Begin()
	t.back = 1
	if err := errors.Join(t.say(ctx, rotator.Saying{Kind: rotator.RollBack}), t.until(ctx, crashBuried)); err != nil {
		return err
	}
	return t.ended(ctx, rotator.RolledBack, rotator.Current, rotator.Dead)
}

// crashAbandon begins where a person changes their mind right after the paste, before anything was written.
func crashAbandon(ctx context.Context, t *crashTeller) error {
	t.stop.Pause()
	taken := func([]rotator.Rotation) bool { return t.receipt != nil }
	if err := errors.Join(t.adopt(ctx), t.until(ctx, taken)); err != nil {
		return err
	}
	t.stop.Begin()
	if err := errors.Join(t.say(ctx, rotator.Saying{Kind: rotator.Abandon}), t.until(ctx, crashBuried)); err != nil {
		return err
	}
	return t.ended(ctx, rotator.Abandoned, rotator.Current, rotator.Dead)
}

// crashFirst brings a first key to a file that holds none, for a consumer that can show nothing.
func crashFirst(ctx context.Context, t *crashTeller) error {
	waiver := rotator.Saying{Kind: rotator.WaiveIt, Target: "consumer:app", Text: "it has no proof yet", For: 24 * time.Hour}
	if err := errors.Join(t.say(ctx, waiver), t.until(ctx, cameTo(rotator.Closed))); err != nil {
		return err
	}
	return t.ended(ctx, rotator.Closed, "", rotator.Current)
}

func crashScenes() []crashScene {
	used := stageOptions{Age: demoAge}
	return []crashScene{
		{"fresh", used, crashFresh},
		{"rollback", used, crashRollback},
		{"abandon", used, crashAbandon},
		{"first key", stageOptions{}, crashFirst},
		{"late paste", used, crashLate},
	}
}

// crashFolder is in memory where that can be had: what a disk does to a ledger is the ledger's own test.
func crashFolder(tb testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "quarterturn-crash-*")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// ---- the tests -------------------------------------------------------------------------------------------------------

// crashPick takes every point where QUARTERTURN_CRASH says all, as make test-crash does. Elsewhere: in the fresh story each
// external effect in its four positions and one fault for each kind of call, and everywhere the death after each write,
// applied and unanswered, which is every state that a death can leave in the ledger.
func crashPick(story string) func(crashtest.Point) bool {
	all := os.Getenv("QUARTERTURN_CRASH") == "all"
	return func(p crashtest.Point) bool {
		fresh, paste := story == "fresh", p.Call == "keep" || p.Call == "read back"
		switch {
		case story == "late paste":
			return paste
		case all, p.At == crashtest.Unanswered:
			return true
		case p.At.Stops():
			return fresh && (p.External || paste)
		}
		return fresh && p.N == 1
	}
}

// TestCrashPoints names the promise: killed anywhere, the next run goes on from what has been proven (L-1, L-2), no
// consumer is left with a dead or mixed pair (I-1, I-3), no pasted pair is lost (I-5), nothing is written twice (I-7), no
// revocation is asked for the pair in use (I-10), the trail stays whole (I-14) and nothing spills (I-18). The floors are
// what the stories had when they were written, a little less: points that vanish are noticed.
func TestCrashPoints(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // many short worlds: collecting them is a third of the time
	floors := map[string]struct{ points, runs int }{
		"fresh": {550, 190}, "rollback": {330, 50}, "abandon": {240, 35}, "first key": {120, 15}, "late paste": {550, 9}}
	var sum crashtest.Report
	for _, sc := range crashScenes() {
		st := crashStory(t, sc)
		r, err := st.Run(t.Context(), 2, crashPick(st.Name))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			t.Error(f)
		}
		if floor := floors[st.Name]; r.Points < floor.points || r.Runs < floor.runs {
			t.Errorf("%s has %d points and %d runs, fewer than %v: points were lost", st.Name, r.Points, r.Runs, floor)
		}
		sum.Add(r)
	}
	t.Log(sum)
	if testing.Verbose() {
		fmt.Println(sum)
	}
}

// TestCrashStoriesCanFail breaks one part at a time and wants the story to notice.
func TestCrashStoriesCanFail(t *testing.T) {
	for name, tc := range map[string]struct {
		broken wiring
		want   string
	}{
		"a ledger that forgets the intent of a redeploy": {crashLedger(func(l rotator.Ledger) rotator.Ledger { return forgetsIntent{l} }),
			"without a recorded intent"},
		"a ledger that loses a pair": {crashLedger(func(l rotator.Ledger) rotator.Ledger { return losesPair{l} }), "read back"},
		"a place that writes half a pair": {crashHands(func(h rotator.Hands) {
			p := h.Places["env"]
			h.Places["env"] = halfPlace{p, p.(backends.Reader), p.(backends.Checker)}
		}), "mixed"},
		"a pipeline that deploys twice when asked once": {crashHands(func(h rotator.Hands) {
			h.Pipelines["app"] = countedPipeline{h.Pipelines["app"], 2}
		}), "redeploys"},
		"a pipeline that never deploys": {crashHands(func(h rotator.Hands) {
			h.Pipelines["app"] = countedPipeline{h.Pipelines["app"], 0}
		}), "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			st := crashStory(t, crashScene{name, stageOptions{Age: demoAge, Wiring: tc.broken}, crashFresh})
			if _, err := st.Points(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func crashLedger(wrap func(rotator.Ledger) rotator.Ledger) wiring { return wiring{ledger: wrap} }

func crashHands(change func(rotator.Hands)) wiring {
	return wiring{hands: func(c rotator.Credential) rotator.Credential {
		change(c.Hands)
		return c
	}}
}

type forgetsIntent struct{ rotator.Ledger }

func (l forgetsIntent) Record(ctx context.Context, c rotator.Change) (int64, error) {
	if i := c.Rotation.Facts.Intent; i != nil && i.Do == rotator.Redeploy {
		c.Rotation.Facts.Intent = nil
	}
	return l.Ledger.Record(ctx, c)
}

type losesPair struct{ rotator.Ledger }

func (losesPair) Keep(context.Context, rotator.Pair, rotator.Word, ...rotator.Event) error {
	return nil
}

type halfPlace struct {
	backends.Place
	backends.Reader
	backends.Checker
}

func (p halfPlace) Put(ctx context.Context, w backends.Write) error {
	w.Material = secret.Material{"key": w.Material["key"], "secret": secret.New("the-other-half-is-of-another-pair")}
	return p.Place.Put(ctx, w)
}

// countedPipeline deploys so many times whenever it is asked once.
type countedPipeline struct {
	cicd.Pipeline
	times int
}

func (p countedPipeline) Redeploy(ctx context.Context, once string) (cicd.Run, error) {
	run := cicd.Run{Once: once, State: cicd.Succeeded}
	for range p.times {
		var err error
		if run, err = p.Pipeline.Redeploy(ctx, once); err != nil {
			return run, err
		}
	}
	return run, nil
}
