package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"quarterturn/internal/crashtest"
	"quarterturn/rotator"
)

// leakLane is one way in which a rotation goes.
type leakLane struct {
	name     string
	replaces bool
	tell     func(*leakWorld) error
}

func leakLanes() []leakLane {
	return []leakLane{
		{"routine", false, func(w *leakWorld) error { return w.until(cameTo(rotator.Closed)) }},
		{"compromised", false, func(w *leakWorld) error {
			w.said("alice@acme.example", "", "rotate", demoName, "--compromised", "--reason", "it stood in a chat")
			return w.until(over)
		}},
		{"rollback", false, func(w *leakWorld) error {
			err := w.until(cameTo(rotator.Verified))
			return errors.Join(err, w.said("alice@acme.example", "", "rollback", demoName, "--reason", "it was a drill"), w.until(over))
		}},
		{"replace", true, func(w *leakWorld) error { return w.until(over) }},
		{"abandoned", false, func(w *leakWorld) error {
			err := w.until(cameTo(rotator.AwaitingKey))
			return errors.Join(err, w.paste(), w.said("alice@acme.example", "", "abandon", demoName, "--reason", "wrong day"), w.until(over))
		}},
		{"burial", false, func(w *leakWorld) error { return w.until(crashBuried) }},
	}
}

func over(all []rotator.Rotation) bool {
	last := chosen(all, false)
	return len(last) == 1 && last[0].State.Over()
}

// leakTelling is what one rotation came to.
type leakTelling struct {
	seed  uint64
	lane  string
	end   string
	what  string // what was injected
	hit   bool   // and it happened
	count leakCount
	err   error
}

// tellLeak plays one rotation in a folder of its own. points are those of the lane: one of them goes wrong, or a vendor
// and a service that repeat what they hear.
func tellLeak(ctx context.Context, root string, lane leakLane, seed uint64, points []crashtest.Point) leakTelling {
	told := leakTelling{seed: seed, lane: lane.name}
	dir, err := os.MkdirTemp(root, "leak-*")
	if err != nil {
		told.err = err
		return told
	}
	defer func() { told.err = errors.Join(told.err, os.RemoveAll(dir)) }()
	o := leakOptions{Dir: dir, Seed: seed, Replaces: lane.replaces}
	if len(points) > 0 {
		o.Stop = &points[int(seed*2654435761)%len(points)]
		told.what = string(o.Stop.At)
	}
	w, err := newLeakWorld(ctx, o)
	if err != nil {
		told.err = err
		return told
	}
	defer func() { told.err = errors.Join(told.err, w.end()) }()
	told.err = errors.Join(w.play(lane), w.collect())
	told.end, told.hit = w.ended, w.stop.Hit()
	told.count = w.book.read(w.pairs)
	if told.count.Own == 0 {
		told.err = errors.Join(told.err, errors.New("no canary was seen where it belongs: the harness is blind"))
	}
	return told
}

func (w *leakWorld) play(lane leakLane) error {
	if err := w.said("alice@acme.example", "", "adopt", demoName, "--created", w.old.CreatedAt.Format(time.RFC3339)); err != nil {
		return err
	}
	w.injects()
	w.stop.Begin()
	err := lane.tell(w)
	r, _ := w.journey(w.ctx)
	w.ended = string(r.State)
	if err != nil {
		return fmt.Errorf("in %s: %s (%s): %w", r.State, r.Why, r.Command, err)
	}
	return w.tour(2)
}

// injects chooses what the machines outside do wrong.
func (w *leakWorld) injects() {
	statuses := []int{http.StatusOK, http.StatusFound, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusTemporaryRedirect, http.StatusServiceUnavailable, http.StatusNotFound}
	for range w.rng.IntN(4) {
		w.vendor.annoy(w.parrot(statuses[w.rng.IntN(len(statuses))]))
		w.health.annoy(w.parrot(statuses[w.rng.IntN(len(statuses))]))
		w.people.annoy(w.parrot(statuses[w.rng.IntN(len(statuses))]))
	}
	if w.rng.IntN(4) == 0 {
		w.service.FailRestarts(1)
	}
}

// ---- the tests -------------------------------------------------------------------------------------------------------

// leakAll is what make test-leak asks for.
func leakAll() bool { return os.Getenv("QUARTERTURN_LEAK") == "all" }

func leakSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("QUARTERTURN_LEAK_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// leakTemp gives this process a folder for temporary files that nobody else writes to.
func leakTemp(t *testing.T) string {
	t.Helper()
	root := crashFolder(t)
	t.Setenv("TMPDIR", root+"/tmp")
	if err := os.Mkdir(root+"/tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestLeak is I-18 under load: rotations in every lane, with one fault or stop at a chosen point of each, among machines
// that repeat what they hear. make test-leak plays 1,000. One again: QUARTERTURN_LEAK_SEED=N plays N to N+5.
func TestLeak(t *testing.T) {
	rotations := 6
	if leakAll() {
		rotations = 1000
	}
	root, seed := leakTemp(t), leakSeed(t)
	points := leakPoints(t, root)
	sum := leakSum{ends: map[string]int{}, began: time.Now(), want: rotations}
	queue := make(chan int)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range queue {
				lane := leakLanes()[i%len(leakLanes())]
				sum.note(t, tellLeak(t.Context(), root, lane, seed+uint64(i), points[lane.name]))
			}
		})
	}
	for i := range rotations {
		queue <- i
	}
	close(queue)
	group.Wait()
	fmt.Print(sum.String())
}

// leakPoints are the points of each lane, from a telling with nothing wrong.
func leakPoints(t *testing.T, root string) map[string][]crashtest.Point {
	t.Helper()
	points := map[string][]crashtest.Point{}
	for _, lane := range leakLanes() {
		dir, err := os.MkdirTemp(root, "points-*")
		if err != nil {
			t.Fatal(err)
		}
		w, err := newLeakWorld(t.Context(), leakOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		w.said("alice@acme.example", "", "adopt", demoName, "--created", w.old.CreatedAt.Format(time.RFC3339))
		w.stop.Begin()
		if err := errors.Join(lane.tell(w), w.end(), os.RemoveAll(dir)); err != nil {
			t.Fatalf("%s, with nothing going wrong: %v", lane.name, err)
		}
		points[lane.name] = w.stop.Points()
	}
	return points
}

// leakSum adds tellings up.
type leakSum struct {
	mu     sync.Mutex
	began  time.Time
	want   int
	told   int
	hit    int
	count  leakCount
	ends   map[string]int
	broken int
}

func (s *leakSum) note(t *testing.T, told leakTelling) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told++
	s.count.add(told.count)
	s.ends[told.lane+" → "+told.end]++
	if told.hit {
		s.hit++
	}
	if told.err != nil {
		t.Errorf("seed %d, %s, %s: %v", told.seed, told.lane, told.what, told.err)
	}
	for _, f := range told.count.Findings {
		t.Errorf("seed %d, %s, %s: %s", told.seed, told.lane, told.what, f)
	}
	if s.told%100 == 0 {
		fmt.Printf("leak: %d of %d rotations, %d hits, %s\n", s.told, s.want, len(s.count.Findings), time.Since(s.began).Round(time.Second))
	}
}

func (s *leakSum) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "leak: %d rotations in this process, an injected stop or fault hit in %d\n", s.told, s.hit)
	for _, end := range slices.Sorted(maps.Keys(s.ends)) {
		fmt.Fprintf(&b, "  %-30s %12d\n", end, s.ends[end])
	}
	return b.String() + s.count.table()
}
