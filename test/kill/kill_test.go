package kill

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fate is how many worlds there are, and how much happens in each.
type fate struct {
	seed           uint64
	worlds, atOnce int
	kills          int           // in each world
	longest        time.Duration // of a world's storm
	patience       time.Duration // from then until a world is given up
}

// chosen reads QUARTERTURN_KILL: "" is the sample, "all" everything, a number so many kills, "seed:N" one world again, whose
// decisions are the same and whose moments can't be.
func chosen(t *testing.T) fate {
	v := os.Getenv("QUARTERTURN_KILL")
	n, err := strconv.Atoi(v)
	switch {
	case err == nil && n > 0:
		return fate{seed: uint64(time.Now().UnixNano()), worlds: (n + 39) / 40, atOnce: 7, kills: 40, longest: 8 * time.Minute, patience: recovery}
	case v == "":
		return fate{seed: 1, worlds: 1, atOnce: 1, kills: 12, longest: 5 * time.Minute, patience: recovery}
	case v == "all":
		return fate{seed: uint64(time.Now().UnixNano()), worlds: 50, atOnce: 7, kills: 40, longest: 8 * time.Minute, patience: recovery}
	case strings.HasPrefix(v, "seed:"):
		seed, err := strconv.ParseUint(strings.TrimPrefix(v, "seed:"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return fate{seed: seed, worlds: 1, atOnce: 1, kills: 40, longest: 8 * time.Minute, patience: recovery}
	default:
		t.Fatalf("QUARTERTURN_KILL is %q: leave it out, or use all, a number or seed:N", v)
		return fate{}
	}
}

// TestKill is the storm over many worlds.
func TestKill(t *testing.T) {
	f, n := chosen(t), newTally()
	l := newLives(2)
	say("seed %d: %d worlds, %d kills in each", f.seed, f.worlds, f.kills)
	began := time.Now()
	wrong := f.storms(t, program.path(t), l, n)
	n.table(l)
	say("%d worlds, %d journeys, %d processes killed by SIGKILL, %d violations, %d repairs by hand, %s", n.worlds, n.journeys, n.sum(),
		len(wrong), repairs(wrong), time.Since(began).Round(time.Second))
	for _, what := range wrong {
		t.Error(what)
	}
	if n.sum() < f.worlds*f.kills {
		t.Errorf("%d processes were killed, and not %d", n.sum(), f.worlds*f.kills)
	}
}

func repairs(wrong []string) (n int) {
	for _, what := range wrong {
		if strings.Contains(what, "a repair is asked for") {
			n++
		}
	}
	return n
}

// storms runs the worlds, some at once, and returns what was wrong in them.
func (f fate) storms(t *testing.T, bin string, l *lives, n *tally) (wrong []string) {
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, f.atOnce)
	for i := range f.worlds {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			found := f.one(t, i, bin, l, n)
			mu.Lock()
			defer mu.Unlock()
			wrong = append(wrong, found...)
			if f.worlds > 1 {
				say("  %3d worlds begun, %4d kills, %d violations", i+1, n.sum(), len(wrong))
			}
		})
	}
	all.Wait()
	return wrong
}

// one is the life of one world. Each violation names how to see that world again.
func (f fate) one(t *testing.T, i int, bin string, l *lives, n *tally) []string {
	seed := f.seed + uint64(i)
	again := "\n    again: QUARTERTURN_KILL=seed:" + strconv.FormatUint(seed, 10) + " go test -count=1 -run '^TestKill$' ./test/kill"
	dir := filepath.Join(t.TempDir(), strconv.Itoa(i))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return []string{err.Error()}
	}
	w, err := raise(dir, bin, seed, l, n)
	if err != nil {
		return []string{"no world can be raised: " + err.Error() + again}
	}
	f.live(w)
	var wrong []string
	for _, what := range w.violations() {
		wrong = append(wrong, what+again)
	}
	if err := w.close(); err != nil {
		wrong = append(wrong, err.Error())
	}
	return wrong
}

// live is the storm and the calm after it.
func (f fate) live(w *world) {
	watching, stop := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() { w.watch(watching) })
	p := &person{world: w, todo: lanes(w)}
	w.storms(f, p)
	p.settle(f.patience)
	stop()
	watch.Wait()
}

// lanes begins with another one in each world.
func lanes(w *world) []lane {
	all := []lane{routine, rollback, compromised, hurried}
	n := int(w.seed % uint64(len(all)))
	return append(all[n:], all[:n]...)
}

// storms lets the person and two runners work and be killed until there were enough kills.
func (w *world) storms(f fate, p *person) {
	ctx, cancel := context.WithTimeout(context.Background(), f.longest)
	defer cancel()
	w.armed = true
	var all sync.WaitGroup
	all.Go(func() { p.live(ctx) })
	for range 2 {
		all.Go(func() { w.runner(ctx) })
	}
	for ctx.Err() == nil && w.killed() < f.kills && len(w.violations()) == 0 {
		w.nap(ctx, 20*time.Millisecond)
	}
	w.locked(func() { w.armed = false })
	cancel()
	all.Wait()
}

func (w *world) killed() (n int) {
	w.locked(func() { n = len(w.kills) })
	return n
}

// runner is a CronJob that is in a hurry. 1 is a transient failure: another process was killed, or works on it.
func (w *world) runner(ctx context.Context) {
	for ctx.Err() == nil {
		if o := w.storm("", "run"); !o.killed && o.code != 0 && o.code != 1 {
			w.violation("run: exit code %d: %s", o.code, o.said)
		}
		w.nap(ctx, 400*time.Millisecond)
	}
}
