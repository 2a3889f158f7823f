package crashtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// The parts below are as small as parts can be: one file, one service, a ledger of one row.

type file struct {
	held     string
	versions int
	careless bool // a repeated write adds a version
}

func (f *file) Put(_ context.Context, w backends.Write) error {
	if f.held != w.Slot || f.careless {
		f.held, f.versions = w.Slot, f.versions+1
	}
	return nil
}

func (f *file) Observe(context.Context) (backends.Holding, error) {
	return backends.Holding{Version: fmt.Sprint(f.versions), Label: f.held}, nil
}

type service struct{ runs int }

func (s *service) Redeploy(_ context.Context, once string) (cicd.Run, error) {
	s.runs++
	return cicd.Run{Once: once, State: cicd.Succeeded}, nil
}

func (*service) Find(context.Context, string) (cicd.Run, error) { return cicd.Run{}, cicd.ErrNoRun }

// row is a ledger of one rotation. forgets: what is recorded before an effect is acknowledged and not kept.
type row struct {
	rotator.Ledger
	r       rotator.Rotation
	calls   int
	forgets bool
}

func (l *row) Rotations(context.Context, string) ([]rotator.Rotation, error) {
	return []rotator.Rotation{l.r}, nil
}

func (l *row) Record(_ context.Context, c rotator.Change) (int64, error) {
	if l.forgets && c.Rotation.Facts.Intent != nil {
		return l.r.Rev + 1, nil
	}
	c.Rotation.Rev = l.r.Rev + 1
	l.r = c.Rotation
	return l.r.Rev, nil
}

func (l *row) Log(context.Context, rotator.Call) error {
	l.calls++
	return nil
}

type vendor struct{ asked int }

func (v *vendor) Probe(context.Context, secret.Material) (vendors.Reading, error) {
	v.asked++
	return vendors.Reading{Verdict: vendors.Accepted, Host: "vendor.example"}, nil
}

// toy is a world whose worker writes, redeploys and asks, declaring each effect first, and goes on from its row.
type toy struct {
	file    *file
	service *service
	row     *row
	vendor  *vendor
	stop    *Stopper
	hasty   bool // the worker redeploys before it declared it
}

func newToy(s *Stopper) *toy {
	return &toy{file: &file{}, service: &service{}, row: &row{r: rotator.Rotation{ID: "r", State: rotator.Staged}},
		vendor: &vendor{}, stop: s}
}

// toyStory ends well when everything was done, whatever died on the way.
func toyStory(change func(*toy)) Story {
	return Story{Name: "toy", Play: func(ctx context.Context, s *Stopper) error {
		t := newToy(s)
		change(t)
		for range 5 {
			l, h := s.Ledger(t.row), s.Hands(t.credential()).Hands
			died, err := s.Process(func() error { return t.work(ctx, l, h) })
			if died {
				s.Restart()
			}
			if err == nil && !died {
				return t.end()
			}
		}
		return errors.New("the toy never ended")
	}}
}

func (t *toy) credential() rotator.Credential {
	return rotator.Credential{Hands: rotator.Hands{Places: map[string]backends.Place{"env": t.file},
		Pipelines: map[string]cicd.Pipeline{"app": t.service}, Provers: map[string]cicd.Prover{"app": proof{}}, Prober: t.vendor}}
}

type proof struct{}

func (proof) Best() cicd.Use { return cicd.Reported }
func (proof) Prove(context.Context, cicd.Want, time.Time) (cicd.Fact, error) {
	return cicd.Fact{Use: cicd.Reported}, nil
}

func (t *toy) work(ctx context.Context, l rotator.Ledger, h rotator.Hands) error {
	if t.row.r.State == rotator.Staged {
		if err := t.effect(ctx, l, rotator.Put, "env", func() error {
			return h.Places["env"].Put(ctx, backends.Write{Slot: "new"})
		}); err != nil {
			return err
		}
		if err := t.move(ctx, l, rotator.Distributed); err != nil {
			return err
		}
	}
	if t.row.r.State == rotator.Distributed {
		if err := t.redeploy(ctx, l, h); err != nil {
			return err
		}
	}
	if rd, err := h.Prober.Probe(ctx, nil); err != nil || rd.Verdict != vendors.Accepted {
		return errors.Join(err, errors.New("unclear"))
	}
	return l.Log(ctx, rotator.Call{})
}

func (t *toy) redeploy(ctx context.Context, l rotator.Ledger, h rotator.Hands) error {
	ask := func() error {
		_, err := h.Pipelines["app"].Redeploy(ctx, "once")
		return err
	}
	if t.hasty {
		if err := ask(); err != nil {
			return err
		}
	}
	if err := t.effect(ctx, l, rotator.Redeploy, "app", ask); err != nil {
		return err
	}
	return t.move(ctx, l, rotator.Redeployed)
}

func (t *toy) effect(ctx context.Context, l rotator.Ledger, do rotator.Action, target string, act func() error) error {
	r := t.row.r
	r.Facts.Intent = &rotator.Intent{Do: do, Target: target}
	e := rotator.Event{Kind: "intent", Data: map[string]string{"do": string(do), "target": target}}
	if _, err := l.Record(ctx, rotator.Change{Rotation: r, Events: []rotator.Event{e}}); err != nil {
		return err
	}
	return act()
}

func (t *toy) move(ctx context.Context, l rotator.Ledger, to rotator.State) error {
	r := t.row.r
	r.State, r.Facts.Intent = to, nil
	_, err := l.Record(ctx, rotator.Change{Rotation: r, Events: []rotator.Event{{Kind: "moved", To: to}}})
	return err
}

func (t *toy) end() error {
	if t.file.held != "new" || t.row.r.State != rotator.Redeployed || t.row.calls == 0 {
		return fmt.Errorf("it ended %s with %q", t.row.r.State, t.file.held)
	}
	return nil
}

func TestEveryPointOfASoundStoryEndsWell(t *testing.T) {
	r, err := toyStory(func(*toy) {}).Run(t.Context(), 2, nil)
	if err != nil || len(r.Findings) > 0 {
		t.Fatalf("%v %v", r.Findings, err)
	}
	// 3 effects in 6 positions, 5 writes of the ledger in 5.
	if r.Points != 3*6+5*5 || r.Runs != r.Points {
		t.Errorf("got %s", r)
	}
	if got := r.String(); got != "crash points: 43 runs over 43 points in 1 stories, 0 broken" {
		t.Errorf("got %q", got)
	}
}

func TestPointsAreNamedInOrder(t *testing.T) {
	points, err := toyStory(func(*toy) {}).Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, p := range points {
		if p.At == Before {
			calls = append(calls, p.String())
		}
	}
	want := []string{"record intent put env#1 before", "put env#1 before", "record move to distributed#1 before",
		"record intent redeploy app#1 before", "redeploy app#1 before", "record move to redeployed#1 before", "probe#1 before",
		"log#1 before"}
	if !slices.Equal(calls, want) {
		t.Errorf("got %q", calls)
	}
}

func TestBrokenPartsAreFound(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*toy)
		want   string
	}{
		"a ledger that loses a record":       {func(t *toy) { t.row.forgets = true }, "without a recorded intent"},
		"a worker that declares too late":    {func(t *toy) { t.hasty = true }, "without a recorded intent"},
		"a place that repeats":               {func(t *toy) { t.file.careless = true }, "I-7"},
		"a worker that goes on from nowhere": {func(t *toy) { t.row.r.State = rotator.Closed }, "it ended"},
	} {
		t.Run(name, func(t *testing.T) {
			st := toyStory(tc.change)
			r, err := st.Run(t.Context(), 2, nil)
			all := fmt.Sprint(err, r.Findings)
			if !strings.Contains(all, tc.want) {
				t.Errorf("got %s", all)
			}
		})
	}
}

// TestARepeatingPlaceShowsOnlyAfterADeath: without one, nothing is written twice.
func TestARepeatingPlaceShowsOnlyAfterADeath(t *testing.T) {
	st := toyStory(func(t *toy) { t.file.careless = true })
	if err := st.At(t.Context(), Point{Call: "put env", N: 1, At: Before}); err != nil {
		t.Errorf("before: %v", err)
	}
	for _, at := range []Position{Unanswered, Unrecorded} {
		if err := st.At(t.Context(), Point{Call: "put env", N: 1, At: at}); err == nil || !strings.Contains(err.Error(), "I-7") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if err := st.At(t.Context(), Point{Call: "put env", N: 1, At: Recorded}); err != nil {
		t.Errorf("after the record: %v", err)
	}
}

func TestAPointThatIsNeverReachedIsAnError(t *testing.T) {
	err := toyStory(func(*toy) {}).At(t.Context(), Point{Call: "put env", N: 2, At: Before})
	if !errors.Is(err, ErrMissed) {
		t.Errorf("got %v", err)
	}
}

// TestPositions says for each position what was applied, and whether the process died.
func TestPositions(t *testing.T) {
	for at, want := range map[Position]struct {
		runs, rev int
		died      bool
		err       error
	}{
		Before:     {0, 0, true, nil},
		Unanswered: {1, 0, true, nil},
		Unrecorded: {1, 0, true, nil},
		Recorded:   {1, 1, true, nil},
		Failed:     {0, 0, false, ErrFault},
		Lost:       {1, 0, false, ErrFault},
	} {
		s := New(&Point{Call: "redeploy app", N: 1, At: at})
		toy := newToy(s)
		l, h := s.Ledger(toy.row), s.Hands(toy.credential()).Hands
		died, err := s.Process(func() error {
			if _, err := h.Pipelines["app"].Redeploy(t.Context(), "once"); err != nil {
				return err
			}
			_, err := l.Record(t.Context(), rotator.Change{Rotation: toy.row.r})
			return err
		})
		if died != want.died || !errors.Is(err, want.err) || toy.service.runs != want.runs || int(toy.row.r.Rev) != want.rev || !s.Hit() {
			t.Errorf("%s: died %v, %v, %d runs, rev %d", at, died, err, toy.service.runs, toy.row.r.Rev)
		}
		if s.Stopping() != want.died {
			t.Errorf("%s stops: %v", at, s.Stopping())
		}
	}
}

// TestTheDeadStayDead: nothing that was wired for a dead process reaches anything, even when the panic was caught.
func TestTheDeadStayDead(t *testing.T) {
	s := New(&Point{Call: "put env", N: 1, At: Before})
	toy := newToy(s)
	l, h := s.Ledger(toy.row), s.Hands(toy.credential()).Hands
	died, err := s.Process(func() error {
		defer func() {
			_ = recover() // what production code must never do
			if _, err := l.Record(t.Context(), rotator.Change{}); !errors.Is(err, ErrDead) {
				t.Errorf("the ledger answered a dead process: %v", err)
			}
		}()
		return h.Places["env"].Put(t.Context(), backends.Write{Slot: "new"})
	})
	if !died || err != nil {
		t.Errorf("died %v, %v", died, err)
	}
	s.Restart()
	if _, err := h.Prober.Probe(t.Context(), nil); !errors.Is(err, ErrDead) || toy.vendor.asked != 0 {
		t.Errorf("the vendor answered a dead process: %v", err)
	}
	if err := s.Ledger(toy.row).Log(t.Context(), rotator.Call{}); err != nil {
		t.Errorf("the next process: %v", err)
	}
}

// TestAProcessThatRecordsNothingMoreDiesAtItsEnd: nobody hears its answer.
func TestAProcessThatRecordsNothingMoreDiesAtItsEnd(t *testing.T) {
	s := New(&Point{Call: "probe", N: 1, At: Recorded})
	h := s.Hands(newToy(s).credential()).Hands
	died, err := s.Process(func() error {
		_, err := h.Prober.Probe(t.Context(), nil)
		return err
	})
	if !died || err != nil {
		t.Errorf("died %v, %v", died, err)
	}
}

func TestOtherPanicsPass(t *testing.T) {
	defer func() {
		if recover() != "a bug" {
			t.Error("a panic of the code under test was swallowed")
		}
	}()
	_, _ = New(nil).Process(func() error { panic("a bug") })
}

// TestALostProbeIsUnclear: the contract knows no error for a call that was made.
func TestALostProbeIsUnclear(t *testing.T) {
	s := New(&Point{Call: "probe", N: 1, At: Lost})
	toy := newToy(s)
	rd, err := s.Hands(toy.credential()).Hands.Prober.Probe(t.Context(), nil)
	if err != nil || rd.Verdict != vendors.Unclear || rd.Host == "" || toy.vendor.asked != 1 {
		t.Errorf("got %+v, %v", rd, err)
	}
}

func TestPausedCallsAreNoPoints(t *testing.T) {
	s := New(nil)
	l := s.Ledger(newToy(s).row)
	s.Pause()
	_ = l.Log(t.Context(), rotator.Call{})
	s.Begin()
	_ = l.Log(t.Context(), rotator.Call{})
	if n := len(s.Points()); n != len(write.positions()) {
		t.Errorf("got %d points", n)
	}
}

// ---- powers ----------------------------------------------------------------------------------------------------------

type reads struct{ *file }

func (reads) Read(context.Context) (secret.Material, error) {
	return secret.Material{"key": secret.New("k")}, nil
}

type checks struct{ *file }

func (checks) Check(context.Context) (backends.Readiness, error) {
	return backends.Readiness{Fencing: "version"}, nil
}

type both struct {
	*file
	reads
	checks
}

func (b both) Put(ctx context.Context, w backends.Write) error       { return b.file.Put(ctx, w) }
func (b both) Observe(ctx context.Context) (backends.Holding, error) { return b.file.Observe(ctx) }

// TestPowersStay: what an adapter can do beyond its contract can be done through the wrapper, and nothing else.
func TestPowersStay(t *testing.T) {
	f := &file{}
	for name, tc := range map[string]struct {
		place         backends.Place
		reads, checks bool
	}{"none": {f, false, false}, "reads": {reads{f}, true, false}, "checks": {checks{f}, false, true},
		"both": {both{f, reads{f}, checks{f}}, true, true}} {
		s := New(nil)
		c := s.Hands(rotator.Credential{Hands: rotator.Hands{Places: map[string]backends.Place{"env": tc.place}}})
		r, canRead := c.Hands.Places["env"].(backends.Reader)
		k, canCheck := c.Hands.Places["env"].(backends.Checker)
		if canRead != tc.reads || canCheck != tc.checks {
			t.Errorf("%s: reads %v, checks %v", name, canRead, canCheck)
		}
		if canRead {
			if m, err := r.Read(t.Context()); err != nil || m["key"].Empty() {
				t.Errorf("%s: read %v", name, err)
			}
		}
		if canCheck {
			if ready, err := k.Check(t.Context()); err != nil || ready.Fencing != "version" {
				t.Errorf("%s: check %v", name, err)
			}
		}
	}
}

type drains struct{ *service }

func (drains) Stale(context.Context, time.Time, time.Time) ([]cicd.Run, error) {
	return []cicd.Run{{ID: "reader"}}, nil
}

type readyPipeline struct{ *service }

func (readyPipeline) Check(context.Context) (cicd.Readiness, error) {
	return cicd.Readiness{Notes: []string{"note"}}, nil
}

type readyDrains struct {
	drains
}

func (readyDrains) Check(context.Context) (cicd.Readiness, error) {
	return cicd.Readiness{Notes: []string{"note"}}, nil
}

func TestPowersOfPipelinesStay(t *testing.T) {
	sv := &service{}
	for name, tc := range map[string]struct {
		pipeline       cicd.Pipeline
		drains, checks bool
	}{"none": {sv, false, false}, "drains": {drains{sv}, true, false}, "checks": {readyPipeline{sv}, false, true},
		"both": {readyDrains{drains{sv}}, true, true}} {
		s := New(nil)
		c := s.Hands(rotator.Credential{Hands: rotator.Hands{Pipelines: map[string]cicd.Pipeline{"app": tc.pipeline}}})
		d, canDrain := c.Hands.Pipelines["app"].(cicd.Drainer)
		k, canCheck := c.Hands.Pipelines["app"].(cicd.Checker)
		if canDrain != tc.drains || canCheck != tc.checks {
			t.Errorf("%s: drains %v, checks %v", name, canDrain, canCheck)
		}
		if canDrain {
			if runs, err := d.Stale(t.Context(), time.Time{}, time.Time{}); err != nil || len(runs) != 1 {
				t.Errorf("%s: %v %v", name, runs, err)
			}
		}
		if canCheck {
			if ready, err := k.Check(t.Context()); err != nil || len(ready.Notes) != 1 {
				t.Errorf("%s: %v %v", name, ready, err)
			}
		}
	}
}

func TestRedeploysAndVersionsAreCounted(t *testing.T) {
	s := New(nil)
	h := s.Hands(newToy(s).credential()).Hands
	for _, once := range []string{"a", "a", "b"} {
		if _, err := h.Pipelines["app"].Redeploy(t.Context(), once); err != nil {
			t.Fatal(err)
		}
	}
	_ = h.Places["env"].Put(t.Context(), backends.Write{Slot: "new"})
	if tries, keys := s.Redeploys("app"); tries != 3 || keys != 2 || s.Versions("env", "new") != 1 {
		t.Errorf("got %d tries with %d keys, %d versions", tries, keys, s.Versions("env", "new"))
	}
	if n := len(s.Breaches()); n != 4 { // nothing was declared
		t.Errorf("got %d breaches", n)
	}
}
