package rotator

import "fmt"

const (
	reconcileIt = "quarterturn ledger reconcile"
	reprintIt   = "quarterturn rekey fingerprint --lost"
)

// ledgerUnfit: a place was written later than anything this ledger knows of, or holds what cannot be compared with what
// it knows. Whatever were decided on it could undo what was proven: nothing is, until a person has mended the ledger.
func ledgerUnfit(v view) (Move, bool) {
	why, command := unfit(v.sp, v.s, v.r.Epoch)
	if command == "" {
		return Move{}, false
	}
	m := wait(v, v.now.Add(tick), why, command)
	m.Stop = true
	return m, true
}

// unfit finds the first place that shows it. What was not looked at shows nothing.
func unfit(sp Spec, s Seen, epoch int64) (why, command string) {
	for _, p := range sp.Places {
		if why, command = unfitFor(p.Name, s.Places[p.Name], epoch); command != "" {
			return why, command
		}
	}
	return "", ""
}

func unfitFor(place string, seen PlaceSeen, epoch int64) (why, command string) {
	switch {
	case seen.Epoch > epoch:
		return fmt.Sprintf("place %s was written later (epoch %d) than this ledger knows of (epoch %d): the ledger is an older "+
			"copy or a new one, and nothing was decided on it", place, seen.Epoch, epoch), reconcileIt
	case seen.Holds == HoldsIncomparable:
		return "place " + place + " holds a pair that cannot be compared with those in the ledger: their fingerprint key is lost; " +
			"nothing was decided on it", reprintIt
	}
	return "", ""
}

func remedyOf(sp Spec, s Seen, epoch int64) string {
	_, command := unfit(sp, s, epoch)
	return command
}
