package kill

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"quarterturn/internal/sim"
)

// recovery is when a world is given up that does not come to its end. A calm machine takes seconds; a busy one may take long.
const recovery = 5 * time.Minute

// settle goes on without kills until nothing is under way: passes, and what the last line asks for.
func (p *person) settle(patience time.Duration) {
	began := time.Now()
	p.todo = nil
	for time.Since(began) < patience && len(p.violations()) == 0 {
		st, ok := p.status()
		if !ok {
			return
		}
		if p.settled(st) {
			p.tally.with(func() { p.tally.slowest = max(p.tally.slowest, time.Since(began)) })
			p.inspect(st)
			return
		}
		p.act(st, p.calm)
		if o := p.calm("", "run"); o.code != 0 && o.code != 1 {
			p.violation("run: exit code %d: %s", o.code, o.said)
		}
		time.Sleep(400 * time.Millisecond)
	}
	if len(p.violations()) == 0 {
		st, _ := p.status()
		p.violation("not at its end %s after the last kill: %s (%s), next: %s%s", patience, st.State, st.Why, st.Next, p.deadHand())
	}
}

// deadHand says whether a lease that has ended keeps everybody out.
func (w *world) deadHand() string {
	if n, err := w.leases("open = 1 AND lease_until > 0 AND lease_until <= ?"); n > 0 || err != nil {
		return fmt.Sprintf("; %d leases of the dead are held on (%v)", n, err)
	}
	return ""
}

// settled: no journey and no burial is under way.
func (p *person) settled(st standing) bool {
	if st.State != "idle" || st.Next != "" || p.hand != nil {
		return false
	}
	for _, pr := range st.Pairs {
		if pr.Life != "current" && (pr.Life != "dead" || pr.Sealed) {
			return false
		}
	}
	return true
}

// inspect looks at everything that is left.
func (p *person) inspect(st standing) {
	if o := p.calm("", "audit", "verify"); o.code != 0 {
		p.violation("audit verify: exit code %d: %s", o.code, o.said)
	}
	p.alone(st)
	p.files()
	p.phases()
}

// alone: the pair in use is the only one that works, and every place and service has it.
func (p *person) alone(st standing) {
	last := ""
	for _, pr := range st.Pairs {
		if pr.Life == "current" {
			last += pr.LastFour
		}
	}
	for _, listed := range p.vendor.Keys(sim.Acme, sim.Production) {
		if (listed.Status == sim.Active) != (listed.LastFour == last) {
			p.violation("at the end the ledger calls %q current, and the portal shows the key ending in %s as %s", last, listed.LastFour, listed.Status)
		}
	}
	for _, file := range []string{"api.env", "jobs.env"} {
		data, err := os.ReadFile(p.path("places", file))
		if key, _, _ := entries(string(data)); err != nil || !strings.HasSuffix(key, last) {
			p.violation("at the end %s does not hold the pair in use (%v)", file, err)
		}
	}
}

// files: nothing is left behind, everything is for its owner alone, and keys stand in the places alone.
func (p *person) files() {
	want := []string{"api.print", "fingerprint.key", "places", "places/api.env", "places/jobs.env", "quarterturn.db", "quarterturn.yaml",
		"reports.print", "seal.key", "settlement.print", "simulated.yaml"}
	var found []string
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(p.dir, path)
		if err != nil || rel == "." {
			return err
		}
		found = append(found, rel)
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			p.violation("%s can be read by others: %s", rel, info.Mode())
		}
		if d.IsDir() || strings.HasPrefix(rel, "places/") && strings.HasSuffix(rel, ".env") {
			return nil
		}
		data, err := os.ReadFile(path)
		p.secretless(rel, string(data))
		return err
	})
	if slices.Sort(found); err != nil || !slices.Equal(found, want) {
		p.violation("at the end the folder holds %v (%v), and not %v", found, err, want)
	}
}

// phases finds for each kill what the trail had recorded last.
func (p *person) phases() {
	o := p.calm("", "evidence", credential, "--all", "--output", "json")
	var answer struct {
		Chains []chain `json:"chains"`
	}
	if err := json.Unmarshal([]byte(o.said), &answer); err != nil || o.code != 0 {
		p.violation("evidence: exit code %d (%v)", o.code, err)
		return
	}
	var marks []mark
	for _, c := range answer.Chains {
		marks = append(marks, c.marks()...)
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return a.at.Compare(b.at) })
	p.tally.with(func() {
		p.tally.worlds++
		for _, c := range answer.Chains {
			if strings.HasPrefix(c.Rotation, "rot-") {
				p.tally.journeys++
			}
		}
		for _, at := range p.kills {
			p.tally.phases[lastMark(marks, at)]++
		}
	})
}

// chain is one rotation's part of the trail.
type chain struct {
	Rotation string `json:"rotation"`
	Lane     string `json:"lane"`
	Events   []struct {
		At   time.Time         `json:"at"`
		Kind string            `json:"kind"`
		To   string            `json:"to"`
		Data map[string]string `json:"data"`
	} `json:"events"`
}

// mark is where the trail stood from a moment on.
type mark struct {
	at    time.Time
	phase string
}

func (c chain) marks() (all []mark) {
	state, lane := "", c.Lane
	if lane != "burial" {
		lane = "rotation"
	}
	for _, e := range c.Events {
		if e.To != "" {
			state = e.To
		}
		kind := e.Kind
		if do := e.Data["do"]; do != "" {
			kind += " " + do
		}
		all = append(all, mark{e.At, lane + ", " + state + ": " + kind})
	}
	return all
}

func lastMark(marks []mark, at time.Time) string {
	phase := "before anything"
	for _, m := range marks {
		if m.at.After(at) {
			break
		}
		phase = m.phase
	}
	return phase
}
