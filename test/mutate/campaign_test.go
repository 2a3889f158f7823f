package mutate

import (
	"cmp"
	"context"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// campaign is one run over some of the mutants.
type campaign struct {
	*built
	memory *memory
	reach  []reached // by time, the fastest first
}

// survey learns which tests come by which mutants.
func (c *campaign) survey(t *testing.T) {
	t.Helper()
	if all, ok := c.memory.reached(c.digest); ok {
		c.reach = all
		return
	}
	started := time.Now()
	type job struct {
		k    killer
		test string
	}
	var jobs []job
	for _, k := range c.killers {
		tests, err := c.tests(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			jobs = append(jobs, job{k, test})
		}
	}
	all := make([]reached, len(jobs))
	err := parallel(t.Context(), len(jobs), func(i int) (err error) {
		all[i], err = c.built.reach(t.Context(), jobs[i].k, jobs[i].test)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, func(a, b reached) int { return cmp.Compare(a.Took, b.Took) })
	c.reach = all
	withoutStart(all)
	if err := c.memory.keepReached(c.digest, all); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d tests ran once, with no mutant awake, in %s", len(all), time.Since(started).Round(time.Second))
}

// withoutStart takes what a package's process needs to start at all off each test's time.
func withoutStart(all []reached) {
	least := map[string]time.Duration{}
	for _, r := range slices.Backward(all) { // the fastest is last
		least[r.Folder] = r.Took
	}
	for i, r := range all {
		all[i].Took -= least[r.Folder]
	}
	slices.SortStableFunc(all, func(a, b reached) int { return cmp.Compare(a.Took, b.Took) })
}

// fight tries every chosen mutant that has no result yet.
func (c *campaign) fight(t *testing.T, chosen []mutant) []result {
	t.Helper()
	all := make([]result, len(chosen))
	var done, lived atomic.Int64
	said, mu := time.Now(), sync.Mutex{}
	err := parallel(t.Context(), len(chosen), func(i int) (err error) {
		all[i], err = c.one(t.Context(), chosen[i])
		if done.Add(1); err == nil && !all[i].dead() {
			lived.Add(1)
		}
		mu.Lock()
		defer mu.Unlock()
		if time.Since(said) > 20*time.Second {
			t.Logf("%d of %d mutants tried, %d live", done.Load(), len(chosen), lived.Load())
			said = time.Now()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (c *campaign) one(ctx context.Context, m mutant) (result, error) {
	before := c.memory.get(m.name)
	if before.Digest == c.digest && before.Outcome != "" {
		return before, nil
	}
	order := batches(c.reach, m.id)
	if before.Outcome == killed {
		order = c.hinted(before, order)
	}
	r, err := c.try(ctx, m.id, order)
	if err != nil {
		return r, err
	}
	r.Name, r.Digest = m.name, c.digest
	return r, c.memory.put(r)
}

// hinted puts the test that killed this mutant the last time first.
func (c *campaign) hinted(before result, order []batch) []batch {
	for _, r := range c.reach {
		if test := before.Test + "/"; r.Folder == before.Folder && strings.HasPrefix(test, r.Test+"/") {
			return append([]batch{{Folder: r.Folder, Tests: []string{r.Test}, Took: r.Took}}, order...)
		}
	}
	return order
}

// parallel does n jobs, as many at once as there are processors, and stops at the first error.
func parallel(ctx context.Context, n int, do func(int) error) error {
	var next atomic.Int64
	errs := make(chan error, runtime.NumCPU())
	for range runtime.NumCPU() {
		go func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					next.Store(int64(n))
					errs <- err
					return
				}
			}
			errs <- ctx.Err()
		}()
	}
	var first error
	for range runtime.NumCPU() {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// choose takes the mutants whose names match.
func choose(all []mutant, pattern string) ([]mutant, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	var out []mutant
	for _, m := range all {
		if re.MatchString(m.name) {
			out = append(out, m)
		}
	}
	return out, nil
}
