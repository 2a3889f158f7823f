package kill

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// tally counts over all worlds.
type tally struct {
	mu                     sync.Mutex
	kills                  map[string]int // by command
	moments                map[string][]time.Duration
	ends                   map[string]int // by command and exit code
	phases                 map[string]int // kills by what was recorded last
	worlds, journeys       int
	calls, lookups, checks int
	slowest                time.Duration // from the last kill to the end of everything
}

func newTally() *tally {
	return &tally{kills: map[string]int{}, moments: map[string][]time.Duration{}, ends: map[string]int{}, phases: map[string]int{}}
}

func (n *tally) with(do func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	do()
}

func (n *tally) killed(verb string, at time.Duration) {
	n.with(func() { n.kills[verb]++; n.moments[verb] = append(n.moments[verb], at) })
}

func (n *tally) ended(o outcome) {
	if !o.killed {
		n.with(func() { n.ends[fmt.Sprintf("%s %d", o.verb, o.code)]++ })
	}
}

func (n *tally) looked() { n.with(func() { n.lookups++ }) }
func (n *tally) called() { n.with(func() { n.calls++ }) }

// sum is how many processes were killed.
func (n *tally) sum() (all int) {
	n.with(func() {
		for _, k := range n.kills {
			all += k
		}
	})
	return all
}

// table is what somebody reads at 2 a.m.
func (n *tally) table(l *lives) {
	n.mu.Lock()
	defer n.mu.Unlock()
	say("\n%-11s %6s   %-23s %s", "command", "kills", "life in ms (50%, 90%)", "killed at, in ms (10%, 50%, 90%)")
	for _, verb := range slices.Sorted(maps.Keys(n.kills)) {
		life, at := slices.Sorted(slices.Values(l.all[verb])), slices.Sorted(slices.Values(n.moments[verb]))
		say("%-11s %6d   %7d %7d         %7d %7d %7d", verb, n.kills[verb], part(life, 50), part(life, 90), part(at, 10), part(at, 50), part(at, 90))
	}
	say("\nkills by what the trail had recorded last")
	phases := slices.SortedFunc(maps.Keys(n.phases), func(a, b string) int {
		return cmp.Or(n.phases[b]-n.phases[a], cmp.Compare(a, b))
	})
	for _, phase := range phases {
		say("%6d  %s", n.phases[phase], phase)
	}
	say("\nends that nobody forced, by exit code: %v", n.ends)
	say("%d looks at files, %d calls of consumers; at most %s from the last kill to the end of everything", n.lookups, n.calls,
		n.slowest.Round(100*time.Millisecond))
}

func part(sorted []time.Duration, percent int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*percent/100].Milliseconds()
}
