package rotator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quarterturn/vendors"
)

// loneAfter is how long a second person is awaited in an emergency before one may approve with a reason.
const loneAfter = 15 * time.Minute

// journey: the lanes in which a new pair takes an old one's place.
func (r Rotation) journey() bool {
	return r.Lane == Routine || r.Lane == Compromised || r.Lane == Replace
}

// laneOf is how a credential is rotated when nothing is wrong.
func laneOf(sp Spec) Lane {
	if sp.Profile.Lifecycle == string(Replace) {
		return Replace
	}
	return Routine
}

// LaneOf is how a configured credential is rotated when nothing is wrong.
func (rt *Rotator) LaneOf(credential string) Lane { return laneOf(rt.creds[credential].Spec) }

// laneUnknown: a newer release opened it.
func laneUnknown(v view) (Move, bool) {
	return wait(v, v.now.Add(watchEvery), "this release does not know the "+string(v.r.Lane)+" lane; nothing was changed",
		v.cmd("abandon")), true
}

// ---- into the compromised lane -------------------------------------------------------------------------------

// heedHurry: the pair in use is known to others. Whatever is under way ends, and its unfinished pair becomes an orphan;
// a rotation in the compromised lane is opened in the same transaction.
func heedHurry(v view) (Move, bool) {
	switch {
	case v.r.Facts.Wish != WishHurry:
		return Move{}, false
	case v.r.Lane == Compromised || v.r.Lane == Burial:
		return Move{Deny: "it is rotated as compromised already"}, true
	}
	if v.endsOld() && v.s.NewPair.Life != Current { // the burial of the only pair that goes on living would be next
		return Move{Deny: "creating the new pair ends the compromised one: the rotation under way is the fastest way on"}, true
	}
	m := Move{To: Abandoned, Hurry: true, Lives: map[PairID]Life{}, Why: "superseded: the pair in use is compromised, as " + who(v.r.Facts.WishWord) + " said"}
	if v.s.OldPair.Life == Previous || v.retiring() { // its successor was lost, or there was to be none: it is in use
		m.Lives[v.r.Old] = Current
	}
	switch {
	case v.r.New != "" && v.r.Old == "": // a first key: it is the compromised one
		m.Lives[v.r.New] = Current
	case v.r.New != "" && v.s.NewPair.Life == Current: // revocation was asked for: the new pair is the one in use, and the compromised one
		m.Lives[v.r.Old] = Orphan
		m.Bury = []Grave{{Pair: v.r.Old, State: AwaitingRevocation, Used: true}}
		m.Why += "; the old pair gets a burial"
	case v.r.New != "":
		m.Lives[v.r.New] = Orphan
		m.Bury = []Grave{{Pair: v.r.New, State: AwaitingRevocation, NotBefore: v.graceEnd(), Used: v.r.Facts.Wrote}}
		m.Why += "; its unfinished pair gets a burial"
	}
	return m, true
}

// endsOld: the new pair was created where that ends the old one.
func (v view) endsOld() bool {
	return v.sp.Profile.Lifecycle == string(Replace) && v.r.New != "" && v.r.Old != ""
}

// graceEnd is when no late writer can write a pair any more (I-6).
func (v view) graceEnd() time.Time {
	if !v.r.Facts.Wrote {
		return time.Time{}
	}
	return v.now.Add(graceBurial)
}

// refuseRollback: nothing is ever put back to a pair that others know, or that creating the new one has ended.
func refuseRollback(v view) (Move, bool) {
	switch {
	case v.r.Facts.Wish != WishRollback:
		return Move{}, false
	case v.r.Lane == Replace:
		return Move{Deny: "rollback: creating the new pair ends the old one, and the approved window waived the way back"}, true
	}
	return Move{Deny: "rollback: the old pair is compromised; nothing is put back to it"}, true
}

// ---- compromised: due ----------------------------------------------------------------------------------------

// sealOldIfAny: the old pair is sealed for the proof of its death where a place returns it; nobody is asked for it.
func sealOldIfAny(v view) (Move, bool) {
	if v.s.OldHeld || v.s.Source == "" {
		return Move{}, false
	}
	return sealOld(v)
}

// goOnWithOrphan: the vendor has no room for another pair, and the unfinished one cannot go because a place holds it:
// it is sealed here and nobody else had it, so the rotation goes on with it.
func goOnWithOrphan(v view) (Move, bool) {
	n := v.sp.Profile.LiveLimit
	if n == 0 || v.s.Live < n || v.r.New != "" || v.r.Facts.Taken { // once: it was refused
		return Move{}, false
	}
	for _, o := range v.s.Orphans {
		if o.Sealed && o.InPlace {
			return Move{To: Received, TakeNew: o.Pair, Lives: map[PairID]Life{o.Pair: Candidate}, Skips: v.skipped(),
				Why: "the vendor has no room for another pair, and a place holds the unfinished one: it goes on with that"}, true
		}
	}
	return Move{}, false
}

// emergency: where creating a key ends the old one, the consumers that will fail must be named by an approval first (I-1).
func emergency(v view) (Move, bool) {
	f := v.r.Facts
	nothingEnds := f.OldDead || f.NoOld || f.BothDead || v.r.Old == "" && v.s.Nowhere
	if v.sp.Profile.Lifecycle != string(Replace) || nothingEnds || len(v.unnamed()) == 0 {
		return Move{}, false
	}
	return wait(v, v.now.Add(tick), "creating a key ends the old one at once, and every consumer fails until it has the new one: "+
		"somebody must approve that", v.approveCommand(v.unnamed())), true
}

// approvalVoid: the request for a key that ends the old one stands only as long as an approval names who fails (I-1).
func approvalVoid(v view) (Move, bool) {
	if _, ok := emergency(v); !ok {
		return Move{}, false
	}
	return goTo(DueState, "no approval names every consumer that would fail any more: do NOT create a key now")
}

// unnamed are the consumers that no approval names.
func (v view) unnamed() []string {
	var names []string
	for _, c := range v.sp.Consumers {
		if !v.named(c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

func (v view) approveCommand(consumers []string) string {
	return v.cmd("approve") + " --consumers " + strings.Join(consumers, ",")
}

// askAtOnce: preflight only warns.
func askAtOnce(v view) (Move, bool) {
	m, _ := askForKey(v)
	m.Skips = v.skipped()
	m.Why = "the pair in use is compromised: a person is asked for a new one at once"
	return m, true
}

// skipped is what this lane leaves out before a key is asked for.
func (v view) skipped() []string {
	var skips []string
	for _, p := range v.s.Problems {
		skips = append(skips, "preflight: "+p)
	}
	if m, ok := frozen(v); ok {
		skips = append(skips, m.Why)
	}
	if v.r.Old != "" && !v.s.OldHeld {
		skips = append(skips, "the old pair is not sealed: its death can only be attested")
	}
	return skips
}

// ---- compromised: spreading, proving, asking -----------------------------------------------------------------

// named: an approval for this very spec goes on without the consumer's proof.
func (v view) named(consumer string) bool { return emergencyWord(v.sp, v.r, consumer) != nil }

// without: an approval goes on without the consumer.
func (v view) without(consumer string) bool { return goingOnWord(v.sp, v.r, consumer) != nil }

// goingOnWord is the approval to go on without a consumer. One that was given before the key was asked for lets the
// consumer fail until it has the new one, and says nothing about whether it ever gets it.
func goingOnWord(sp Spec, r Rotation, consumer string) *Word {
	return approvalNaming(sp, r, consumer, func(w Word) bool {
		return r.Facts.Preflight.IsZero() || w.At.After(r.Facts.Preflight)
	})
}

// emergencyWord is the approval that names a consumer in the compromised lane: by a second person, or by one alone after
// nobody else answered.
func emergencyWord(sp Spec, r Rotation, consumer string) *Word {
	return approvalNaming(sp, r, consumer, func(Word) bool { return true })
}

func approvalNaming(sp Spec, r Rotation, consumer string, counts func(Word) bool) *Word {
	if r.Lane != Compromised {
		return nil
	}
	for _, w := range r.Facts.Approvals {
		other := w.Alone || !strings.EqualFold(w.Who, r.Facts.SubmittedBy)
		if w.Spec == sp.Digest && other && mayApprove(sp, w.Who) && slices.Contains(w.Consumers, consumer) && counts(w) {
			return &w
		}
	}
	return nil
}

// spared: the place, or one that follows it, is read by somebody, and an approval goes on without all who do.
func (v view) spared(p PlaceSpec) bool {
	names := []string{p.Name}
	for _, f := range v.sp.Places {
		if f.Follows == p.Name {
			names = append(names, f.Name)
		}
	}
	read := false
	for _, c := range v.sp.Consumers {
		if !slices.ContainsFunc(c.Reads, func(r string) bool { return slices.Contains(names, r) }) {
			continue
		}
		if !v.without(c.Name) {
			return false
		}
		read = true
	}
	return read
}

// unprovenInEmergency is useUnproven with a way to go on at once: an approval that names who has not proved the pair.
func unprovenInEmergency(v view) (Move, bool) {
	m, ok := useUnproven(v)
	if !ok || m.To != "" || v.now.Before(v.r.EnteredAt.Add(v.sp.Profile.AtMost(soon))) { // most prove themselves within the minute
		return m, ok
	}
	var names []string
	for _, c := range v.sp.Consumers {
		if !v.proven(c) {
			names = append(names, c.Name)
		}
	}
	m.Command = v.approveCommand(names)
	m.Why += "; the compromised key works until it is revoked, and an approval that names the consumers without proof goes on at once"
	return m, true
}

// newDeadOnly: the new pair is refused, and nothing leads back: it is looked at again before a third key is asked for.
func newDeadOnly(v view) (Move, bool) {
	if !v.r.Facts.NewDead {
		return Move{}, false
	}
	m := trouble(v, v.now.Add(soon), "the vendor refuses the NEW pair; there is no way back: looking again, to be sure, before a third key is asked for")
	if v.stoppedWithout() {
		m = v.resumeWithout("the vendor refused the NEW pair when it last answered")
	}
	m.Broken = "consumers that already use the new pair fail"
	return m, true
}

func requestAtOnce(v view) (Move, bool) {
	m, ok := requestRevocation(v)
	m.Skips = []string{"overlap of " + v.sp.Policy.Overlap.String() + ": the old key is known to others"}
	return m, ok
}

// newGone: the new pair came in, and nothing here can return it any more: its sealing identity was lost. Another one is
// asked for, and this one is buried.
func newGone(v view) (Move, bool) {
	if v.r.New == "" || v.s.NewHeld || v.s.NewOpen {
		return Move{}, false
	}
	for _, p := range v.sp.Places {
		if p.Readable && v.s.Places[p.Name].Holds == HoldsUnknown {
			return trouble(v, v.now.Add(soon), "the sealed copy of the new pair is gone, and place "+p.Name+", which may return it, cannot be reached: "+
				v.s.Places[p.Name].Err), true
		}
	}
	return Move{To: AwaitingKey, DropNew: true, Spare: verdict(v.s.Old) != vendors.Refused, Lives: map[PairID]Life{v.r.New: Orphan},
		Bury: []Grave{{Pair: v.r.New, State: AwaitingRevocation, NotBefore: v.graceEnd(), Used: v.r.Facts.Wrote}},
		Why:  "no copy of the new pair can be opened any more; create another, and revoke that one when you are asked" + v.withdrawn()}, true
}

// clockOff: by a clock that is far from the vendor's, neither an overlap nor a proof of death can be measured.
func clockOff(v view) (Move, bool) {
	for _, rd := range []*vendors.Reading{v.s.New, v.s.Old} {
		if rd == nil || rd.ServerTime.IsZero() {
			continue
		}
		if ahead := rd.ServerTime.Sub(rd.At); ahead.Abs() > ClockTolerance {
			return wait(v, v.now.Add(tick), "this machine's clock is "+apart(ahead)+" the vendor's: nothing that depends on time goes on until "+
				"it is right; both keys work", "quarterturn check"), true
		}
	}
	return Move{}, false
}

// ---- replace -------------------------------------------------------------------------------------------------

// window: the key is asked for inside a maintenance window that somebody approved, naming every consumer (I-1). An old
// pair that is dead already leaves nothing to wait for.
func window(v view) (Move, bool) {
	if v.r.Facts.OldDead || v.r.Old == "" && v.s.Nowhere {
		return Move{}, false
	}
	w := v.approvedWindow()
	switch {
	case w == nil || !v.now.Before(w.To):
		var names []string
		for _, c := range v.sp.Consumers {
			names = append(names, c.Name)
		}
		return wait(v, v.now.Add(watchEvery), "creating a key ends the old one, and every consumer fails until it has the new one: a "+
			"maintenance window must be approved", v.cmd("approve")+" --consumers "+strings.Join(names, ",")), true
	case v.now.Before(w.From):
		return wait(v, w.From, "a key will be asked for in the maintenance window of "+stamp(w.From)+", approved by "+w.Who, ""), true
	}
	return Move{}, false
}

// approvedWindow is the window for this very spec that names every consumer, nil when there is none.
func (v view) approvedWindow() *Word {
	w := v.r.Facts.Window
	if w == nil || w.Spec != v.sp.Digest || !mayApprove(v.sp, w.Who) {
		return nil
	}
	for _, c := range v.sp.Consumers {
		if !slices.Contains(w.Consumers, c.Name) {
			return nil
		}
	}
	return w
}

// windowOver: no key is asked for outside the window; one that was created has ended the old pair, which is seen.
func windowOver(v view) (Move, bool) {
	if v.r.Facts.OldDead || v.r.Facts.NoOld || v.r.Facts.BothDead {
		return Move{}, false
	}
	if w := v.approvedWindow(); w != nil && !v.now.Before(w.From) && v.now.Before(w.To) {
		return Move{}, false
	}
	return goTo(DueState, "no approved maintenance window is open any more: do NOT create a key now")
}

// replaced: nobody is asked to revoke anything.
func replaced(v view) (Move, bool) {
	return Move{To: AwaitingRevocation, Lives: map[PairID]Life{v.r.New: Current, v.r.Old: Previous},
		Why: "creating the new pair ends the old one: nobody has to revoke it, and its death is proven"}, true
}

// awaitReplaced: the old pair should die by itself within the propagation time.
func awaitReplaced(v view) (Move, bool) {
	bites := v.r.EnteredAt.Add(v.sp.Profile.Propagation)
	dies := v.sp.Profile.Lifecycle == string(Replace) && verdict(v.s.Old) == vendors.Accepted && v.r.Facts.Revoked == nil
	switch {
	case dies && v.now.Before(bites):
		return wait(v, earlier(bites, v.now.Add(tick)), "the old pair still answers; creating the new one should end it until "+stamp(bites), ""), true
	case dies:
		return wait(v, v.now.Add(tick), "creating the new pair should have ended the old one, and it still works: look in the portal for "+
			name(v.s.OldPair)+keep(v), v.revokedCommand()), true
	}
	return awaitRevocation(v)
}

// ---- retire --------------------------------------------------------------------------------------------------

func nothingToRetire(v view) (Move, bool) {
	if v.r.Old != "" || !v.s.Nowhere {
		return Move{}, false
	}
	return Move{To: Closed, Retires: true, Why: "there is no pair in use: the credential is retired"}, true
}

// unfitToRetire: which pair is in use cannot be told.
func unfitToRetire(v view) (Move, bool) {
	if v.s.Unfit == 0 || v.r.Old != "" && !v.s.Changed {
		return Move{}, false
	}
	return wait(v, v.now.Add(tick), "which pair is in use cannot be told: "+v.s.Problems[0], v.cmd("check")), true
}

// stillNeeded: I-2, a consumer that is declared needs the pair, until somebody says by name that it does not.
func stillNeeded(v view) (Move, bool) {
	for _, c := range v.sp.Consumers {
		if !v.waived("consumer:" + c.Name) {
			return wait(v, v.now.Add(watchEvery), "consumer "+c.Name+" is declared and would be left without a key: take it out of the "+
				"configuration, or say that it may fail", v.cmd("waive")+" consumer:"+c.Name), true
		}
	}
	return Move{}, false
}

// neededAgain: a consumer was declared, or its waiver ended, before anybody said that the pair is revoked.
func neededAgain(v view) (Move, bool) {
	m, ok := stillNeeded(v)
	if !ok || v.r.Facts.Revoked != nil || v.r.Facts.EndWord != nil || verdict(v.s.Old) != vendors.Accepted {
		return Move{}, false
	}
	back := Move{To: DueState, Why: m.Why + v.withdrawn()}
	if v.retiring() {
		back.Lives = map[PairID]Life{v.r.Old: Current}
	}
	return back, true
}

// retiring: the pair in use is listed as an orphan, because its revocation was asked for.
func (v view) retiring() bool {
	return v.r.Lane == Retire && v.r.State == AwaitingRevocation && v.s.OldPair.Life == Orphan
}

func askToRetire(v view) (Move, bool) {
	if v.r.Old == "" {
		return Move{To: AwaitingRevocation, Unheld: true, Why: "asked to revoke the pair in use, which was never held here; no other takes its place"}, true
	}
	return Move{To: AwaitingRevocation, Lives: map[PairID]Life{v.r.Old: Orphan},
		Why: "asked to revoke " + name(v.s.OldPair) + "; no other takes its place"}, true
}

func retired(v view) (Move, bool) {
	t := v.r.Facts.Triples
	return Move{To: Closed, Retires: true, Lives: map[PairID]Life{v.r.Old: Dead},
		Bury: []Grave{{Pair: v.r.Old, State: RevocationProven, DeadAt: v.now, NotBefore: v.now.Add(watchEvery)}},
		Why:  fmt.Sprintf("%d triples over %s: the pair is dead, and the credential is retired", len(t), t[len(t)-1].At.Sub(t[0].At))}, true
}
