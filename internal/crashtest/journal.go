package crashtest

import (
	"fmt"

	"quarterturn/rotator"
)

// journal is what happened outside, over all processes of one telling: what no single process can be asked for.
type journal struct {
	intent   *rotator.Intent           // the last one the ledger recorded
	versions map[string]map[string]int // by place and pair: versions that writes added
	onces    map[string][]string       // by consumer: the once-keys asked with, in order
	breaches []string
}

func newJournal() journal {
	return journal{versions: map[string]map[string]int{}, onces: map[string][]string{}}
}

func (j *journal) declare(i *rotator.Intent) { j.intent = i }

// tried: an effect must have been declared by the ledger's last record, or a crash right now would forget it.
func (j *journal) tried(do rotator.Action, target string) {
	if j.intent == nil || j.intent.Do != do || j.intent.Target != target {
		j.breaches = append(j.breaches, fmt.Sprintf("%s %s was tried without a recorded intent", do, target))
	}
}

func (j *journal) added(place, pair string) {
	if j.versions[place] == nil {
		j.versions[place] = map[string]int{}
	}
	j.versions[place][pair]++
	if j.versions[place][pair] > 1 {
		j.breaches = append(j.breaches, "place "+place+" got a second version of one generation (I-7)")
	}
}

func (j *journal) asked(consumer, once string) { j.onces[consumer] = append(j.onces[consumer], once) }

// Breaches are the rules that were broken at the border so far: an effect without a recorded intent, a second version
// of one generation in one place.
func (s *Stopper) Breaches() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.journal.breaches...)
}

// Redeploys says how often a consumer's redeploy was tried, and with how many different once-keys.
func (s *Stopper) Redeploys(consumer string) (tries, keys int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, once := range s.journal.onces[consumer] {
		seen[once] = true
	}
	return len(s.journal.onces[consumer]), len(seen)
}

// Versions says how many versions of one pair writes added to a place.
func (s *Stopper) Versions(place string, pair rotator.PairID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.versions[place][string(pair)]
}
