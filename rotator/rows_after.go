package rotator

import (
	"fmt"
	"strings"
	"time"

	"quarterturn/policies"
	"quarterturn/vendors"
)

// ---- verified ------------------------------------------------------------------------------------------------

func firstKeyDone(v view) (Move, bool) {
	if v.r.Old != "" || !v.r.Facts.NoOld {
		return Move{}, false
	}
	return Move{To: Closed, Lives: map[PairID]Life{v.r.New: Current}, Wipe: v.wipeNew(),
		Why: "the first key is in use; there is no old one to revoke"}, true
}

// overlap: both keys stay alive for the policy's time. An old pair that died early leaves nothing to wait for.
func overlap(v view) (Move, bool) {
	end := v.r.EnteredAt.Add(v.sp.Policy.Overlap)
	if v.r.Facts.OldDead || !v.now.Before(end) {
		return Move{}, false
	}
	return wait(v, earlier(end, v.now.Add(tick)), "both keys work; the old one may be revoked after "+stamp(end), ""), true
}

// missesProof: the pass that asks for revocation must have seen every consumer itself, and too many misses before
// mean that the service is not steady.
func missesProof(v view) (Move, bool) {
	if m, ok := unprovenNow(v); ok {
		return m, true
	}
	if f := v.r.Facts; f.Misses > 0 && f.Misses*soakBudget > f.Looks {
		return wait(v, v.now.Add(tick), fmt.Sprintf("%d of %d looks missed a proof, and one in %d is allowed", f.Misses,
			f.Looks, soakBudget), ""), true
	}
	return Move{}, false
}

// unprovenNow: a consumer proved itself before, and not in this look: meanwhile it may have loaded another pair.
func unprovenNow(v view) (Move, bool) {
	for _, c := range v.sp.Consumers {
		if v.fresh(c) {
			continue
		}
		command := ""
		if last := later(v.r.Facts.Proofs[c.Name].At, v.r.EnteredAt); v.now.After(last.Add(c.ProveIn)) {
			command = v.cmd("waive") + " consumer:" + c.Name
		}
		return wait(v, v.now.Add(soon), "consumer "+c.Name+" did not prove itself just now: "+v.s.Uses[c.Name].said(), command), true
	}
	return Move{}, false
}

func unapproved(v view) (Move, bool) {
	if v.r.Facts.OldDead || v.sp.Policy.ApproveRevocation != policies.SecondPerson || v.approved() {
		return Move{}, false
	}
	reason := "a second person must approve the revocation; both keys work"
	if v.r.Lane == Compromised {
		reason += "; after " + loneAfter.String() + " without one, one person may approve with a reason, which is reviewed"
	}
	return wait(v, v.now.Add(tick), reason, v.cmd("approve")), true
}

// approved: by somebody else than who brought the pair in, for this very spec.
func (v view) approved() bool {
	for _, w := range v.r.Facts.Approvals {
		other := w.Alone || !strings.EqualFold(w.Who, v.r.Facts.SubmittedBy)
		if w.Spec == v.sp.Digest && w.To.IsZero() && other && mayApprove(v.sp, w.Who) {
			return true
		}
	}
	return false
}

func mayApprove(sp Spec, who string) bool {
	for _, a := range sp.Approvers {
		if strings.EqualFold(a, who) {
			return true
		}
	}
	return len(sp.Approvers) == 0
}

// requestRevocation: I-10, it names what to revoke and what to keep.
func requestRevocation(v view) (Move, bool) {
	return Move{To: AwaitingRevocation, Lives: map[PairID]Life{v.r.New: Current, v.r.Old: Previous},
		Why: "asked to revoke " + name(v.s.OldPair) + " and to keep " + name(v.s.NewPair)}, true
}

// ---- awaiting_revocation, and an orphan's burial -------------------------------------------------------------

// attestedEnd: a person's word that the pair is gone closes as attested, never as dead (I-11).
func attestedEnd(v view) (Move, bool) {
	w := v.r.Facts.EndWord
	askable := v.s.OldHeld && v.sp.Profile.FailingProbes
	if w == nil || verdict(v.s.Old) == vendors.Accepted || askable && verdict(v.s.Old) != vendors.Refused ||
		v.r.journey() && verdict(v.s.New) != vendors.Accepted {
		return Move{}, false
	}
	m := Move{To: Closed, Lives: map[PairID]Life{v.r.Old: Ended}, Wipe: []PairID{v.r.Old},
		Why: who(w) + " attested that the old pair is revoked; it was not proven dead"}
	if v.r.journey() {
		m.Wipe = append(m.Wipe, v.wipeNew()...)
	}
	m.Retires = v.r.Lane == Retire
	return m, true
}

// wrongKeyRevoked: the last four characters that were typed are those of the key in use. They were mistyped if it is
// the old one that stopped working.
func wrongKeyRevoked(v view) (Move, bool) {
	if v.r.Facts.Revoked == nil || v.oldRevoked() || verdict(v.s.Old) == vendors.Refused {
		return Move{}, false
	}
	bites := v.r.Facts.Revoked.At.Add(v.sp.Profile.Propagation)
	if v.r.Lane == Compromised && verdict(v.s.New) == vendors.Accepted && !v.now.Before(bites) { // mistyped: the request stands
		return Move{}, false
	}
	m := wait(v, v.now.Add(soon), "the key that was revoked is the NEW one, which is in use: re-enable it in the portal "+
		"if that can be done, otherwise go back", v.cmd("rollback"))
	if v.r.Lane == Compromised {
		m.Why, m.Command = "the key that was revoked is the NEW one, which is in use: re-enable it in the portal if that can be done; "+
			"there is no way back to a key that others know, so a third one is asked for when it is refused", ""
	}
	m.Broken = "nothing yet; every consumer within the vendor's propagation time"
	return m, true
}

// livesAfterAll: the request skipped overlap and approval because the old pair was refused. It is accepted: they are owed.
func livesAfterAll(v view) (Move, bool) {
	if !v.r.Facts.OldDead || verdict(v.s.Old) != vendors.Accepted {
		return Move{}, false
	}
	return goTo(Verified, "the vendor accepts the old pair, which it had refused"+v.withdrawn())
}

// unprovable: what cannot be probed can only be attested; not while the pair in use is refused, for then the other one may
// be all there is.
func unprovable(v view) (Move, bool) {
	reason := ""
	switch {
	case v.r.Lane == Burial && verdict(v.s.New) == vendors.Refused:
		return Move{}, false
	case !v.s.OldHeld:
		reason = "no sealed copy of the old pair exists"
	case !v.sp.Profile.FailingProbes:
		reason = "the vendor's profile forbids calls that fail"
	case v.r.Lane == Burial && v.s.NewPair.ID == "", v.r.Lane == Retire && v.s.Control == "":
		reason = "there is no pair in use to compare with"
	default:
		return Move{}, false
	}
	return wait(v, v.now.Add(watchEvery), reason+": its death cannot be proven; revoke "+name(v.s.OldPair)+" in the portal"+
		keep(v)+", and attest that",
		v.attestCommand()), true
}

func (v view) attestCommand() string {
	return v.cmd("attest") + " --pair " + string(v.r.Old)
}

// awaitRevocation: as long as the old pair is accepted, or nothing clear is said, nothing is dead.
func awaitRevocation(v view) (Move, bool) {
	switch verdict(v.s.Old) {
	case vendors.Unclear:
		return trouble(v, v.now.Add(soon), "whether the old pair is dead is unclear: "+why(v.s.Old, v.s)), true
	case vendors.Refused:
		return Move{}, false
	}
	said := v.r.Facts.Revoked
	if said == nil {
		return wait(v, v.now.Add(tick), v.both()+"; revoke "+name(v.s.OldPair)+" in the portal"+keep(v),
			v.revokedCommand()), true
	}
	bites := said.At.Add(v.sp.Profile.Propagation)
	if v.now.Before(bites) {
		return wait(v, earlier(bites, v.now.Add(tick)), "revoked, as "+who(said)+" said; the old pair still answers, which "+
			"may take until "+stamp(bites), ""), true
	}
	return wait(v, v.now.Add(tick), who(said)+" said at "+stamp(said.At)+" that the old pair was revoked, and it still "+
		"works: look in the portal for "+name(v.s.OldPair), v.revokedCommand()), true
}

func (v view) both() string {
	if v.s.NewPair.ID == "" {
		return "the key works"
	}
	return "both keys work"
}

func keep(v view) string {
	if v.s.NewPair.ID == "" {
		return ""
	}
	return " and keep " + name(v.s.NewPair)
}

func (v view) revokedCommand() string {
	if v.r.Lane == Burial || v.r.Lane == Retire {
		return v.cmd("revoked") + " --pair " + string(v.r.Old)
	}
	return v.cmd("revoked")
}

// deathSpan is over how long a pair must be seen refused, and how far apart its triples are. Twice the propagation time,
// for that is an assumption about the slowest of many edges: a refusal by a quick one says nothing about it, and a living
// pair may be refused for as long as a change takes to spread.
func deathSpan(sp Spec) (span, apart time.Duration) {
	p := sp.Profile.Propagation
	return 2 * p, 2 * p / (minTriples - 1)
}

// moreTriples: I-11, three or more over the death span. In between the old pair is looked at often: an Accepted answer that
// nobody looked for would be missed.
func moreTriples(v view) (Move, bool) {
	t := v.r.Facts.Triples
	span, apart := deathSpan(v.sp)
	switch {
	case len(t) == 0:
		return wait(v, v.now.Add(soon), "the old pair is refused; a counting look needs the new pair accepted and a "+
			"made-up one refused: "+why(v.s.New, v.s)+", "+why(v.s.Random, v.s), ""), true
	case len(t) >= minTriples && t[len(t)-1].At.Sub(t[0].At) >= span:
		return Move{}, false
	}
	next := earlier(later(t[len(t)-1].At.Add(apart), v.now.Add(2*time.Second)), v.now.Add(proofGap))
	if v.r.Facts.Unwatched >= maxUnwatched {
		return wait(v, next, fmt.Sprintf("the old pair is refused, and looks at it lie too far apart to prove its death: %d proofs "+
			"began anew; let passes run every %s, or attest that it is revoked", v.r.Facts.Unwatched, tick), v.attestCommand()), true
	}
	return wait(v, next, fmt.Sprintf("the old pair is refused (%d of at least %d looks over %s)", len(t), minTriples, span), ""), true
}

func provenDead(v view) (Move, bool) {
	m := Move{To: RevocationProven, Why: fmt.Sprintf("%d triples over %s: the old pair is dead",
		len(v.r.Facts.Triples), v.r.Facts.Triples[len(v.r.Facts.Triples)-1].At.Sub(v.r.Facts.Triples[0].At).Round(time.Second))}
	if v.r.Lane == Burial {
		m.Lives = map[PairID]Life{v.r.Old: Dead}
	}
	return m, true
}

// ---- revocation_proven ---------------------------------------------------------------------------------------

func oldAliveAgain(v view) (Move, bool) {
	if verdict(v.s.Old) != vendors.Accepted {
		return Move{}, false
	}
	return goTo(AwaitingRevocation, "the old pair is accepted again")
}

func closeIt(v view) (Move, bool) {
	return Move{To: Closed, Lives: map[PairID]Life{v.r.Old: Dead, v.r.New: Current}, Wipe: v.wipeNew(),
		Bury: []Grave{{Pair: v.r.Old, State: RevocationProven, DeadAt: v.now, NotBefore: v.now.Add(watchEvery)}},
		Why:  "the old pair is dead; " + v.evidence()}, true
}

// wipeNew: the sealed copy goes unless no place can return the pair.
func (v view) wipeNew() []PairID {
	if !v.s.NewAway {
		return nil
	}
	return []PairID{v.r.New}
}

// ---- rolling_back, failed ------------------------------------------------------------------------------------

// oldUnclear: nothing is put back on the strength of an answer nobody got, let alone of a refusal (I-1); nor while the old
// pair may be dying, unless no pair works anyway.
func oldUnclear(v view) (Move, bool) {
	switch verdict(v.s.Old) {
	case vendors.Accepted:
		if !v.bitesYet() || verdict(v.s.New) == vendors.Refused || v.r.Facts.BothDead {
			return Move{}, false
		}
		return trouble(v, v.now.Add(soon), "going back waits until "+stamp(v.bites())+": the old pair was revoked, as "+who(v.r.Facts.Revoked)+
			" said, and whether the new one works is unclear: "+why(v.s.New, v.s)), true
	case vendors.Refused:
		m := trouble(v, v.now.Add(soon), "the vendor refuses the old pair; whether the new one lives is unclear: "+why(v.s.New, v.s))
		m.Broken = "consumers that are back on the old pair"
		return m, true
	}
	return trouble(v, v.now.Add(soon), "going back waits: whether the old pair is alive is unclear: "+why(v.s.Old, v.s)), true
}

// oldDiedRollingBack: the way back is gone while the new pair lives, or will be, because somebody had revoked the old pair
// before the rollback was wished and said so after: go forward.
func oldDiedRollingBack(v view) (Move, bool) {
	died := verdict(v.s.Old) == vendors.Refused
	if !died && !v.bitesYet() || verdict(v.s.New) != vendors.Accepted {
		return Move{}, false
	}
	if !died {
		return goTo(Staged, "the old pair was revoked, as "+who(v.r.Facts.Revoked)+" said, and may stop working until "+stamp(v.bites())+
			": going forward with the new one")
	}
	return Move{To: Staged, Why: "the vendor refuses the old pair: going forward with the new one",
		Broken: "consumers that are back on the old pair"}, true
}

// lostBoth: the old pair is refused, and nothing here can return the new one: there is no way in either direction.
func lostBoth(v view) (Move, bool) {
	if verdict(v.s.Old) != vendors.Refused {
		return Move{}, false
	}
	return newGone(v)
}

// neverWrote: nothing has to be put back.
func neverWrote(v view) (Move, bool) {
	if v.r.Facts.Wrote {
		return Move{}, false
	}
	return rolledBack(v)
}

// rolledBack: I-6, the new pair's burial waits a grace period for a late writer and looks at the places again. It also
// outlasts the vendor's propagation time: an old pair revoked by mistake a moment ago is seen dead before anybody is
// asked to revoke the other one.
func rolledBack(v view) (Move, bool) {
	m := Move{To: RolledBack, Lives: map[PairID]Life{v.r.Old: Current}, Why: "every place and consumer is back on the old pair"}
	if v.r.New != "" {
		m.Lives[v.r.New] = Orphan
		m.Bury = []Grave{{Pair: v.r.New, State: AwaitingRevocation, NotBefore: v.now.Add(max(graceBurial, v.sp.Profile.Propagation)), Used: true}}
		m.Why += "; the new one gets a burial"
	}
	return m, true
}

func awaitHelp(v view) (Move, bool) {
	reason := "stopped: " + strings.TrimPrefix(v.r.Facts.Reason, "stopped: ") + ". Mend it and resume"
	if v.r.Lane == Routine && v.s.OldHeld && verdict(v.s.Old) != vendors.Refused {
		reason += ", or use " + v.cmd("rollback")
	}
	return wait(v, v.now.Add(tick), reason, v.cmd("resume")), true
}

// ---- burial --------------------------------------------------------------------------------------------------

func grace(v view) (Move, bool) {
	if !v.now.Before(v.r.Facts.NotBefore) {
		return Move{}, false
	}
	return wait(v, v.r.Facts.NotBefore, "waiting for late writers before the pair may be revoked", ""), true
}

// stillHeld: I-10, never ask to revoke a pair that a place holds.
func stillHeld(v view) (Move, bool) {
	if v.s.NewPair.ID == "" && !v.r.Facts.DeadAt.IsZero() { // of a retired credential: places may keep what is dead
		return Move{}, false
	}
	for _, p := range v.sp.Places {
		switch v.s.Places[p.Name].Holds {
		case HoldsOld:
			return wait(v, v.now.Add(tick), "place "+p.Name+" holds the pair that should be buried: do NOT revoke it",
				v.cmd("check")), true
		case HoldsUnknown:
			return trouble(v, v.now.Add(tick), "place "+p.Name+" cannot be reached, and may hold the pair: "+
				v.s.Places[p.Name].Err), true
		}
	}
	return Move{}, false
}

// inUseAgain: the pair came back into use, by a person's hand or a rollback: there is nothing to bury.
func inUseAgain(v view) (Move, bool) {
	if l := v.s.OldPair.Life; l != Current && l != Previous && l != Candidate {
		return Move{}, false
	}
	return goTo(Closed, "the pair is in use again: there is nothing to bury")
}

// stillUsed: I-10, never ask to revoke a pair that a consumer runs with, nor one that was in use before every consumer
// has shown that it uses the present one.
func stillUsed(v view) (Move, bool) {
	for _, c := range v.sp.Consumers {
		u := v.s.Uses[c.Name]
		switch {
		case u.Names == HoldsOld:
			return wait(v, v.now.Add(tick), "consumer "+c.Name+" runs with the pair that should be buried: do NOT revoke it",
				v.cmd("check")), true
		case v.r.Facts.Used && u.Err != "" && v.now.Before(later(v.r.EnteredAt, v.r.Facts.NotBefore).Add(c.ProveIn)):
			return trouble(v, v.now.Add(soon), "consumer "+c.Name+" cannot be asked whether it uses the present pair: "+u.Err), true
		case v.r.Facts.Used && !u.Use.Counts() && !v.waived("consumer:"+c.Name):
			return wait(v, v.now.Add(tick), "consumer "+c.Name+" has not shown that it uses the present pair: do NOT revoke the "+
				"other one yet: "+u.said(), v.cmd("waive")+" consumer:"+c.Name), true
		}
	}
	return Move{}, false
}

// currentLost: the sealed copy of the pair in use is wiped once a place returns it, and now no place does: nobody can ask
// whether it works, so the other one may be all there is, and no death can be proven. A new pair ends the wait.
func currentLost(v view) (Move, bool) {
	if v.s.NewPair.ID == "" || v.s.New != nil || v.s.NewHeld || v.s.NewAway {
		return Move{}, false
	}
	return wait(v, v.now.Add(soon), "no sealed copy of the pair in use exists and no place returns it any more, so that nobody can "+
		"say whether it works: do NOT revoke the other one; put it back into its place, or bring in a new pair", v.cmd("rotate")), true
}

// currentDead: while the pair in use is not accepted, the other one may be all there is. A new pair ends the wait.
func currentDead(v view) (Move, bool) {
	switch verdict(v.s.New) {
	case vendors.Accepted:
		return Move{}, false
	case vendors.Refused:
		return wait(v, v.now.Add(soon), "the vendor refuses the pair in use ("+why(v.s.New, v.s)+"): do NOT revoke the other one, "+
			"and bring in a new pair", v.cmd("rotate")), true
	}
	return trouble(v, v.now.Add(soon), "the vendor does not accept the pair in use now ("+why(v.s.New, v.s)+
		"): do NOT revoke the other one"), true
}

// aliveAgain: I-14, nothing but an Accepted answer unproves a death; it reopens the burial and pages.
func aliveAgain(v view) (Move, bool) {
	if verdict(v.s.Old) != vendors.Accepted {
		return Move{}, false
	}
	return Move{To: AwaitingRevocation, Lives: map[PairID]Life{v.r.Old: Orphan},
		Why:    "a pair that was proven dead is accepted AGAIN: revoke " + name(v.s.OldPair) + " in the portal",
		Broken: "nothing; a key that should be dead works"}, true
}

// currentGone: the watch looks at the pair in use as well, and nobody else does between two rotations.
func currentGone(v view) (Move, bool) {
	if verdict(v.s.New) != vendors.Refused {
		return Move{}, false
	}
	m := wait(v, v.now.Add(tick), "the vendor refuses the pair in use ("+why(v.s.New, v.s)+"): bring in a new one", v.cmd("rotate"))
	m.Broken = "every consumer of the pair in use"
	return m, true
}

func watchOver(v view) (Move, bool) {
	over := !v.now.Before(v.r.Facts.DeadAt.Add(v.sp.Profile.AtMost(watchFor))) && verdict(v.s.Old) == vendors.Refused
	if !over && v.s.OldHeld {
		return Move{}, false
	}
	return Move{To: Closed, Wipe: []PairID{v.r.Old}, Why: "watched to the end: the pair stayed dead, and its sealed copy is wiped"}, true
}

func watchOn(v view) (Move, bool) {
	end := v.r.Facts.DeadAt.Add(v.sp.Profile.AtMost(watchFor))
	if !v.now.Before(end) {
		return trouble(v, v.now.Add(tick), "dead; the last look was unclear: "+why(v.s.Old, v.s)), true
	}
	return wait(v, earlier(end, v.now.Add(watchEvery)), "dead; looked at daily until "+stamp(end), ""), true
}
