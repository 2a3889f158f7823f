package main

import (
	"fmt"
	"hash/fnv"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// deepResult is a line of the table: what was found out about one scene.
type deepResult struct {
	scene    *deepScene
	count    deepCount
	leaves   int
	merged   int
	ran      int
	told     int
	share    string // of all pairs
	findings []deepFinding
	err      error
}

func (r deepResult) broken() int {
	if r.err != nil {
		return len(r.findings) + 1
	}
	return len(r.findings)
}

// deepSearches searches scenes on so many workers, and says when one is done.
func deepSearches(scenes []*deepScene, workers int, search func(*deepScene) *deepSearch, done func(deepResult)) (all []deepResult) {
	all = make([]deepResult, len(scenes))
	queue := make(chan int)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range queue {
				d := search(scenes[i])
				r := deepResult{scene: scenes[i]}
				r.count, r.err = d.start()
				r.share = d.share()
				r.leaves, r.merged, r.ran, r.told, r.findings = d.leaves, d.merged, d.ran, d.told, d.findings
				mu.Lock()
				all[i] = r
				done(r)
				mu.Unlock()
			}
		})
	}
	for i := range scenes {
		queue <- i
	}
	close(queue)
	group.Wait()
	return all
}

// share: nothing is left out unless somebody picks, or the search gave up.
func (d *deepSearch) share() string {
	if d.pick != nil || d.limit > 0 && len(d.findings) >= d.limit {
		return "sample"
	}
	return "100 %"
}

func deepHead() string {
	return fmt.Sprintf("%-45s %7s %9s %7s %9s %9s %9s %6s %7s", "crash points, depth 2", "points", "pairs", "covered", "worlds", "merged",
		"processes", "again", "broken")
}

func (r deepResult) line() string {
	return fmt.Sprintf("%-45s %7d %9d %7s %9d %9d %9d %6d %7d", r.scene.name, r.count[1], r.count[2], r.share, r.leaves, r.merged, r.ran, r.told,
		r.broken())
}

func (r *deepResult) add(other deepResult) {
	for k := range r.count {
		r.count[k] += other.count[k]
	}
	r.leaves, r.merged, r.ran, r.told = r.leaves+other.leaves, r.merged+other.merged, r.ran+other.ran, r.told+other.told
	r.share = other.share
	r.findings = append(r.findings, other.findings...)
}

// deepSample takes one way in n, always the same.
func deepSample(n uint32) func([]deepStep) bool {
	return func(steps []deepStep) bool {
		h := fnv.New32a()
		for _, d := range steps {
			_, _ = fmt.Fprintf(h, "%s %s,", d, d.call)
		}
		return h.Sum32()%n == 0
	}
}

// TestCrashTwice names the promise's second word: killed anywhere, twice. With QUARTERTURN_CRASH=all, as make test-crash
// has it, every pair of points of every scene; elsewhere a fixed sample.
func TestCrashTwice(t *testing.T) {
	if strings.Contains(os.Getenv("QUARTERTURN_CRASH"), "/") {
		t.Skip("QUARTERTURN_CRASH names one way: TestCrashAgain tells it")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and many
	all := os.Getenv("QUARTERTURN_CRASH") == "all"
	search := func(sc *deepScene) *deepSearch {
		d := &deepSearch{sc: sc, depth: 2, merges: true, limit: 20, again: deepSample(997)}
		if !all {
			d.pick, d.again = deepSample(29), deepSample(101)
		}
		return d
	}
	deepSay(t, deepHead())
	sum := deepResult{scene: &deepScene{name: "total"}}
	for _, r := range deepSearches(deepScenes(t), 2, search, func(r deepResult) { deepSay(t, r.line()) }) {
		deepReport(t, r)
		sum.add(r)
	}
	deepSay(t, sum.line())
}

func deepSay(t *testing.T, line string) {
	t.Helper()
	if testing.Verbose() {
		fmt.Println(line)
	}
}

func deepReport(t *testing.T, r deepResult) {
	t.Helper()
	if r.err != nil {
		t.Error(r.err)
	}
	for _, f := range r.findings {
		t.Errorf("%s: %s\n  QUARTERTURN_CRASH='%s' go test -run TestCrashAgain -v ./cmd/quarterturn", r.scene.name, f, deepWhere(r.scene, f.steps))
	}
}

// TestCrashAgain tells the one way that QUARTERTURN_CRASH names, call by call.
func TestCrashAgain(t *testing.T) {
	name, way, ok := strings.Cut(os.Getenv("QUARTERTURN_CRASH"), "/")
	if !ok {
		t.Skip("QUARTERTURN_CRASH names no way")
	}
	scenes := deepScenes(t)
	at := slices.IndexFunc(scenes, func(sc *deepScene) bool { return strings.ReplaceAll(sc.name, " ", "-") == name })
	if at < 0 {
		t.Fatalf("there is no scene %q", name)
	}
	steps, err := deepParse(way)
	if err == nil {
		err = scenes[at].again(steps, t.Logf)
	}
	if err != nil {
		t.Error(err)
	}
}
