package rotator

import (
	"fmt"
	"quarterturn/policies"
	"quarterturn/vendors"
)

// ---- due -----------------------------------------------------------------------------------------------------

func lifecycleNotBuilt(v view) (Move, bool) {
	if v.sp.Profile.Lifecycle == "overlap" || v.r.Lane == Compromised && v.sp.Profile.Lifecycle == "replace" {
		return Move{}, false
	}
	return wait(v, v.now.Add(watchEvery), "the vendor's lifecycle is "+v.sp.Profile.Lifecycle+
		", and overlap and replace are built; nothing was changed", v.cmd("abandon")), true
}

func preflightFails(v view) (Move, bool) {
	if len(v.s.Problems) == 0 {
		return Move{}, false
	}
	reason := "preflight: " + v.s.Problems[0]
	if n := len(v.s.Problems) - 1; n > 0 {
		reason += fmt.Sprintf(" (and %d more)", n)
	}
	return wait(v, v.now.Add(tick), reason, v.cmd("check")), true
}

// sealOld: I-12, before anybody is asked for a key. The old pair is the one in the places, whatever was sealed before.
func sealOld(v view) (Move, bool) {
	switch {
	case v.s.OldHeld || v.s.Nowhere && v.r.Old == "":
		return Move{}, false
	case v.s.Source != "":
		return Move{Do: SealOld, Target: v.s.Source, Why: "reading the old pair from " + v.s.Source + " to seal it"}, true
	}
	if v.r.Facts.NoRollback != "" {
		return Move{}, false
	}
	return wait(v, v.now.Add(tick), "no place can return the old pair: hand it in once, or waive rollback",
		"quarterturn submit --old "+v.sp.Credential), true
}

func oldUnprobed(v view) (Move, bool) {
	if v.r.Old == "" || !v.s.OldHeld || verdict(v.s.Old) != vendors.Unclear {
		return Move{}, false
	}
	return trouble(v, v.now.Add(soon), "whether the old pair is alive is unclear: "+why(v.s.Old, v.s)+"; nothing is broken"), true
}

func oldElsewhere(v view) (Move, bool) {
	if !elsewhere(v.sp, v.s.Old) {
		return Move{}, false
	}
	if v.s.Source == "" { // it was handed in, and is no business of this credential
		return Move{To: DueState, DropOld: true, Lives: map[PairID]Life{v.r.Old: Refused}, Wipe: []PairID{v.r.Old},
			Why: "the pair that was handed in as the old one answers for " + v.s.Old.Environment + ", not for " +
				v.sp.Environment + "; it was wiped"}, true
	}
	return wait(v, v.now.Add(tick), "the pair in the places answers for "+v.s.Old.Environment+", not for "+
		v.sp.Environment, v.cmd("check")), true
}

// liveLimit: I-13, the vendor must have room for one more pair, unless it came in already.
func liveLimit(v view) (Move, bool) {
	if v.r.New != "" || v.sp.Profile.Lifecycle == string(Replace) {
		return Move{}, false
	}
	n, live := v.sp.Profile.LiveLimit, v.s.Live
	if v.r.Facts.OldDead {
		live--
	}
	if n == 0 || live < n {
		return Move{}, false
	}
	reason := fmt.Sprintf("%d pairs may be alive and the vendor allows %d", live, n)
	if len(v.s.Orphans) == 0 {
		return wait(v, v.now.Add(tick), reason, v.cmd("check")), true
	}
	o := v.s.Orphans[0]
	switch newPair := o.Command == v.cmd("rotate"); {
	case v.r.Facts.OldDead && (o.Command == "" || newPair): // its burial waits for a pair in use that works, and there is none
		o.Why = "no pair in use works, so its death cannot be proven: revoke " + name(o.Whole) + " in the portal and attest that"
		o.Command = v.cmd("attest") + " --pair " + string(o.Pair)
	case newPair: // its burial waits for a new pair, and there is no room for one
		o.Why = "whether the pair in use works cannot be asked: do NOT revoke the other one; put the pair in use back into its place"
		o.Command = v.cmd("check")
	}
	return wait(v, v.now.Add(tick), reason+"; of the one nobody should use: "+o.Why, o.Command), true
}

func frozen(v view) (Move, bool) {
	f := policies.Judge(v.sp.Policy, v.s.OldPair.Created, v.now)
	if f.Frozen == nil || f.Level == policies.Overdue {
		return Move{}, false
	}
	return wait(v, f.Frozen.To, "frozen: "+f.Frozen.Reason, ""), true
}

func askForKey(v view) (Move, bool) {
	reason := "everything needed to finish is ready"
	switch {
	case v.r.Old == "" && v.s.Nowhere:
		reason += "; there is no old pair: a first key"
	case v.r.Old == "":
		return Move{To: AwaitingKey, Unheld: true, Why: reason + "; the old pair was never held here, and its revocation can " +
			"only be attested"}, true
	case v.r.Facts.OldDead:
		reason += "; the old pair is already refused: there is no way back, go on"
	}
	return goTo(AwaitingKey, reason)
}

// ---- awaiting_key --------------------------------------------------------------------------------------------

// oldCameLate: the pair in use was handed in while a first key was about to be asked for: it must be looked at first.
func oldCameLate(v view) (Move, bool) {
	if v.r.Old == "" || !v.r.Facts.NoOld || v.r.New != "" {
		return Move{}, false
	}
	return goTo(DueState, "the pair in use was handed in")
}

func pairCameIn(v view) (Move, bool) {
	if v.r.New == "" {
		return Move{}, false
	}
	return goTo(Received, "a new pair came in from "+v.r.Facts.SubmittedBy+" and is sealed")
}

// orphanFirst: I-16, at most one unrevoked pair beyond current and previous. While the pair in use is refused an orphan
// may be all there is, and consumers may run with a pair of this rotation that was lost: its burial waits for a new pair,
// which must not wait for it.
func orphanFirst(v view) (Move, bool) {
	f := v.r.Facts
	full := v.sp.Profile.LiveLimit > 0 && v.s.Live >= v.sp.Profile.LiveLimit
	if len(v.s.Orphans) == 0 || f.BothDead || f.OldDead || f.Wrote && !(full && v.wayBack() && v.s.OldHeld && !v.bitesYet()) {
		return Move{}, false
	}
	o := v.s.Orphans[0]
	if v.s.keyForBurial(v.sp.Credential) && !v.s.OldHeld { // nobody can ask about the pair in use: the orphan waits for this key
		return Move{}, false
	}
	if f.Wrote {
		return wait(v, v.now.Add(tick), "the new pair was lost after it was written, and the vendor has no room for another: go back, and it is buried",
			v.cmd("rollback")), true
	}
	if v.s.keyForBurial(v.sp.Credential) {
		return burialLooksAgain(v), true
	}
	return wait(v, v.now.Add(tick), "a pair that nobody should use may still be alive, and goes first: "+o.Why, o.Command), true
}

// burialLooksAgain: the orphan's burial wants a new key, and this look does not find the pair in use refused: a second
// unfinished pair beside a living orphan would be one too many (I-16).
func burialLooksAgain(v view) Move {
	reason := "a pair that nobody should use may still be alive, and goes first: its burial found that the pair in use does not work, and "
	if v.wayBack() {
		return wait(v, v.now.Add(soon), reason+"by now it does: the burial looks again", "")
	}
	return trouble(v, v.now.Add(soon), reason+"whether that is so is unclear: "+why(v.s.Old, v.s))
}

// preflightBroke: I-13, the request for a key stands only while everything is ready.
func preflightBroke(v view) (Move, bool) {
	switch {
	case v.r.Facts.BothDead || v.r.Facts.Wrote: // another key is asked for, because the one that was written is no use
		return Move{}, false
	case len(v.s.Problems) > 0:
		return goTo(DueState, "preflight no longer passes: "+v.s.Problems[0])
	case v.s.Changed:
		return goTo(DueState, "the places hold another pair than the one that was sealed")
	}
	return Move{}, false
}

func awaitKey(v view) (Move, bool) {
	reason := "a person is asked to create a new pair in the portal"
	if v.r.Lane == Compromised {
		reason = "the pair in use is compromised: a person is asked to create a new one in the portal now"
	}
	if v.r.Facts.Rejected != "" {
		reason = v.r.Facts.Rejected
	}
	m := wait(v, v.now.Add(watchEvery), reason, v.cmd("rotate"))
	return v.withoutPair(m), true
}

// withoutPair: while a key is awaited and none works, or the way back opens again.
func (v view) withoutPair(m Move) Move {
	if w := v.approvedWindow(); w != nil && v.r.Lane == Replace && v.now.Before(w.To) {
		m.Next = earlier(m.Next, w.To)
	}
	switch alive := verdict(v.s.Old) == vendors.Accepted; {
	case v.r.Lane == Replace && v.r.Facts.OldDead:
		m.Next, m.Broken = v.now.Add(tick), "every consumer, until the new pair is there: creating it has ended the old one"
	case v.r.Lane != Routine && (alive || !v.r.Facts.BothDead):
	case v.r.Facts.BothDead && v.wayBack():
		m.Next, m.Why, m.Command = v.now.Add(tick), "the vendor accepts the old pair again", v.cmd("rollback")
		m.Broken = "every consumer: no pair works"
	case v.r.Facts.BothDead:
		m.Next, m.Broken = v.now.Add(tick), "every consumer: no pair works"
	}
	return m
}

// ---- received ------------------------------------------------------------------------------------------------

// newUnclear: nothing is written, and no revocation asked for, on the strength of an answer nobody got (I-1, I-4).
func newUnclear(v view) (Move, bool) {
	if v.r.New == "" || verdict(v.s.New) != vendors.Unclear {
		return Move{}, false
	}
	return trouble(v, v.now.Add(soon), "whether the new pair works is unclear: "+why(v.s.New, v.s)+"; it is sealed here"), true
}

// newRefused: wiped, and asked for again. The portal page is still open, for only staged lets the person close it.
func newRefused(v view) (Move, bool) {
	if verdict(v.s.New) != vendors.Refused {
		return Move{}, false
	}
	if v.r.Facts.Taken {
		return Move{To: AwaitingKey, DropNew: true, Spare: verdict(v.s.Old) == vendors.Accepted, Lives: map[PairID]Life{v.r.New: Orphan},
			Bury: []Grave{{Pair: v.r.New, State: AwaitingRevocation, NotBefore: v.graceEnd(), Used: true}},
			Why:  "the vendor refuses the unfinished pair (" + why(v.s.New, v.s) + "): another one is needed, and this one stays listed"}, true
	}
	return Move{To: AwaitingKey, DropNew: true, Lives: map[PairID]Life{v.r.New: Refused}, Wipe: []PairID{v.r.New},
		Why: v.sp.Profile.Host + " refuses the pair (" + why(v.s.New, v.s) + "); it was wiped: check that it was made for " +
			v.sp.Environment + " and paste it again, or create another"}, true
}

// acceptsAnybody: a broken gateway, or a cache in between, may accept whatever it is shown (I-4).
func acceptsAnybody(v view) (Move, bool) {
	if !v.sp.Profile.FailingProbes || verdict(v.s.Random) == vendors.Refused {
		return Move{}, false
	}
	reason := "the host accepts a pair that nobody ever issued, so that its word about the new one means nothing"
	if verdict(v.s.Random) == vendors.Unclear {
		reason = "whether the host refuses a made-up pair is unclear: " + why(v.s.Random, v.s)
	}
	return trouble(v, v.now.Add(soon), reason+"; the new pair is sealed here"), true
}

func wrongEnvironment(v view) (Move, bool) {
	if v.s.New.Environment == "" || v.s.New.Environment == v.sp.Environment {
		return Move{}, false
	}
	return reject(v, "the pair answers for "+v.s.New.Environment+", not for "+v.sp.Environment), true
}

// wrongTenant: both pairs list accounts and share none.
func wrongTenant(v view) (Move, bool) {
	if v.s.Old == nil || len(v.s.Old.Subjects) == 0 || len(v.s.New.Subjects) == 0 ||
		shared(v.s.Old.Subjects, v.s.New.Subjects) || v.waived("tenant") {
		return Move{}, false
	}
	return reject(v, "the pair answers for other accounts than the old one: it is another organisation's"), true
}

func reject(v view, reason string) Move {
	return Move{To: AwaitingKey, DropNew: true, Lives: map[PairID]Life{v.r.New: Orphan},
		Bury: []Grave{{Pair: v.r.New, State: AwaitingRevocation}},
		Why:  reason + "; nothing was written. Revoke that pair, then create one in the right place"}
}

// unattested: what the vendor's answer cannot say, a person must (I-4).
func unattested(v view) (Move, bool) {
	f := v.r.Facts
	if f.Seen != "" && f.Tenant != "" {
		return Move{}, false
	}
	return wait(v, v.now.Add(tick), "the vendor's answer does not say whose pair this is: say which organisation and "+
		"environment the portal showed", v.cmd("attest")+" --environment "+v.sp.Environment), true
}

func stage(v view) (Move, bool) {
	return goTo(Staged, v.sp.Profile.Host+" accepted the pair; environment "+v.r.Facts.Seen+", tenant "+v.r.Facts.Tenant)
}
