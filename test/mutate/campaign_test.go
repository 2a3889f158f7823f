package mutate

import (
	"cmp"
	"context"
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
	for _, k := range c.killers {
		if c.binaries[k.folder] == "" {
			continue
		}
		all, ok := c.memory.reached(c.digests[k.folder])
		if !ok {
			all = c.patrol(t, k)
			if err := c.memory.keepReached(c.digests[k.folder], all); err != nil {
				t.Fatal(err)
			}
		}
		c.reach = append(c.reach, all...)
	}
	slices.SortStableFunc(c.reach, func(a, b reached) int { return cmp.Compare(a.Took, b.Took) })
}

// patrol runs every test of one package alone, with no mutant awake.
func (c *campaign) patrol(t *testing.T, k killer) []reached {
	t.Helper()
	started := time.Now()
	tests, err := c.tests(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]reached, len(tests))
	err = parallel(t.Context(), len(tests), func(i int) (err error) {
		all[i], err = c.built.reach(t.Context(), k, tests[i])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	withoutStart(all)
	t.Logf("%s: %d tests ran once, with no mutant awake, in %s", k.folder, len(all), time.Since(started).Round(time.Second))
	return all
}

// withoutStart takes what the process needs to start at all off each test's time.
func withoutStart(all []reached) {
	least := slices.MinFunc(all, func(a, b reached) int { return cmp.Compare(a.Took, b.Took) }).Took
	for i := range all {
		all[i].Took -= least
	}
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
	if before.Digest == c.digests[m.folder()] && before.Outcome != "" {
		return before, nil
	}
	order := batches(c.reach, m)
	if before.Outcome == killed {
		order = c.hinted(before, order)
	}
	r, err := c.try(ctx, m.id, order)
	if err != nil {
		return r, err
	}
	r.Name, r.Digest = m.name, c.digests[m.folder()]
	return r, c.memory.put(r)
}

// hinted puts the test that killed this mutant the last time first.
func (c *campaign) hinted(before result, order []batch) []batch {
	for _, r := range c.reach {
		if test := before.Test + "/"; r.Folder == before.Folder && strings.HasPrefix(test, r.Test+"/") {
			return append([]batch{{Folder: r.Folder, Tests: []string{r.Test}, Took: r.Took, Used: r.Used}}, order...)
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
