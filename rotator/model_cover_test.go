package rotator

import (
	"fmt"
	"strings"
	"testing"
)

// barred says why a row of decide can never answer in a lane and state, "" when it can. What it names must not be reached,
// and the full search must reach everything else.
func barred(k key, row string) string {
	r := Rotation{Lane: k.lane, State: k.state, New: "pair-2"}
	looks := r.wants().places
	r.New = ""
	switch looks = looks || r.wants().places; {
	case row == "heedHurry" && (k.lane == Compromised || k.lane == Burial):
		return "the word is said on a rotation in another lane only (Hurry)"
	case row == "refuseRollback" && k.lane == Compromised, row == "denyRollback" && (k.lane == Compromised || k.lane == Retire):
		return "in this lane the word is refused when it is said (fitsRollback)"
	case row == "ledgerUnfit" && !looks:
		return "no place is looked at in this state (wants)"
	case row == "denyAbandon" && k.state == RevocationProven:
		return "the word is refused after the first write (fitsAbandon), and a death takes longer to prove than a claim lasts"
	case row == "refuseRollback" && k.lane == Replace && k.state == Received:
		return "the word is said on staged at the latest (fitsRollback), and whoever hears of the key that comes in next has heard it and refused"
	case row == "denyRollback" && k.lane == Replace && k.state == RevocationProven:
		return "the word is refused after the first write (fitsRollback), and a death takes longer to prove than a claim lasts"
	case row == "inUseAgain" && k.state == RevocationProven:
		return "a dead pair is never taken into use again (preflight, Adopt)"
	}
	return ""
}

// report is what came out: every row of decide in every lane and state, and how often it answered.
func (sw *sweep) report(t *testing.T) {
	rows, reached, impossible := 0, 0, 0
	for _, k := range stateKeys() {
		var often, never []string
		for _, r := range nameRows()[k] {
			n, why := sw.hits[k][r.name], barred(k, r.name)
			switch rows++; {
			case n > 0 && why != "":
				t.Errorf("%s, %s: %s answered, and that was said to be impossible: %s", k.lane, k.state, r.name, why)
			case n > 0:
				reached++
				often = append(often, fmt.Sprintf("%s %d", r.name, n))
			case why != "":
				impossible++
				often = append(often, r.name+" CANNOT: "+why)
			default:
				never = append(never, r.name)
			}
		}
		t.Logf("%s, %s: %s", k.lane, k.state, strings.Join(often, ", "))
		if len(never) > 0 {
			sw.missed(t, k, never)
		}
	}
	sw.summary(t)
	t.Logf("rows of decide by lane and state: %d of %d answered, %d cannot, %d were not reached", reached, rows, impossible, rows-reached-impossible)
}

// missed: a sample need not reach everything; the full search must.
func (sw *sweep) missed(t *testing.T, k key, never []string) {
	line := fmt.Sprintf("%s, %s: NOT REACHED: %s", k.lane, k.state, strings.Join(never, " "))
	if sw.full {
		t.Error(line)
		return
	}
	t.Log(line)
}
