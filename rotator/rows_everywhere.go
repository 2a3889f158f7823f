package rotator

import (
	"maps"
	"slices"
	"time"

	"quarterturn/vendors"
)

// ---- what people wish ----------------------------------------------------------------------------------------

func heedAbandon(v view) (Move, bool) {
	if v.r.Facts.Wish != WishAbandon {
		return Move{}, false
	}
	if v.r.Facts.Wrote {
		return denyAbandon(v)
	}
	if v.endsOld() {
		return Move{Deny: "abandon: creating the new pair ends the old one: there is no way back; the way on is " + v.cmd("rotate")}, true
	}
	m := Move{To: Abandoned, Why: "abandoned before anything was written"}
	switch {
	case v.retiring():
		if v.dying() {
			return Move{Deny: "abandon: the pair is revoked already, and its death is being proven"}, true
		}
		m.Why, m.Lives = "not retired: the pair stays in use", map[PairID]Life{v.r.Old: Current}
	case v.s.OldPair.Life == Previous: // its successor was lost, or given up
		m.Lives = map[PairID]Life{v.r.Old: Current}
	}
	if v.r.New != "" {
		m.Why += "; the pair that was created gets a burial"
		if m.Lives == nil {
			m.Lives = map[PairID]Life{}
		}
		m.Lives[v.r.New] = Orphan
		m.Bury = []Grave{{Pair: v.r.New, State: AwaitingRevocation}}
	}
	return m, true
}

// dying: the old pair is refused, or somebody said a moment ago that it is revoked.
func (v view) dying() bool {
	w := v.r.Facts.Revoked
	return verdict(v.s.Old) == vendors.Refused || w != nil && v.now.Before(w.At.Add(v.sp.Profile.Propagation))
}

func denyAbandon(v view) (Move, bool) {
	if v.r.Facts.Wish != WishAbandon {
		return Move{}, false
	}
	if v.r.Facts.BothDead || v.r.Lane != Routine {
		return Move{Deny: "abandon: something has been written, and there is no way back; the way on is " + v.cmd("rotate")}, true
	}
	return Move{Deny: "abandon: the new pair has already been written; the way back is " + v.cmd("rollback")}, true
}

func denyRollback(v view) (Move, bool) {
	switch {
	case v.r.Facts.Wish != WishRollback:
		return Move{}, false
	case v.r.State == AwaitingKey && v.r.Facts.Wrote:
		return heedRollback(v)
	case v.r.State == RevocationProven:
		return Move{Deny: "rollback: the old pair is proven dead; there is nothing to go back to"}, true
	case v.r.Facts.BothDead:
		return Move{Deny: "rollback: no pair works; the way on is a third one, by " + v.cmd("rotate")}, true
	}
	return Move{Deny: "rollback: nothing has been written yet; to stop, use " + v.cmd("abandon")}, true
}

// heedRollback: the way back exists only while the old pair is accepted and a sealed copy is there (I-12, I-14), and
// nobody said that it was revoked: until that bites it is still accepted, and then every consumer would fail (I-1).
func heedRollback(v view) (Move, bool) {
	if v.r.Facts.Wish != WishRollback {
		return Move{}, false
	}
	switch {
	case v.r.Old == "" || !v.s.OldHeld:
		return Move{Deny: "rollback: no sealed copy of an old pair exists" + because(v.r.Facts.NoRollback)}, true
	case verdict(v.s.Old) == vendors.Refused:
		return Move{Deny: "rollback: the vendor refuses the old pair; going back would break every consumer"}, true
	case verdict(v.s.Old) == vendors.Unclear:
		return trouble(v, v.now.Add(soon), "rollback is wished, and whether the old pair is alive is unclear: "+
			why(v.s.Old, v.s)), true
	}
	if elsewhere(v.sp, v.s.Old) {
		return Move{Deny: "rollback: the old pair answers for " + v.s.Old.Environment + ", not for " + v.sp.Environment + ": it is written nowhere"}, true
	}
	if reason := v.saidDead(); reason != "" {
		return Move{Deny: "rollback: " + reason}, true
	}
	m := Move{To: RollingBack, Why: "rollback, as " + who(v.r.Facts.WishWord) + " asked"}
	if v.r.State == FailedState { // it may have been going back when it stopped
		m.Again = v.everyRun()
	}
	return m, true
}

// saidDead: why what was said bars the way back, "" when it does not: where no pair works there is nothing to lose.
func (v view) saidDead() string {
	works := verdict(v.s.New) == vendors.Accepted
	lost := verdict(v.s.New) == vendors.Refused || v.r.Facts.BothDead
	switch {
	case !v.oldRevoked() || lost || !works && !v.bitesYet():
		return ""
	case v.r.State != AwaitingRevocation:
		return "the old pair was revoked, as " + who(v.r.Facts.Revoked) + " said, and may stop working until " + stamp(v.bites()) +
			"; if the vendor still accepts it then, ask again"
	case !works:
		return "the old pair was revoked, as " + who(v.r.Facts.Revoked) + " said, and whether the new one works is unclear; ask again"
	}
	return "the old pair was revoked, as " + who(v.r.Facts.Revoked) + " said, and the new one works; if " +
		"another key was revoked, say so with " + v.cmd("revoked")
}

// bites is by when what was said of a revocation must have taken effect.
func (v view) bites() time.Time { return bitten(v.sp, *v.r.Facts.Revoked) }

// bitten: an edge may be slower than the propagation time says, so a pair counts as living after all no sooner than its
// death could have been proven.
func bitten(sp Spec, said Word) time.Time {
	span, _ := deathSpan(sp)
	return said.At.Add(span)
}

// bitesYet: the old pair was said to be revoked, and may still answer only because that takes its time.
func (v view) bitesYet() bool { return v.oldRevoked() && v.now.Before(v.bites()) }

// oldRevoked: somebody said so, and the characters typed are not those of the key in use.
func (v view) oldRevoked() bool {
	w := v.r.Facts.Revoked
	return w != nil && (w.Fragment == "" || w.Fragment == v.s.OldPair.Fragment || w.Fragment != v.s.NewPair.Fragment)
}

func heedResume(v view) (Move, bool) {
	if v.r.Facts.Wish != WishResume {
		return Move{}, false
	}
	return Move{To: v.r.Facts.Resume, Again: v.everyRun(), Rewrite: v.disbelieved(), Why: "resumed, as " + who(v.r.Facts.WishWord) + " asked"}, true
}

// disbelieved are the places that cannot be read back and are read by a consumer that was redeployed and never proved the
// pair: a late writer may have changed one before its version was seen, and another redeploy alone would change nothing.
func (v view) disbelieved() []string {
	var places []string
	for _, c := range v.sp.Consumers {
		if v.r.Facts.Runs[c.Name].Stale {
			places = append(places, v.doubted(c)...)
		}
	}
	return places
}

// everyRun is the consumers that were redeployed, sorted: once a person has mended what failed, each is tried anew.
func (v view) everyRun() []string { return slices.Sorted(maps.Keys(v.r.Facts.Runs)) }

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (waived: " + reason + ")"
}

func who(w *Word) string {
	if w == nil || w.Who == "" {
		return "somebody"
	}
	return w.Who
}

// ---- rows that hold everywhere -------------------------------------------------------------------------------

func cannotOpen(v view) (Move, bool) {
	if !v.r.needsOpen() || v.s.Opened.Able && v.s.Opened.Err == "" {
		return Move{}, false
	}
	reason := v.s.Opened.Err
	if !v.s.Opened.Able {
		reason = "this machine holds no sealing identity"
	}
	return wait(v, v.now.Add(tick), "a sealed pair cannot be opened here: "+reason+"; nothing was changed",
		"quarterturn check"), true
}

// newDead: somebody revoked the wrong key. While the old one lives there is one way back.
func newDead(v view) (Move, bool) {
	if !v.r.Facts.NewDead {
		return Move{}, false
	}
	reason := "the vendor refuses the NEW pair"
	if verdict(v.s.New) == vendors.Unclear {
		reason = "the vendor refused the NEW pair when it last answered"
	}
	var m Move
	switch {
	case v.wayBack():
		m = wait(v, v.now.Add(soon), reason+", and accepts the old one", v.cmd("rollback"))
	case v.stoppedWithout():
		m = v.resumeWithout(reason)
	case verdict(v.s.Old) != vendors.Unclear:
		m = trouble(v, v.now.Add(soon), reason+", and the old one leads nowhere: looking again, to be sure, before a third key is asked for")
	default:
		m = trouble(v, v.now.Add(soon), reason+"; whether the old one lives is unclear: "+why(v.s.Old, v.s))
	}
	m.Broken = "consumers that already use the new pair fail"
	return m, true
}

// stoppedWithout: nothing here can return the new pair, so the vendor cannot be asked about it again; where it stopped nobody
// looks at the places, which might.
func (v view) stoppedWithout() bool {
	return v.r.State == FailedState && v.r.New != "" && !v.s.NewHeld && !v.s.NewOpen
}

func (v view) resumeWithout(reason string) Move {
	return wait(v, v.now.Add(tick), reason+", and no copy of it can be opened any more; resume, and another one is asked for", v.cmd("resume"))
}

// bothDead: neither key works, and that was seen again some minutes later, for one lying answer must not cost a living
// pair. A third one in the same rotation is the only way on.
func bothDead(v view) (Move, bool) {
	since := v.r.Facts.JointSince
	if since.IsZero() || v.now.Before(since.Add(v.sp.Profile.AtMost(sureDead))) || v.r.New != "" && verdict(v.s.New) != vendors.Refused {
		return Move{}, false
	}
	m := Move{To: AwaitingKey, DropNew: true, Broken: "every consumer: no pair works",
		Why: "the vendor refuses the old and the new pair; create a third one at once"}
	if v.r.Lane != Routine && verdict(v.s.Old) != vendors.Refused {
		m.Why, m.Broken = "the vendor refuses the new pair, and nothing leads back to the old one; create a third one at once",
			"consumers that already use the new pair"
	}
	if v.r.New != "" {
		m.Lives = map[PairID]Life{v.r.New: Orphan}
		m.Bury = []Grave{{Pair: v.r.New, State: AwaitingRevocation, NotBefore: v.graceEnd(), Used: v.r.Facts.Wrote}}
	}
	return m, true
}

// placeLost: a place no longer holds the pair it held. What is still proven is that the host accepts it.
func placeLost(v view) (Move, bool) {
	for _, p := range v.sp.Places {
		seen := v.s.Places[p.Name]
		if _, held := v.r.Facts.Places[p.Name]; held || seen.Holds == HoldsUnknown || seen.Holds == "" || v.spared(p) {
			continue
		}
		return goTo(Staged, "place "+p.Name+" no longer holds the new pair ("+string(seen.Holds)+" instead)"+v.withdrawn())
	}
	return Move{}, false
}

// useLost: a consumer shows that it runs with another pair.
func useLost(v view) (Move, bool) {
	for _, c := range v.sp.Consumers {
		u := v.s.Uses[c.Name]
		if u.Names == "" || u.Names == v.holdsTarget() || v.without(c.Name) {
			continue
		}
		m := Move{To: Distributed, Again: []string{c.Name}, Rewrite: v.doubted(c),
			Why: "consumer " + c.Name + " runs with " + generation(u.Names) + " again" + v.withdrawn()}
		if v.r.Facts.OldDead || verdict(v.s.Old) == vendors.Refused {
			m.Broken = "consumer " + c.Name + " runs with a pair the vendor refuses"
		}
		return m, true
	}
	return Move{}, false
}

// proofGone: a waiver ended, or a consumer was added. What is still proven is that the redeploys succeeded (I-2).
func proofGone(v view) (Move, bool) {
	for _, c := range v.sp.Consumers {
		if !v.proven(c) {
			return goTo(Redeployed, "nothing shows any more that consumer "+c.Name+" uses the new pair"+v.withdrawn())
		}
	}
	return Move{}, false
}

// doubted are the places c reads that cannot be read back: a consumer that shows another pair is the only evidence of
// what they hold (I-8).
func (v view) doubted(c ConsumerSpec) []string {
	var places []string
	for _, p := range v.sp.Places {
		if !p.Readable && p.Follows == "" && slices.Contains(c.Reads, p.Name) {
			places = append(places, p.Name)
		}
	}
	return places
}

// withdrawn says that a revocation request no longer stands.
func (v view) withdrawn() string {
	if v.r.State != AwaitingRevocation {
		return ""
	}
	return "; the revocation request is withdrawn: do NOT revoke the old key"
}

func generation(h Holds) string {
	switch h {
	case HoldsOld:
		return "the old pair"
	case HoldsNew:
		return "the new pair"
	}
	return "a pair that is neither old nor new"
}
