package rotator

import (
	"testing"
	"time"

	"quarterturn/cicd"
)

func stopLines(passes string) []ask {
	return []ask{
		{name: "an effect failed for good", row: "effectStopped", passes: passes,
			given: func(c *scene) { c.r.Facts.Stop = "place vault: the place refuses this access" },
			want:  reply{to: FailedState, resumeHere: true, why: "refuses this access"}},
	}
}

// putLines: writing, in both directions.
func putLines(wrong Holds) []ask {
	return []ask{
		{name: "a place has another generation: it is written", row: "putNext",
			given: func(c *scene) { c.unheld("vault", wrong) }, want: reply{do: Put, target: "vault"}},
		{name: "a place holds nothing: it is written", row: "putNext",
			given: func(c *scene) { c.unheld("vault", HoldsNothing) }, want: reply{do: Put, target: "vault"}},
		{name: "a place holds half a pair: it is written", row: "putNext",
			given: func(c *scene) { c.unheld("vault", HoldsTorn) }, want: reply{do: Put, target: "vault"}},
		{name: "a place that can't be read back is written once", row: "putNext",
			given: func(c *scene) { c.unheld("ci", HoldsHidden) }, want: reply{do: Put, target: "ci"}},
		{name: "two places lack it: the declared order", row: "putNext",
			given: func(c *scene) { c.unheld("ci", HoldsHidden); c.unheld("vault", wrong) },
			want:  reply{do: Put, target: "vault"}},
		{name: "a place cannot be reached", row: "putNext",
			given: func(c *scene) { c.unheld("vault", HoldsUnknown) },
			want:  reply{trouble: true, why: "place vault cannot be reached: timeout", next: soon}},
		{name: "a place cannot be reached, again and again: longer waits", row: "putNext",
			given: func(c *scene) { c.unheld("vault", HoldsUnknown); c.r.Facts.Stuck = 2 },
			want:  reply{trouble: true, why: "place vault", next: 4 * soon}},
		{name: "a place cannot be reached for ever: a look every tick", row: "putNext",
			given: func(c *scene) { c.unheld("vault", HoldsUnknown); c.r.Facts.Stuck = 1000 },
			want:  reply{trouble: true, why: "place vault", next: tick}},
		{name: "I-9: a place holds a pair nobody knows: it is not ours to overwrite", row: "putNext",
			given: func(c *scene) { c.unheld("vault", HoldsForeign) },
			want:  reply{why: "never seen; overwrite it?", command: "quarterturn waive bluum place:vault"}},
		{name: "I-9: a waiver for another place allows nothing", row: "putNext",
			given: func(c *scene) { c.unheld("vault", HoldsForeign); c.waive("place:ci", time.Hour) },
			want:  reply{why: "overwrite it?", command: "quarterturn waive bluum place:vault"}},
		{name: "a place holds a pair nobody knows, and that is waived", row: "putNext",
			given: func(c *scene) { c.unheld("vault", HoldsForeign); c.waive("place:vault", time.Hour) },
			want:  reply{do: Put, target: "vault"}},
		{name: "the place it follows holds it: a follower is awaited, never written", row: "followers", passes: "putNext",
			given: func(c *scene) { c.unheld("mirror", wrong) },
			want:  reply{why: "place mirror follows vault and does not show the pair yet", next: soon}},
		{name: "a follower cannot be reached", row: "followers", passes: "putNext",
			given: func(c *scene) { c.unheld("mirror", HoldsUnknown) }, want: reply{why: "place mirror follows vault"}},
	}
}

func TestDecideStaged(t *testing.T) {
	back := rollbackLines()
	back[0].passes = "heedAbandon"
	table(t, Routine, Staged, join(back, openLines("heedRollback"), goneLines("cannotOpen"), deadLines(), putLines(HoldsOld),
		stopLines("cannotOpen bothDead newDead"), []ask{
			{name: "every place holds it", row: "distribute", passes: "effectStopped newUnclear putNext followers",
				want: reply{to: Distributed, why: "every place holds the new pair"}},
			{name: "abandon is wished before the first write", row: "heedAbandon",
				given: func(c *scene) { c.wish(WishAbandon, "sam"); c.r.Facts.Wrote = false },
				want: reply{to: Abandoned, lives: map[PairID]Life{newID: Orphan},
					bury: []Grave{{Pair: newID, State: AwaitingRevocation}}}},
			{name: "abandon is wished after it", row: "heedAbandon",
				given: func(c *scene) { c.wish(WishAbandon, "sam") }, want: reply{deny: "quarterturn rollback bluum"}},
			{name: "a wish to resume what has not failed stops nothing", row: "distribute", passes: "heedAbandon heedRollback",
				given: func(c *scene) { c.wish(WishResume, "sam") }, want: reply{to: Distributed}},
			{name: "I-1, I-4: whether the new pair works is unclear: nothing is written", row: "newUnclear", passes: "newDead",
				given: func(c *scene) { c.unheld("vault", HoldsOld); c.s.New = unclear() },
				want:  reply{trouble: true, why: "whether the new pair works is unclear"}},
			{name: "the old pair died early: go on", row: "putNext", passes: "bothDead newDead",
				given: func(c *scene) { c.unheld("vault", HoldsOld); c.s.Old = refused(); c.r.Facts.OldDead = true },
				want:  reply{do: Put, target: "vault"}},
		}))
}

// redeployLines: one deployment of each consumer, counted. other is the pair that is not the target.
func redeployLines(other PairID) []ask {
	again := func(attempt, tries int) reply {
		return reply{do: Redeploy, target: "api", attempt: attempt, tries: tries}
	}
	return []ask{
		{name: "a consumer was never redeployed", row: "redeployNext",
			given: func(c *scene) { delete(c.r.Facts.Runs, "api") }, want: again(1, 1)},
		{name: "two were never redeployed: the declared order", row: "redeployNext",
			given: func(c *scene) { c.r.Facts.Runs = nil }, want: again(1, 1)},
		{name: "it was redeployed for the other pair", row: "redeployNext",
			given: func(c *scene) { c.run("api", func(f *RunFact) { f.Pair, f.Tries = other, 3 }) }, want: again(2, 1)},
		{name: "it was redeployed before the copy it reads held the pair", row: "redeployNext",
			given: func(c *scene) { c.run("api", func(f *RunFact) { f.Asked = ago(51 * time.Hour) }) }, want: again(2, 1)},
		{name: "I-19: asked, and the answer was lost: the same once-key, not a second run", row: "redeployNext",
			given: func(c *scene) {
				c.run("api", func(f *RunFact) { f.Run = cicd.Run{} })
				c.s.Runs = map[string]RunSeen{"api": {}}
			},
			want: again(1, 1)},
		{name: "asked, the answer was lost, and the pipeline cannot be reached", row: "redeployNext",
			given: func(c *scene) {
				c.run("api", func(f *RunFact) { f.Run = cicd.Run{} })
				c.s.Runs = map[string]RunSeen{"api": {Err: "timeout"}}
			},
			want: reply{trouble: true, why: "pipeline of api cannot be asked: timeout", next: soon}},
		{name: "I-1: what it would load is not known now: it is not restarted", row: "redeployNext",
			given: func(c *scene) { c.r.Facts.Runs = nil; c.see("mirror", HoldsUnknown) },
			want:  reply{trouble: true, why: "place mirror, which api reads, cannot be reached", next: soon}},
		{name: "a place that it does not read is not reached", row: "redeployNext",
			given: func(c *scene) { c.r.Facts.Runs = nil; c.see("vault", HoldsUnknown) }, want: again(1, 1)},
		{name: "it runs", row: "redeployNext",
			given: func(c *scene) { c.run("api", func(f *RunFact) { f.Run.State = cicd.Running }) },
			want:  reply{why: "redeploy of api is running", next: soon / 2}},
		{name: "it is queued", row: "redeployNext",
			given: func(c *scene) { c.run("api", func(f *RunFact) { f.Run.State = cicd.Queued }) },
			want:  reply{why: "redeploy of api is queued"}},
		{name: "it failed once: another attempt", row: "redeployNext",
			given: func(c *scene) { c.run("api", func(f *RunFact) { f.Run.State = cicd.Failed }) }, want: again(2, 2)},
		{name: "it succeeded and the consumer proved nothing: another attempt", row: "redeployNext",
			given: func(c *scene) { c.run("api", func(f *RunFact) { f.Stale = true }) }, want: again(2, 2)},
		{name: "it failed for the third time: a person", row: "redeployNext",
			given: func(c *scene) {
				c.run("api", func(f *RunFact) { f.Run.State, f.Run.Note, f.Tries, f.Attempt = cicd.Failed, "exit code 3", 3, 5 })
			},
			want: reply{to: FailedState, resumeHere: true, why: "redeploy of api failed 3 times (exit code 3)"}},
		{name: "three deployments succeeded and none was proved: a person", row: "redeployNext",
			given: func(c *scene) { c.run("api", func(f *RunFact) { f.Stale, f.Tries = true, 3 }) },
			want:  reply{to: FailedState, resumeHere: true, why: "redeployed 3 times and never proved the pair"}},
	}
}

func TestDecideDistributed(t *testing.T) {
	table(t, Routine, Distributed, join(abandonDenied(), rollbackLines(), openLines("heedRollback"), goneLines("cannotOpen"), deadLines(), lostLines(""),
		stopLines("newDead"), redeployLines(oldID), []ask{
			{name: "every redeploy succeeded", row: "redeployDone", passes: "effectStopped placeLost newUnclear redeployNext",
				want: reply{to: Redeployed, why: "every redeploy succeeded"}},
			{name: "a place was not reached: that is no loss", row: "redeployDone", passes: "placeLost",
				given: func(c *scene) { c.see("vault", HoldsUnknown) }, want: reply{to: Redeployed}},
			{name: "a consumer without a pipeline is not redeployed", row: "redeployDone", passes: "redeployNext",
				given: func(c *scene) {
					c.consumer("api", func(k *ConsumerSpec) { k.Redeploy = false })
					delete(c.r.Facts.Runs, "api")
				},
				want: reply{to: Redeployed}},
			{name: "I-1: whether the new pair works is unclear: nothing is restarted", row: "newUnclear", passes: "placeLost",
				given: func(c *scene) { c.s.New = unclear(); c.r.Facts.Runs = nil },
				want:  reply{trouble: true, why: "whether the new pair works is unclear"}},
		}))
}

// unproved: the consumer gave no proof, and its last redeploy ended so long ago.
func unproved(consumer string, since time.Duration) func(c *scene) {
	return func(c *scene) {
		delete(c.r.Facts.Proofs, consumer)
		c.s.Uses[consumer] = UseSeen{Use: cicd.Healthy, Note: "it says nothing about its pair"}
		c.run(consumer, func(f *RunFact) { f.Run.EndedAt = ago(since) })
		c.r.EnteredAt = ago(since)
	}
}

// proofLines: what counts as a proof, and what happens without one.
func proofLines(other PairID, back State) []ask {
	return []ask{
		{name: "I-2: no proof yet: look again soon, and ask nobody", row: "useUnproven", given: unproved("api", time.Minute),
			want: reply{why: "consumer api has not proved the pair yet: it says nothing", next: 30 * time.Second}},
		{name: "I-2: no proof in the first second: look at once", row: "useUnproven", given: unproved("api", time.Second),
			want: reply{why: "has not proved", next: 2 * time.Second}},
		{name: "I-2: no proof within its time: another redeploy", row: "useUnproven", given: unproved("api", 10*time.Minute),
			want: reply{to: back, again: []string{"api"}, why: "did not prove the pair within 10m0s"}},
		{name: "I-2: a proof of the other pair is none", row: "useUnproven",
			given: func(c *scene) {
				unproved("api", time.Minute)(c)
				c.r.Facts.Proofs["api"] = Proof{Pair: other, Use: cicd.Reported, At: noon()}
			},
			want: reply{why: "has not proved"}},
		{name: "I-2: a proof older than the last redeploy is none", row: "useUnproven",
			given: func(c *scene) {
				unproved("api", time.Minute)(c)
				c.r.Facts.Proofs["api"] = Proof{Pair: c.target(), Use: cicd.Reported, At: ago(time.Hour)}
			},
			want: reply{why: "has not proved"}},
		{name: "I-2: a healthy answer, true with the old pair as well, is none", row: "useUnproven",
			given: func(c *scene) {
				unproved("api", time.Minute)(c)
				c.r.Facts.Proofs["api"] = Proof{Pair: c.target(), Use: cicd.Healthy, At: noon()}
			},
			want: reply{why: "has not proved"}},
		{name: "it cannot be reached: the reason says so", row: "useUnproven",
			given: func(c *scene) { unproved("api", time.Minute)(c); c.s.Uses["api"] = UseSeen{Err: "connection refused"} },
			want:  reply{why: "connection refused"}},
		{name: "it still runs with the other pair: the reason says so", row: "useUnproven",
			given: func(c *scene) { unproved("api", time.Minute)(c); c.s.Uses["api"] = UseSeen{Names: HoldsForeign} },
			want:  reply{why: "it runs with a pair that is neither old nor new"}},
		{name: "L-1: it can show nothing that counts: a person may waive it", row: "useUnproven",
			given: func(c *scene) {
				unproved("api", time.Minute)(c)
				c.consumer("api", func(k *ConsumerSpec) { k.Best = cicd.Healthy })
			},
			want: reply{why: "has not proved", command: "quarterturn waive bluum consumer:api"}},
		{name: "L-1: it has no pipeline: waiting goes on, and a person may waive it", row: "useUnproven",
			given: func(c *scene) {
				unproved("api", time.Hour)(c)
				c.consumer("api", func(k *ConsumerSpec) { k.Redeploy = false })
				delete(c.r.Facts.Runs, "api")
			},
			want: reply{why: "has not proved", command: "quarterturn waive bluum consumer:api", next: soon}},
	}
}

// target is the pair that the scene's places and consumers should have.
func (c *scene) target() PairID { return view(*c).target() }

func TestDecideRedeployed(t *testing.T) {
	table(t, Routine, Redeployed, join(abandonDenied(), rollbackLines(), openLines("heedRollback"), goneLines("cannotOpen"), deadLines(), lostLines(""),
		proofLines(oldID, Distributed), []ask{
			{name: "I-2: every consumer proved itself", row: "verify", passes: "placeLost useUnproven",
				want: reply{to: Verified, why: "every consumer proved"}},
			{name: "I-2: a waiver stands in for a proof", row: "verify", passes: "useUnproven",
				given: func(c *scene) {
					c.r.Facts.Proofs["api"] = Proof{Pair: newID, Use: cicd.Healthy, At: noon(), By: "olga: known"}
				},
				want: reply{to: Verified}},
			{name: "the proof was there before this look", row: "verify", passes: "useUnproven",
				given: func(c *scene) {
					c.r.Facts.Proofs["api"] = Proof{Pair: newID, Use: cicd.Reported, At: ago(time.Hour)}
					c.s.Uses["api"] = UseSeen{Err: "connection refused"}
				},
				want: reply{to: Verified}},
		}))
}

func TestDecideRollingBack(t *testing.T) {
	gone := reply{to: RolledBack, lives: map[PairID]Life{oldID: Current, newID: Orphan},
		bury: []Grave{{Pair: newID, State: AwaitingRevocation, NotBefore: noon().Add(graceBurial), Used: true}}}
	table(t, Routine, RollingBack, join(abandonDenied(), openLines("neverWrote"), deadLines()[:1], putLines(HoldsNew),
		stopLines("bothDead oldDiedRollingBack"), redeployLines(newID), proofLines(newID, RollingBack), []ask{
			{name: "I-6: everything is back: the new pair's burial waits for late writers", row: "rolledBack",
				passes: "effectStopped oldUnclear putNext followers redeployNext useUnproven unprovenNow", want: gone},
			{name: "I-2: a consumer proved itself a minute ago, and is silent now: it may have loaded another pair", row: "unprovenNow",
				given: func(c *scene) {
					c.r.Facts.Proofs["api"] = Proof{Pair: oldID, Use: cicd.Reported, At: ago(time.Minute)}
					c.s.Uses["api"] = UseSeen{Err: "connection refused"}
				}, want: reply{why: "api did not prove itself just now: connection refused", next: soon}},
			{name: "nothing was ever written: nothing has to be put back", row: "neverWrote", passes: "denyAbandon",
				given: func(c *scene) { c.r.Facts.Wrote = false; c.s.Opened = Opened{} }, want: gone},
			{name: "L-1: the old pair is refused and the new one was lost: another is asked for", row: "lostBoth", passes: "bothDead",
				given: func(c *scene) { c.s.Old, c.s.New, c.s.NewHeld = refused(), nil, false },
				want: reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan}, why: "create another",
					bury: []Grave{{Pair: newID, State: AwaitingRevocation, NotBefore: noon().Add(graceBurial), Used: true}}}},
			{name: "the new one was lost, and the old one lives: back", row: "rolledBack", passes: "lostBoth",
				given: func(c *scene) { c.s.New, c.s.NewHeld = nil, false },
				want: reply{to: RolledBack, lives: map[PairID]Life{oldID: Current, newID: Orphan},
					bury: []Grave{{Pair: newID, State: AwaitingRevocation, NotBefore: noon().Add(graceBurial), Used: true}}}},
			{name: "L-1: the old pair died and the new one lives: forward", row: "oldDiedRollingBack", passes: "bothDead",
				given: func(c *scene) { c.s.Old = refused() },
				want:  reply{to: Staged, why: "going forward with the new one", broken: "back on the old pair"}},
			{name: "I-1: the old pair was said to be revoked after it began to go back, and still answers: forward", row: "oldDiedRollingBack",
				given: toldRevoked("OLD1", 19*time.Minute), want: reply{to: Staged, why: "was revoked, as sam said, and may stop working until"}},
			{name: "I-1: the same, and whether the new one works is unclear: nothing is written", row: "oldUnclear",
				given: func(c *scene) { toldRevoked("OLD1", time.Minute)(c); c.s.New = unclear(); c.unheld("vault", HoldsNew) },
				want:  reply{trouble: true, why: "going back waits until 2026-03-02 12:19 UTC", next: soon}},
			{name: "the same, and none works: nothing to lose", row: "rolledBack",
				given: func(c *scene) { toldRevoked("OLD1", time.Minute)(c); c.s.New, c.r.Facts.BothDead = nil, true }, want: gone},
			{name: "the same, and it answers when its death could have been proven: back", row: "rolledBack",
				given: toldRevoked("OLD1", 20*time.Minute), want: gone},
			{name: "the same while it may be dying, and the new one is refused: nothing to lose", row: "rolledBack",
				given: func(c *scene) { toldRevoked("OLD1", time.Minute)(c); c.s.New = refused() }, want: gone},
			{name: "I-1: whether the old pair lives is unclear: nothing is written", row: "oldUnclear",
				given: func(c *scene) { c.s.Old = unclear(); c.unheld("vault", HoldsNew) },
				want:  reply{trouble: true, why: "unclear: timeout"}},
			{name: "I-1: the old pair is refused and the new one unclear: nothing is written", row: "oldUnclear",
				passes: "bothDead oldDiedRollingBack",
				given:  func(c *scene) { c.s.Old, c.s.New = refused(), unclear(); c.unheld("vault", HoldsNew) },
				want:   reply{trouble: true, why: "the vendor refuses the old pair", broken: "back on the old pair"}},
			{name: "the new pair is dead, which is why it goes back", row: "putNext", passes: "bothDead oldDiedRollingBack oldUnclear",
				given: func(c *scene) { c.s.New = refused(); c.unheld("vault", HoldsNew) },
				want:  reply{do: Put, target: "vault"}},
			{name: "rollback is wished again while it goes back", row: "rolledBack", passes: "denyAbandon",
				given: func(c *scene) { c.wish(WishRollback, "sam") }, want: gone},
		}))
}
