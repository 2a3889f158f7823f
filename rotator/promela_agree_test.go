package rotator

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// promelaAxes are the atoms a state is asked with: one of each line, "" for none of it.
func promelaAxes(s State) [][]string {
	life := [][]string{{"OLD_OK", "OLD_DEAD", "OLD_UNCLEAR"}}
	both := append(life, []string{"NEW_OK", "NEW_DEAD", "NEW_UNCLEAR"}, []string{"", "BOTH_TWICE"})
	lost := []string{"PLACES_NEW", ""}
	shown := []string{"PROVEN_NEW", "", "CAME_BACK"}
	switch s {
	case DueState:
		return append(life, []string{"OLD_SEALED", ""}, []string{"WINDOW", ""}, []string{"ROOM", "", "ORPHAN_HELD"}, []string{"", "ABANDON_SAID"})
	case AwaitingKey:
		return [][]string{{"OLD_OK"}, {"OLD_SEALED"}, {"WINDOW"}, {"ROOM"}, {"", "ABANDON_SAID"}}
	case Received:
		return append(both, []string{"", "ABANDON_SAID"})
	case Staged:
		return append(both, lost, []string{"", "ROLLBACK_SAID"})
	case Distributed:
		return append(both, lost, []string{"RUNS_DONE", ""}, []string{"", "REDEPLOY_FAILED"}, []string{"", "ROLLBACK_SAID"})
	case Redeployed:
		return append(both, lost, shown, []string{"", "WAIVED"}, []string{"RUNS_DONE"}, []string{"", "ROLLBACK_SAID"})
	case Verified:
		return append(both, lost, shown, []string{"SOAKED", ""}, []string{"APPROVED", "", "WAIVED"}, []string{"RUNS_DONE"}, []string{"", "ROLLBACK_SAID"})
	case AwaitingRevocation:
		return append(both, lost, shown, []string{"TRIPLES", ""}, []string{"", "WAIVED"}, []string{"RUNS_DONE"}, []string{"", "ROLLBACK_SAID"})
	case RevocationProven:
		return append(both, lost, shown, []string{"TRIPLES"}, []string{"", "WAIVED"}, []string{"RUNS_DONE"})
	case RollingBack:
		return append(both, []string{"PLACES_OLD", ""}, []string{"RUNS_DONE", ""}, []string{"PROVEN_OLD", "", "CAME_BACK"}, []string{"", "REDEPLOY_FAILED"})
	}
	return append(both, []string{"", "RESUME_SAID", "ROLLBACK_SAID"}, lost)
}

func promelaCases(lane Lane, s State) []promelaCase {
	all := []map[string]bool{{strings.ToUpper(string(lane)): true}}
	for _, axis := range promelaAxes(s) {
		var more []map[string]bool
		for _, atoms := range all {
			for _, a := range axis {
				next := maps.Clone(atoms)
				next[a] = a != ""
				more = append(more, next)
			}
		}
		all = more
	}
	var cases []promelaCase
	for _, atoms := range all {
		if c := (promelaCase{lane, s, atoms}); c.possible() {
			cases = append(cases, c)
		}
	}
	return cases
}

// possible leaves out what cannot be seen together.
func (c promelaCase) possible() bool {
	a := c.atoms
	joint := a["NEW_DEAD"] && (a["OLD_DEAD"] || c.lane != Routine)
	switch {
	case a["BOTH_TWICE"] && !joint, a["WAIVED"] && c.lane != Compromised, a["WINDOW"] && c.lane != Replace && c.state == DueState:
		return false
	case c.state == RollingBack && c.lane != Routine, a["TRIPLES"] && !a["OLD_DEAD"] && c.state == AwaitingRevocation:
		return false
	case (a["PROVEN_NEW"] || a["PROVEN_OLD"]) && !a["RUNS_DONE"]:
		return false
	}
	return true
}

func (c promelaCase) String() string {
	var on []string
	for a, yes := range c.atoms {
		if yes && a != "" {
			on = append(on, a)
		}
	}
	slices.Sort(on)
	return string(c.state) + " " + strings.Join(on, " ")
}

// promelaDiffers is one reason for which production and the model answer differently, and rightly so.
type promelaDiffers struct {
	why  string
	when func(c promelaCase, model, product promelaAnswer) bool
}

func promelaApart() []promelaDiffers {
	waits := promelaAnswer{}
	return []promelaDiffers{
		{"nothing is written, redeployed or asked on the strength of an answer nobody got: production waits while the new pair is unclear (I-1, I-4)",
			func(c promelaCase, _, product promelaAnswer) bool { return c.atoms["NEW_UNCLEAR"] && product == waits }},
		{"the way back waits until the old pair is known to live (I-1, I-14)",
			func(c promelaCase, _, product promelaAnswer) bool {
				return c.atoms["OLD_UNCLEAR"] && product == waits && (c.atoms["ROLLBACK_SAID"] || c.state == RollingBack)
			}},
		{"an effect that failed for good is told before places are looked at again; resuming looks at them",
			func(c promelaCase, model, product promelaAnswer) bool {
				return c.atoms["REDEPLOY_FAILED"] && product.to == string(FailedState) && model.to != string(RollingBack)
			}},
		{"an approval that names a consumer goes on without the places it reads as well (decision 0012); the model waits for the places",
			func(c promelaCase, model, _ promelaAnswer) bool {
				return c.atoms["WAIVED"] && !c.atoms["PLACES_NEW"] && model.to == string(Staged)
			}},
		{"replace: a vendor that did not end the old pair within its propagation time is told to a person; the model's vendor does end it",
			func(c promelaCase, model, product promelaAnswer) bool {
				return c.lane == Replace && c.state == AwaitingRevocation && c.atoms["OLD_OK"] && model == waits && product.does == "revoked"
			}},
	}
}

// TestRowsOfThePromelaModel: the independent model and the production decide agree, in both directions: every row of the
// model is asked, and every combination is answered by both.
func TestRowsOfThePromelaModel(t *testing.T) {
	rows, asked, met, n, differ := readPromela(t), map[int]bool{}, map[int]int{}, 0, 0
	for _, lane := range []Lane{Routine, Compromised, Replace} {
		for _, s := range promelaJourney() {
			for _, c := range promelaCases(lane, s) {
				model, row := byPromela(rows, c)
				n, asked[row] = n+1, true
				if row < 0 {
					t.Errorf("no row of the model answers %s", c)
				}
				product := byDecide(c)
				if model == product {
					continue
				}
				differ++
				i := slices.IndexFunc(promelaApart(), func(d promelaDiffers) bool { return d.when(c, model, product) })
				if met[i]++; i < 0 {
					t.Errorf("%s: the model says %v, production %v", c, model, product)
				}
			}
		}
	}
	for i := range rows {
		if !asked[i] {
			t.Errorf("row %d of the model never answers: %v", i, rows[i])
		}
	}
	for i, d := range promelaApart() {
		if met[i] == 0 {
			t.Errorf("never met: %s", d.why)
		}
	}
	t.Logf("%d questions, %d rows; %d answered differently, for %d reasons; unexplained %d", n, len(rows), differ, len(promelaApart()), met[-1])
}
