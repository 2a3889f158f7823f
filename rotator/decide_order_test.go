package rotator

import (
	"slices"
	"testing"
)

// precedence is the order in which things are heeded when several are true at once, told once for every state: what a
// person said before what was seen, deaths before obstacles, what was lost before what is next, and the state's own step
// last.
func precedence(lane Lane) []string {
	first := []string{"heedHurry", "ledgerUnfit"}
	if lane == Burial {
		return append(first, "inUseAgain", "grace", "aliveAgain", "currentGone", "watchOver", "stillHeld", "stillUsed", "attestedEnd",
			"cannotOpen", "watchOn", "currentLost", "unprovable", "currentDead", "awaitRevocation", "moreTriples", "provenDead")
	}
	return slices.Concat(first, []string{
		// a person's wish
		"heedResume", "denyAbandon", "neverWrote", "heedAbandon", "denyRollback", "heedRollback", "refuseRollback",
		// what makes every answer a guess, and pairs that are gone or dead
		"lifecycleNotBuilt", "cannotOpen", "goOnWithOrphan", "neededAgain", "newGone", "bothDead", "lostBoth",
		"oldDiedRollingBack", "newDeadOnly", "oldAliveAgain", "newDead", "awaitHelp", "effectStopped", "oldUnclear",
		"wrongKeyRevoked", "clockOff",
		// proofs that were lost
		"placeLost", "unprovenInEmergency", "useLost", "proofGone", "attestedEnd", "livesAfterAll",
		// what has to be waited for, and the next step
		"firstKeyDone", "overlap", "missesProof", "newUnclear", "closeIt", "newRefused", "acceptsAnybody", "wrongEnvironment", "wrongTenant",
		"unattested", "stage", "putNext", "followers", "distribute", "redeployNext", "redeployDone", "useUnproven", "unprovenNow", "rolledBack",
		"verify", "replaced", "unapproved", "requestAtOnce", "requestRevocation", "unprovable", "awaitReplaced",
		"awaitRevocation", "moreTriples", "provenDead", "retired",
		// before a key is asked for
		"nothingToRetire", "unfitToRetire", "stillNeeded", "preflightFails", "sealOld", "sealOldIfAny", "askToRetire",
		"oldUnprobed", "oldElsewhere", "liveLimit", "emergency", "askAtOnce", "frozen", "window", "askForKey",
		"oldCameLate", "pairCameIn", "approvalVoid", "preflightBroke", "orphanFirst", "windowOver", "awaitKey"})
}

// crossed makes every two lines of a table true at once. Where both their rows would answer, what comes first in
// precedence does; and whatever comes out, it is a whole move.
func crossed(t *testing.T, lane Lane, state State, lines []ask) {
	t.Helper()
	order := precedence(lane)
	for _, a := range lines {
		for _, b := range lines {
			c, ok := both(quiet(lane, state), a, b)
			if !ok {
				continue
			}
			checkTotal(t, c, decide(c.sp, c.r, c.s, c.now))
			_, answered := c.first()
			for _, name := range []string{a.row, b.row} {
				if c.answers(name) && slices.Index(order, name) < slices.Index(order, answered) {
					t.Errorf("%s, %s: %q with %q: %s answered, and %s comes before it", lane, state, a.name, b.name, answered, name)
				}
			}
		}
	}
}

// both makes two lines true, unless one of them changes what the other took away.
func both(c scene, a, b ask) (out scene, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	for _, given := range []func(*scene){a.given, b.given} {
		if given != nil {
			given(&c)
		}
	}
	return c, true
}

// answers asks one row alone. A row that counts on those before it may be at a loss, and then does not answer.
func (c scene) answers(name string) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	all := rows(c.r)
	if i := slices.Index(rowNames(all), name); i >= 0 {
		_, ok = all[i](view(c))
	}
	return ok
}

// TestPrecedenceIsWhole: no row of any list is missing in the order above.
func TestPrecedenceIsWhole(t *testing.T) {
	for _, k := range stateKeys() {
		for _, name := range rowNames(rows(quiet(k.lane, k.state).r)) {
			if !slices.Contains(precedence(k.lane), name) {
				t.Errorf("%s, %s: where does %s stand?", k.lane, k.state, name)
			}
		}
	}
}
