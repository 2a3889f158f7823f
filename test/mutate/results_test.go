package mutate

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// result is what became of one mutant, and the test that killed it.
type result struct {
	Name, Digest, Outcome, Folder, Test string
}

func (r result) dead() bool { return r.Outcome == killed || r.Outcome == timedOut }

// memory keeps results in the user's cache folder, so that a run that was stopped goes on. A result counts for the very
// sources it was found with; an older one only says which test to try first.
type memory struct {
	mu   sync.Mutex
	dir  string
	last map[string]result
}

func remember(dir string) (*memory, error) {
	m := &memory{dir: dir, last: map[string]result{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, "results.jsonl"))
	if os.IsNotExist(err) {
		return m, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r result
		if json.Unmarshal(lines.Bytes(), &r) == nil { // the last line may be torn
			m.last[r.Name] = r
		}
	}
	return m, nil
}

func (m *memory) get(name string) result {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last[name]
}

func (m *memory) put(r result) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last[r.Name] = r
	f, err := os.OpenFile(filepath.Join(m.dir, "results.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// reached loads or saves who comes by where.
func (m *memory) reached(digest string) ([]reached, bool) {
	text, err := os.ReadFile(filepath.Join(m.dir, "reach-"+digest+".json"))
	var all []reached
	return all, err == nil && json.Unmarshal(text, &all) == nil
}

func (m *memory) keepReached(digest string, all []reached) error {
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.dir, "reach-"+digest+".json"), text, 0o600)
}

// survivors are the mutants that may live, each with the reason.
func survivors(text string) (map[string]string, error) {
	all := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, ok := strings.Cut(line, " :: ")
		if !ok || strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("line %d: want NAME :: REASON", i+1)
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("line %d: %s is listed twice", i+1, name)
		}
		all[name] = reason
	}
	return all, nil
}

// judge compares what lived with what may.
func judge(all []result, listed map[string]string) []string {
	var problems []string
	seen := map[string]bool{}
	for _, r := range all {
		_, may := listed[r.Name]
		seen[r.Name] = true
		switch {
		case may && r.dead():
			problems = append(problems, "is killed now, by "+r.Test+" in "+r.Folder+": take it off the list: "+r.Name)
		case !may && !r.dead():
			problems = append(problems, r.Outcome+": write the test that notices it, or list it with the reason: "+r.Name)
		}
	}
	slices.Sort(problems)
	return problems
}

// gone are listed mutants that don't exist any more.
func gone(mutants []mutant, listed map[string]string) []string {
	names := map[string]bool{}
	for _, m := range mutants {
		names[m.name] = true
	}
	var out []string
	for name := range listed {
		if !names[name] {
			out = append(out, "there is no such mutant any more: take it off the list: "+name)
		}
	}
	slices.Sort(out)
	return out
}

// tally counts outcomes under a heading.
type tally map[string]map[string]int

func (t tally) add(key string, r result) {
	if t[key] == nil {
		t[key] = map[string]int{}
	}
	t[key]["all"]++
	t[key][r.Outcome]++
}

func (t tally) share(key string) float64 {
	return 100 * float64(t[key][killed]+t[key][timedOut]) / float64(max(1, t[key]["all"]))
}

func (t tally) String() string {
	keys := make([]string, 0, len(t))
	for k := range t {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range keys {
		n := t[k]
		fmt.Fprintf(&b, "  %-28s %5d mutants %5d killed %4d timed out %4d survived %4d not reached %7.1f %%\n", k, n["all"], n[killed],
			n[timedOut], n[survived], n[unreached], t.share(k))
	}
	return b.String()
}
