package rotator

import (
	"fmt"
	"time"

	"quarterturn/vendors"
)

// The numbers decide goes by. Everything else comes from the policy, the profile or the consumer.
const (
	tick             = 15 * time.Minute    // between two looks at something that only time or a person changes
	soon             = time.Minute         // between two looks at something a machine changes
	maxTries         = 3                   // failed redeploys of one consumer before a person is asked
	minTriples       = 3                   // of a death proof (I-11)
	proofGap         = 14 * time.Minute    // between two looks while a death is being proven: a quarter of an hour, and what a pass takes
	longestUnwatched = 16 * time.Minute    // between two looks of one proof: a pass each quarter of an hour, and a machine that is late
	maxUnwatched     = 3                   // proofs that began anew before a person is told
	tripleSpan       = time.Minute         // the three calls of a triple lie within it
	watchFor         = 21 * 24 * time.Hour // how long a dead pair is watched
	watchEvery       = 24 * time.Hour      //
	sureDead         = 5 * time.Minute     // between two looks that say both pairs are dead
	graceBurial      = 10 * time.Minute    // I-6: before a rolled-back pair may be buried
	soakBudget       = 20                  // one look in so many may miss a proof
)

// view is what a row sees. Rows are pure.
type view struct {
	sp  Spec
	r   Rotation
	s   Seen
	now time.Time
}

// row answers, or leaves the question to the next row.
type row func(v view) (Move, bool)

// decide is the whole meaning of the product: what was said, seen and recorded in, one move out. Pure and total.
// r.Facts must have taken s in (learn).
func decide(sp Spec, r Rotation, s Seen, now time.Time) Move {
	v := view{sp: sp, r: r, s: s, now: now}
	for _, rw := range rows(r) {
		if m, ok := rw(v); ok {
			return v.paced(m)
		}
	}
	return v.paced(wait(v, now.Add(tick), "nothing to do", ""))
}

// rows lists, in order, what is asked in a state: the first row that answers wins.
func rows(r Rotation) []row { return append([]row{heedHurry, ledgerUnfit}, laneRows(r)...) }

func laneRows(r Rotation) []row {
	switch r.Lane {
	case Burial:
		return burialRows(r.State)
	case Compromised:
		return compromisedRows(r.State)
	case Replace:
		return replaceRows(r.State)
	case Retire:
		return retireRows(r.State)
	case Routine:
		return routineRows(r.State)
	}
	return []row{laneUnknown}
}

func routineRows(s State) []row {
	switch s {
	case DueState:
		return []row{heedAbandon, denyRollback, lifecycleNotBuilt, cannotOpen, preflightFails, sealOld, oldUnprobed,
			oldElsewhere, liveLimit, frozen, askForKey}
	case AwaitingKey:
		return []row{heedAbandon, denyRollback, oldCameLate, pairCameIn, preflightBroke, orphanFirst, awaitKey}
	case Received:
		return []row{heedAbandon, denyRollback, cannotOpen, newGone, newUnclear, newRefused, acceptsAnybody, wrongEnvironment, wrongTenant,
			unattested, stage}
	case Staged:
		return []row{heedAbandon, heedRollback, cannotOpen, newGone, bothDead, newDead, effectStopped, newUnclear, putNext,
			followers, distribute}
	case Distributed:
		return []row{denyAbandon, heedRollback, cannotOpen, newGone, bothDead, newDead, effectStopped, placeLost, newUnclear,
			redeployNext, redeployDone}
	case Redeployed:
		return []row{denyAbandon, heedRollback, cannotOpen, newGone, bothDead, newDead, placeLost, useUnproven, verify}
	case Verified:
		return []row{denyAbandon, heedRollback, cannotOpen, newGone, bothDead, newDead, clockOff, placeLost, useLost, proofGone, firstKeyDone,
			overlap, missesProof, newUnclear, unapproved, requestRevocation}
	case AwaitingRevocation:
		return []row{denyAbandon, heedRollback, cannotOpen, newGone, bothDead, newDead, wrongKeyRevoked, clockOff, placeLost,
			useLost, proofGone, attestedEnd, livesAfterAll, newUnclear, unprovable, awaitRevocation, moreTriples, provenDead}
	case RevocationProven:
		return []row{denyAbandon, denyRollback, cannotOpen, newGone, bothDead, oldAliveAgain, newDead, placeLost, useLost, proofGone,
			missesProof, newUnclear, closeIt}
	case RollingBack:
		return []row{denyAbandon, neverWrote, cannotOpen, bothDead, lostBoth, oldDiedRollingBack, effectStopped, oldUnclear, putNext,
			followers, redeployNext, useUnproven, unprovenNow, rolledBack}
	case FailedState:
		return []row{heedResume, denyAbandon, heedRollback, bothDead, newDead, awaitHelp}
	}
	return nil
}

// compromisedRows: what only costs time is left out, and nothing leads back to a pair that others know.
func compromisedRows(s State) []row {
	switch s {
	case DueState:
		return []row{heedAbandon, refuseRollback, lifecycleNotBuilt, cannotOpen, goOnWithOrphan, sealOldIfAny, oldElsewhere,
			liveLimit, emergency, askAtOnce}
	case AwaitingKey:
		return []row{heedAbandon, refuseRollback, oldCameLate, pairCameIn, approvalVoid, awaitKey}
	case Received:
		return []row{heedAbandon, refuseRollback, cannotOpen, newGone, newUnclear, newRefused, acceptsAnybody, wrongEnvironment, wrongTenant,
			unattested, stage}
	case Staged:
		return []row{heedAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, effectStopped, newUnclear,
			putNext, followers, distribute}
	case Distributed:
		return []row{denyAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, effectStopped, placeLost,
			newUnclear, redeployNext, redeployDone}
	case Redeployed:
		return []row{denyAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, placeLost, unprovenInEmergency,
			verify}
	case Verified:
		return []row{denyAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, placeLost, useLost, proofGone,
			firstKeyDone, missesProof, newUnclear, unapproved, requestAtOnce}
	case AwaitingRevocation:
		return []row{denyAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, wrongKeyRevoked, clockOff,
			placeLost, useLost, proofGone, attestedEnd, newUnclear, unprovable, awaitReplaced, moreTriples, provenDead}
	case RevocationProven:
		return []row{denyAbandon, denyRollback, cannotOpen, newGone, bothDead, newDeadOnly, oldAliveAgain, placeLost, useLost,
			proofGone, missesProof, newUnclear, closeIt}
	case FailedState:
		return []row{heedResume, denyAbandon, refuseRollback, bothDead, newDeadOnly, awaitHelp}
	}
	return nil
}

// replaceRows: creating the new key ends the old one, so a person agrees to when, and nobody has to revoke anything.
func replaceRows(s State) []row {
	switch s {
	case DueState:
		return []row{heedAbandon, denyRollback, cannotOpen, preflightFails, sealOldIfAny, oldUnprobed, oldElsewhere, frozen,
			window, askForKey}
	case AwaitingKey:
		return []row{heedAbandon, refuseRollback, oldCameLate, pairCameIn, windowOver, awaitKey}
	case Received:
		return []row{heedAbandon, refuseRollback, cannotOpen, newGone, newUnclear, newRefused, acceptsAnybody, wrongEnvironment, wrongTenant,
			unattested, stage}
	case Staged:
		return []row{heedAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, effectStopped, newUnclear, putNext,
			followers, distribute}
	case Distributed:
		return []row{denyAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, effectStopped, placeLost,
			newUnclear, redeployNext, redeployDone}
	case Redeployed:
		return []row{denyAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, placeLost, useUnproven, verify}
	case Verified:
		return []row{denyAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, placeLost, useLost, proofGone,
			firstKeyDone, missesProof, newUnclear, replaced}
	case AwaitingRevocation:
		return []row{denyAbandon, refuseRollback, cannotOpen, newGone, bothDead, newDeadOnly, clockOff, placeLost, useLost,
			proofGone, attestedEnd, newUnclear, unprovable, awaitReplaced, moreTriples, provenDead}
	case RevocationProven:
		return []row{denyAbandon, denyRollback, cannotOpen, newGone, bothDead, newDeadOnly, oldAliveAgain, placeLost, useLost, proofGone,
			missesProof, newUnclear, closeIt}
	case FailedState:
		return []row{heedResume, denyAbandon, refuseRollback, bothDead, newDeadOnly, awaitHelp}
	}
	return nil
}

// retireRows: one pair on its way to proven dead, and nothing in its place.
func retireRows(s State) []row {
	switch s {
	case DueState:
		return []row{heedAbandon, denyRollback, cannotOpen, nothingToRetire, unfitToRetire, stillNeeded, sealOldIfAny,
			askToRetire}
	case AwaitingRevocation:
		return []row{heedAbandon, denyRollback, cannotOpen, neededAgain, clockOff, attestedEnd, unprovable, awaitRevocation, moreTriples, retired}
	}
	return nil
}

func burialRows(s State) []row {
	if s == RevocationProven {
		return []row{inUseAgain, aliveAgain, currentGone, watchOver, cannotOpen, watchOn}
	}
	return []row{inUseAgain, grace, stillHeld, stillUsed, attestedEnd, cannotOpen, currentLost, unprovable, currentDead,
		awaitRevocation, moreTriples, provenDead}
}

// ---- answers -------------------------------------------------------------------------------------------------

func wait(v view, next time.Time, why, command string) Move {
	return Move{Next: later(next, v.s.ProbeAt), Why: why, Command: command}
}

// trouble waits for something that should have worked: trying again is right, and no person is asked.
func trouble(v view, next time.Time, why string) Move {
	m := wait(v, next, why, "")
	m.Trouble = true
	return m
}

func goTo(to State, why string) (Move, bool) { return Move{To: to, Why: why}, true }

func (v view) cmd(verb string) string { return "quarterturn " + verb + " " + v.sp.Credential }

// target is the pair that places and consumers should have.
func (v view) target() PairID {
	if v.r.State == RollingBack {
		return v.r.Old
	}
	return v.r.New
}

// holdsTarget is how a place that has the target looks.
func (v view) holdsTarget() Holds {
	if v.r.State == RollingBack {
		return HoldsOld
	}
	return HoldsNew
}

func verdict(rd *vendors.Reading) vendors.Verdict {
	if rd == nil {
		return vendors.Unclear
	}
	return rd.Verdict
}

// wayBack: the old pair is accepted, and not for another environment: it may be written again (I-4).
func (v view) wayBack() bool {
	return verdict(v.s.Old) == vendors.Accepted && !elsewhere(v.sp, v.s.Old)
}

// elsewhere: the answer names another environment.
func elsewhere(sp Spec, rd *vendors.Reading) bool {
	return rd != nil && rd.Environment != "" && rd.Environment != sp.Environment
}

// why says in words what a reading said.
func why(rd *vendors.Reading, s Seen) string {
	if rd == nil {
		if s.ProbeWhy != "" {
			return s.ProbeWhy
		}
		return "it was not asked"
	}
	if rd.Why == "" {
		return fmt.Sprintf("status %d", rd.Status)
	}
	return rd.Why
}

// name is how a portal shows a pair.
func name(p Pair) string {
	s := "the key ending in " + p.Fragment
	if p.Fragment == "" {
		s = "pair " + string(p.ID)
	}
	if !p.Created.IsZero() {
		s += " of " + p.Created.Format("2006-01-02")
	}
	return s
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func shared(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}
