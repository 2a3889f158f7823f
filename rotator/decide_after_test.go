package rotator

import (
	"testing"
	"time"

	"quarterturn/cicd"
	"quarterturn/policies"
	"quarterturn/vendors"
)

// useLines: a consumer that came back, or whose evidence no longer stands.
func useLines(withdrawn string) []ask {
	return []ask{
		{name: "I-2: a consumer runs with the old pair again", row: "useLost", passes: "placeLost",
			given: func(c *scene) {
				c.s.Uses["api"] = UseSeen{Names: HoldsOld}
				delete(c.r.Facts.Proofs, "api")
				c.s.Old = accepted()
			},
			want: reply{to: Distributed, again: []string{"api"}, why: "runs with the old pair again" + withdrawn}},
		{name: "I-2: a consumer runs with the old pair, which is dead: page", row: "useLost",
			given: func(c *scene) { c.s.Uses["api"] = UseSeen{Names: HoldsOld}; c.s.Old = refused() },
			want: reply{to: Distributed, again: []string{"api"}, why: "the old pair again",
				broken: "consumer api runs with a pair the vendor refuses"}},
		{name: "I-2: a consumer runs with a pair nobody knows", row: "useLost",
			given: func(c *scene) { c.s.Uses["jobs"] = UseSeen{Names: HoldsForeign}; c.s.Old = accepted() },
			want:  reply{to: Distributed, again: []string{"jobs"}, rewrite: []string{"ci"}, why: "neither old nor new"}},
		{name: "I-2: the waiver that stood in for a proof is over", row: "proofGone", passes: "useLost",
			given: func(c *scene) { delete(c.r.Facts.Proofs, "api"); c.s.Uses["api"] = UseSeen{Use: cicd.Healthy} },
			want:  reply{to: Redeployed, why: "nothing shows any more that consumer api uses the new pair" + withdrawn}},
		{name: "I-2: a consumer was added to the configuration", row: "proofGone",
			given: func(c *scene) { c.sp.Consumers = append(c.sp.Consumers, ConsumerSpec{Name: "late"}) },
			want:  reply{to: Redeployed, why: "consumer late"}},
	}
}

// freshLines: the pass that goes on must have seen every consumer itself.
func freshLines(passes string) []ask {
	silent := func(c *scene) {
		c.r.Facts.Proofs["api"] = Proof{Pair: newID, Use: cicd.Reported, At: ago(time.Minute)}
		c.s.Uses["api"] = UseSeen{Err: "connection refused"}
	}
	return []ask{
		{name: "I-2: a proof of a minute ago is not one of now", row: "missesProof", passes: passes, given: silent,
			want: reply{why: "api did not prove itself just now: connection refused", next: soon}},
		{name: "L-1: it has been silent for longer than a proof may take: a person may waive it", row: "missesProof",
			given: func(c *scene) {
				silent(c)
				c.r.EnteredAt = ago(48 * time.Hour)
				c.r.Facts.Proofs["api"] = Proof{Pair: newID, Use: cicd.Reported, At: ago(11 * time.Minute)}
			},
			want: reply{why: "api did not prove itself", command: "quarterturn waive bluum consumer:api"}},
		{name: "the new pair answers unclearly", row: "newUnclear", passes: "missesProof",
			given: func(c *scene) { c.s.New = unclear() },
			want:  reply{trouble: true, why: "whether the new pair works is unclear"}},
	}
}

func TestDecideVerified(t *testing.T) {
	asked := reply{to: AwaitingRevocation, lives: map[PairID]Life{newID: Current, oldID: Previous},
		why: "asked to revoke the key ending in OLD1 of 2025-12-12 and to keep the key ending in NEW1 of 2026-02-28"}
	closed := reply{to: Closed, lives: map[PairID]Life{newID: Current}, wipe: []PairID{newID}, why: "no old one to revoke"}
	table(t, Routine, Verified, join(abandonDenied(), rollbackLines(), openLines("heedRollback"), goneLines("cannotOpen"), deadLines(),
		clockLines("newDead"), lostLines(""),
		useLines(""), freshLines("firstKeyDone overlap"), []ask{
			{name: "I-10: it is asked, naming what to revoke and what to keep", row: "requestRevocation",
				passes: "proofGone missesProof newUnclear unapproved", want: asked},
			{name: "a first key: nothing to revoke", row: "firstKeyDone", passes: "proofGone",
				given: func(c *scene) { c.firstUse() }, want: closed},
			{name: "a first key that no place can return stays sealed", row: "firstKeyDone",
				given: func(c *scene) { c.firstUse(); c.s.NewAway = false },
				want:  reply{to: Closed, lives: map[PairID]Life{newID: Current}, why: "no old one to revoke"}},
			{name: "I-2: a first key that a consumer does not use is not done", row: "useLost",
				given: func(c *scene) { c.firstUse(); c.s.Uses["api"] = UseSeen{Names: HoldsForeign} },
				want:  reply{to: Distributed, again: []string{"api"}}},
			{name: "the overlap is not over: wait for its end", row: "overlap", passes: "firstKeyDone",
				given: func(c *scene) { c.r.EnteredAt = ago(23*time.Hour + 50*time.Minute) },
				want:  reply{why: "may be revoked after 2026-03-02 12:10 UTC", next: 10 * time.Minute}},
			{name: "the overlap is far from over: a look every tick", row: "overlap",
				given: func(c *scene) { c.r.EnteredAt = ago(time.Hour) }, want: reply{why: "both keys work", next: tick}},
			{name: "the overlap ends this very moment", row: "requestRevocation", passes: "overlap",
				given: func(c *scene) { c.r.EnteredAt = ago(24 * time.Hour) }, want: asked},
			{name: "the old pair is dead already: nothing to wait for, nobody to ask", row: "requestRevocation",
				passes: "overlap unapproved",
				given: func(c *scene) {
					c.r.EnteredAt, c.r.Facts.Approvals, c.s.Old, c.r.Facts.OldDead = ago(time.Minute), nil, refused(), true
				},
				want: asked},
			{name: "one look in twenty missed a proof: allowed", row: "requestRevocation", passes: "missesProof",
				given: func(c *scene) { c.r.Facts.Looks, c.r.Facts.Misses = 20, 1 }, want: asked},
			{name: "one look in nineteen missed a proof: not steady", row: "missesProof",
				given: func(c *scene) { c.r.Facts.Looks, c.r.Facts.Misses = 19, 1 },
				want:  reply{why: "1 of 19 looks missed a proof", next: tick}},
			{name: "I-2: a waiver is as good now as before", row: "requestRevocation", passes: "proofGone missesProof",
				given: func(c *scene) {
					c.r.Facts.Proofs["api"] = Proof{Pair: newID, Use: cicd.Healthy, At: ago(time.Hour), By: "olga: known"}
				},
				want: asked},
			{name: "no second person approved", row: "unapproved", passes: "newUnclear",
				given: func(c *scene) { c.r.Facts.Approvals = nil },
				want:  reply{why: "a second person must approve", command: "quarterturn approve bluum", next: tick}},
			{name: "who brought the pair in is no second person, however spelled", row: "unapproved",
				given: func(c *scene) { c.r.Facts.SubmittedBy = "ANNA" },
				want:  reply{why: "a second person", command: "quarterturn approve bluum"}},
			{name: "an approval of another configuration is void", row: "unapproved",
				given: func(c *scene) { c.sp.Digest = "spec 2" },
				want:  reply{why: "a second person", command: "quarterturn approve bluum"}},
			{name: "a person who is no approver", row: "unapproved",
				given: func(c *scene) { c.sp.Approvers = []string{"ben"} },
				want:  reply{why: "a second person", command: "quarterturn approve bluum"}},
			{name: "no approvers are named: anybody else will do", row: "requestRevocation", passes: "unapproved",
				given: func(c *scene) { c.sp.Approvers = nil }, want: asked},
			{name: "the policy wants no approval", row: "requestRevocation", passes: "unapproved",
				given: func(c *scene) { c.r.Facts.Approvals, c.sp.Policy.ApproveRevocation = nil, policies.NoApproval },
				want:  asked},
		}))
}

// firstUse: there never was an old pair.
func (c *scene) firstUse() {
	c.r.Old, c.s.OldPair, c.s.OldHeld, c.s.Old, c.r.Facts.NoOld = "", Pair{}, false, nil, true
}

// alive: the old pair is still accepted, as when revocation was just asked for.
func alive(c *scene) { c.s.Old, c.s.Random, c.r.Facts.Triples = accepted(), nil, nil }

func toldRevoked(fragment string, before time.Duration) func(c *scene) {
	return func(c *scene) {
		alive(c)
		c.r.Facts.Revoked = &Word{Kind: RevokedIt, Who: "sam", Fragment: fragment, At: ago(before)}
	}
}

// saidAndSeen: somebody said that the pair was revoked, and triples were seen so long ago.
func saidAndSeen(before ...time.Duration) func(c *scene) {
	return func(c *scene) {
		c.r.Facts.Revoked = &Word{Kind: RevokedIt, Who: "sam", Fragment: "OLD1", At: ago(time.Hour)}
		c.r.Facts.Triples = triples(before...)
	}
}

// proofOfDeath: the lines that a rotation and a burial share. command is how the revocation is said.
func proofOfDeath(command string, dead reply) []ask {
	return []ask{
		{name: "I-11: three triples over the propagation time", row: "provenDead", passes: "unprovable awaitRevocation moreTriples",
			want: dead},
		{name: "I-11: two triples are not three", row: "moreTriples", passes: "awaitRevocation",
			given: saidAndSeen(20*time.Minute, 0), want: reply{why: "2 of at least 3 looks over 20m0s", next: 10 * time.Minute}},
		{name: "I-11: three triples over less than twice the propagation time", row: "moreTriples",
			given: saidAndSeen(20*time.Minute-time.Second, 10*time.Minute, 0), want: reply{why: "3 of at least 3 looks over 20m0s"}},
		{name: "I-11: three triples over twice the propagation time, as somebody said it would be", row: "provenDead", passes: "moreTriples",
			given: saidAndSeen(20*time.Minute, 10*time.Minute, 0), want: dead},
		{name: "I-11: refused, and no triple counts yet", row: "moreTriples",
			given: func(c *scene) { c.r.Facts.Triples, c.s.Random = nil, unclear() },
			want:  reply{why: "a made-up one refused", next: soon}},
		{name: "I-11: Unclear is no answer, whatever was counted", row: "awaitRevocation", passes: "unprovable",
			given: func(c *scene) { c.s.Old = unclear() },
			want:  reply{trouble: true, why: "unclear: timeout", next: soon}},
		{name: "I-10: still accepted, and nobody said anything: the request stands", row: "awaitRevocation", given: alive,
			want: reply{why: "revoke the key ending in OLD1 of 2025-12-12 in the portal and keep the key ending in NEW1 of 2026-02-28",
				command: command, next: tick}},
		{name: "revoked two minutes ago, and it may take ten", row: "awaitRevocation", given: toldRevoked("OLD1", 2*time.Minute),
			want: reply{why: "may take until 2026-03-02 12:08 UTC", next: 8 * time.Minute}},
		{name: "revoked an hour ago, as somebody said, and it still works", row: "awaitRevocation", given: toldRevoked("OLD1", time.Hour),
			want: reply{why: "it still works: look in the portal for the key ending in OLD1", command: command, next: tick}},
		{name: "I-11: no sealed copy: it can only be attested", row: "unprovable",
			given: func(c *scene) { c.s.OldHeld, c.s.Old = false, nil },
			want: reply{why: "no sealed copy of the old pair exists: its death cannot be proven; revoke the key ending in OLD1 of 2025-12-12 in the portal",
				command: "quarterturn attest bluum --pair old"}},
		{name: "I-11, I-17: the vendor forbids calls that fail: it can only be attested", row: "unprovable",
			given: func(c *scene) { c.sp.Profile.FailingProbes, c.s.Old = false, nil },
			want:  reply{why: "forbids calls that fail", command: "quarterturn attest bluum --pair old"}},
	}
}

func endWord(c *scene) { c.r.Facts.EndWord = &Word{Kind: AttestIt, Who: "sam", Pair: oldID} }

func TestDecideAwaitingRevocation(t *testing.T) {
	dead := reply{to: RevocationProven}
	ended := reply{to: Closed, lives: map[PairID]Life{oldID: Ended}, wipe: []PairID{oldID, newID},
		why: "sam attested that the old pair is revoked; it was not proven dead"}
	table(t, Routine, AwaitingRevocation, join(abandonDenied(), rollbackLines(), openLines("heedRollback"), goneLines("cannotOpen"),
		deadLines(), clockLines("wrongKeyRevoked"),
		lostLines("; the revocation request is withdrawn: do NOT revoke the old key"),
		useLines("; the revocation request is withdrawn: do NOT revoke the old key"),
		proofOfDeath("quarterturn revoked bluum", dead), []ask{
			{name: "I-1: rollback is wished after somebody said that the old key was revoked", row: "heedRollback",
				given: func(c *scene) { toldRevoked("OLD1", time.Minute)(c); c.wish(WishRollback, "sam") },
				want:  reply{deny: "was revoked, as sam said"}},
			{name: "I-1: the same, and no characters were typed", row: "heedRollback",
				given: func(c *scene) { toldRevoked("", time.Minute)(c); c.wish(WishRollback, "sam") },
				want:  reply{deny: "was revoked, as sam said"}},
			{name: "rollback is wished, and the key that was revoked is the new one", row: "heedRollback",
				given: func(c *scene) { toldRevoked("NEW1", time.Minute)(c); c.wish(WishRollback, "sam") },
				want:  reply{to: RollingBack}},
			{name: "rollback is wished, and whatever was said, the new pair is refused", row: "heedRollback",
				given: func(c *scene) { toldRevoked("OLD1", time.Minute)(c); c.s.New = refused(); c.wish(WishRollback, "sam") },
				want:  reply{to: RollingBack}},
			{name: "I-10: the characters typed are those of the key in use: the way back", row: "wrongKeyRevoked", passes: "newDead",
				given: toldRevoked("NEW1", time.Minute),
				want: reply{why: "the key that was revoked is the NEW one", command: "quarterturn rollback bluum",
					broken: "within the vendor's propagation time", next: soon}},
			{name: "L-1: they were mistyped: it is the old one that is refused", row: "provenDead", passes: "wrongKeyRevoked",
				given: func(c *scene) { c.r.Facts.Revoked = &Word{Who: "sam", Fragment: "NEW1"} }, want: dead},
			{name: "both keys end alike: the characters say nothing", row: "awaitRevocation", passes: "wrongKeyRevoked",
				given: func(c *scene) {
					toldRevoked("SAME", time.Minute)(c)
					c.s.OldPair.Fragment, c.s.NewPair.Fragment = "SAME", "SAME"
				},
				want: reply{why: "which may take until"}},
			{name: "I-11: a person's word closes as attested, never as dead", row: "attestedEnd", passes: "proofGone",
				given: endWord, want: ended},
			{name: "a person's word, and the vendor forbids asking", row: "attestedEnd",
				given: func(c *scene) { endWord(c); c.s.Old, c.sp.Profile.FailingProbes = nil, false }, want: ended},
			{name: "I-11: a person's word while the answer is unclear: what can be asked is asked", row: "awaitRevocation",
				passes: "attestedEnd", given: func(c *scene) { endWord(c); c.s.Old = unclear() },
				want: reply{trouble: true, why: "unclear"}},
			{name: "I-1: a person's word while the new pair answers unclearly", row: "newUnclear", passes: "attestedEnd",
				given: func(c *scene) { endWord(c); c.s.New = unclear() },
				want:  reply{trouble: true, why: "whether the new pair works is unclear"}},
			{name: "I-11: a person's word against an Accepted answer ends nothing", row: "awaitRevocation", passes: "attestedEnd",
				given: func(c *scene) { endWord(c); alive(c) },
				want:  reply{why: "both keys work", command: "quarterturn revoked bluum"}},
			{name: "the old pair was taken for dead, and lives: overlap and approval are owed", row: "livesAfterAll",
				passes: "attestedEnd",
				given:  func(c *scene) { alive(c); c.r.Facts.OldDead = true },
				want:   reply{to: Verified, why: "do NOT revoke the old key"}},
			{name: "the old pair was taken for dead, and is", row: "provenDead", passes: "livesAfterAll",
				given: func(c *scene) { c.r.Facts.OldDead = true }, want: dead},
			{name: "I-1: nobody is asked to revoke while the new pair answers unclearly", row: "newUnclear", passes: "livesAfterAll",
				given: func(c *scene) { alive(c); c.s.New = unclear() },
				want:  reply{trouble: true, why: "whether the new pair works is unclear"}},
			{name: "the new pair answers", row: "awaitRevocation", passes: "newUnclear", given: alive,
				want: reply{command: "quarterturn revoked bluum"}},
		}))
}

func TestDecideRevocationProven(t *testing.T) {
	closed := reply{to: Closed, lives: map[PairID]Life{oldID: Dead, newID: Current}, wipe: []PairID{newID},
		bury: []Grave{{Pair: oldID, State: RevocationProven, DeadAt: noon(), NotBefore: noon().Add(watchEvery)}}}
	stays := closed
	stays.wipe = nil
	uses := useLines("")
	for i := range uses { // the old pair stays dead in these lines: what comes back to it is broken
		given := uses[i].given
		uses[i].given = func(c *scene) { given(c); c.s.Old = refused() }
		if uses[i].want.to == Distributed {
			uses[i].want.broken = "runs with a pair the vendor refuses"
		}
	}
	dead := deadLines()
	for i := range dead { // here rollback is denied, so nobody may be told to say it before the state is left
		if dead[i].want.command != "" {
			dead[i].name, dead[i].row, dead[i].want = "the new pair is refused and the old one lives after all: first back to where "+
				"rollback is heeded", "oldAliveAgain", reply{to: AwaitingRevocation, why: "accepted again"}
		}
	}
	table(t, Routine, RevocationProven, join(abandonDenied(), openLines("denyRollback"), goneLines("cannotOpen"), dead, lostLines(""), uses,
		freshLines("proofGone"), []ask{
			{name: "I-14: rollback is wished, and the old pair is dead", row: "denyRollback", passes: "denyAbandon",
				given: func(c *scene) { c.wish(WishRollback, "sam") }, want: reply{deny: "proven dead"}},
			{name: "one more look at everything, and it is done", row: "closeIt", passes: "oldAliveAgain missesProof newUnclear",
				want: closed},
			{name: "no place can return the new pair: it stays sealed", row: "closeIt",
				given: func(c *scene) { c.s.NewAway = false }, want: stays},
			{name: "I-14: an unclear answer unproves no death", row: "closeIt", passes: "oldAliveAgain",
				given: func(c *scene) { c.s.Old = unclear() }, want: closed},
			{name: "I-14: an Accepted answer does", row: "oldAliveAgain", passes: "bothDead",
				given: func(c *scene) { c.s.Old = accepted() }, want: reply{to: AwaitingRevocation, why: "accepted again"}},
		}))
}

func TestDecideFailed(t *testing.T) {
	back := rollbackLines()
	for i := range back { // it may have been going back when it stopped: every redeploy is tried anew
		if back[i].want.to == RollingBack {
			back[i].want.again = []string{"api", "jobs"}
		}
	}
	table(t, Routine, FailedState, join(abandonDenied(), back, deadLines()[1:], []ask{
		{name: "both pairs are refused: a third key, whatever had failed", row: "bothDead", passes: "heedResume heedRollback",
			given: newRefusedFor(refused(), sureDead), want: thirdKey()},
		{name: "L-1: the new pair was refused, and no copy of it is left to ask with: a person is awaited", row: "newDead", passes: "bothDead",
			given: stoppedWithout, want: reply{why: "no copy of it can be opened", command: "quarterturn resume bluum",
				broken: "already use the new pair", next: tick}},
		{name: "the same, and the old one works: the way back", row: "newDead",
			given: func(c *scene) { stoppedWithout(c); c.s.Old = accepted() },
			want:  reply{command: "quarterturn rollback bluum", broken: "already use the new pair", next: soon}},
		{name: "L-1: a person is awaited, with one command", row: "awaitHelp", passes: "bothDead newDead",
			want: reply{why: "refuses this access", command: "quarterturn resume bluum", next: tick}},
		{name: "L-1: the old pair is refused: going back is not offered", row: "awaitHelp",
			given: func(c *scene) { c.s.Old = refused() },
			want:  reply{why: "Mend it and resume", command: "quarterturn resume bluum"}},
		{name: "it was mended: on where it stopped, and every consumer once more", row: "heedResume",
			given: func(c *scene) { c.wish(WishResume, "sam"); delete(c.r.Facts.Runs, "jobs") },
			want:  reply{to: Staged, again: []string{"api"}, why: "resumed, as sam asked"}},
		{name: "L-1: it never proved the pair: a place it reads that cannot be read back is written again", row: "heedResume",
			given: func(c *scene) {
				c.wish(WishResume, "sam")
				c.run("jobs", func(f *RunFact) { f.Stale = true })
			},
			want: reply{to: Staged, again: []string{"api", "jobs"}, rewrite: []string{"ci"}, why: "resumed, as sam asked"}},
		{name: "another wish is no wish to resume", row: "denyAbandon", passes: "heedResume",
			given: func(c *scene) { c.wish(WishAbandon, "sam") }, want: reply{deny: "quarterturn rollback bluum"}},
	}))
}

// stoppedWithout: both pairs were refused, and then the new one's sealed copy was lost.
func stoppedWithout(c *scene) {
	newRefusedFor(refused(), time.Hour)(c)
	c.s.New, c.s.NewHeld, c.s.NewOpen = nil, false, false
}

func TestDecideBurial(t *testing.T) {
	dead := reply{to: RevocationProven, lives: map[PairID]Life{oldID: Dead}, why: "dead"}
	shared := proofOfDeath("quarterturn revoked bluum --pair old", dead)
	table(t, Burial, AwaitingRevocation, join(openLines("attestedEnd"), shared, []ask{
		{name: "it came into use again: nothing to bury", row: "inUseAgain",
			given: func(c *scene) { alive(c); c.s.OldPair.Life = Current }, want: reply{to: Closed, why: "in use again"}},
		{name: "it is being replaced: that rotation proves its death", row: "inUseAgain",
			given: func(c *scene) { alive(c); c.s.OldPair.Life = Previous }, want: reply{to: Closed, why: "in use again"}},
		{name: "I-6: a late writer may still come", row: "grace", passes: "inUseAgain",
			given: func(c *scene) { c.r.Facts.NotBefore = noon().Add(4 * time.Minute) },
			want:  reply{why: "waiting for late writers", next: 4 * time.Minute}},
		{name: "I-6: the grace period is over this moment", row: "awaitRevocation", passes: "grace",
			given: func(c *scene) { alive(c); c.r.Facts.NotBefore = noon() },
			want:  reply{command: "quarterturn revoked bluum --pair old"}},
		{name: "I-10: a place holds the pair: nobody is asked to revoke it", row: "stillHeld", passes: "grace",
			given: func(c *scene) { alive(c); c.see("vault", HoldsOld) },
			want:  reply{why: "holds the pair that should be buried: do NOT revoke it", command: "quarterturn check bluum", next: tick}},
		{name: "a retired pair came back to life, and places keep it: nothing is in use", row: "unprovable", passes: "stillHeld stillUsed",
			given: func(c *scene) {
				c.places(HoldsOld)
				c.sp.Consumers, c.s.NewPair, c.s.New, c.s.Old, c.r.Facts.DeadAt = nil, Pair{}, nil, accepted(), ago(48*time.Hour)
			},
			want: reply{why: "revoke the key ending in OLD1 of 2025-12-12 in the portal, and attest that", command: "quarterturn attest bluum --pair old"}},
		{name: "I-10: a place may hold it", row: "stillHeld",
			given: func(c *scene) { alive(c); c.see("mirror", HoldsUnknown) },
			want:  reply{trouble: true, why: "cannot be reached, and may hold the pair"}},
		{name: "a place that cannot be read back, or that holds something else, says nothing", row: "awaitRevocation",
			passes: "stillHeld",
			given:  func(c *scene) { alive(c); c.see("ci", HoldsHidden); c.see("vault", HoldsForeign) },
			want:   reply{command: "quarterturn revoked bluum --pair old"}},
		{name: "I-10: a consumer runs with the pair: nobody is asked to revoke it", row: "stillUsed", passes: "stillHeld",
			given: func(c *scene) { alive(c); c.s.Uses["api"] = UseSeen{Use: cicd.StartedAfter, Names: HoldsOld} },
			want:  reply{why: "api runs with the pair that should be buried: do NOT revoke it", command: "quarterturn check bluum"}},
		{name: "I-2, I-10: it was in use, and a consumer shows nothing", row: "stillUsed",
			given: func(c *scene) { alive(c); c.r.Facts.Used = true; c.s.Uses["api"] = UseSeen{Err: "connection refused"} },
			want: reply{why: "do NOT revoke the other one yet: connection refused",
				command: "quarterturn waive bluum consumer:api"}},
		{name: "I-2: it was in use, and the silent consumer is waived", row: "awaitRevocation", passes: "stillUsed",
			given: func(c *scene) {
				alive(c)
				c.r.Facts.Used, c.s.Uses["api"] = true, UseSeen{Err: "connection refused"}
				c.waive("consumer:api", time.Hour)
			},
			want: reply{command: "quarterturn revoked bluum --pair old"}},
		{name: "I-2: it was in use, and everybody uses the present one", row: "awaitRevocation", passes: "stillUsed",
			given: func(c *scene) { alive(c); c.r.Facts.Used = true },
			want:  reply{command: "quarterturn revoked bluum --pair old"}},
		{name: "it was never in use: a silent consumer does not matter", row: "awaitRevocation", passes: "stillUsed",
			given: func(c *scene) { alive(c); c.s.Uses["api"] = UseSeen{} },
			want:  reply{command: "quarterturn revoked bluum --pair old"}},
		{name: "I-11: a person's word ends it as attested", row: "attestedEnd", passes: "stillUsed", given: endWord,
			want: reply{to: Closed, lives: map[PairID]Life{oldID: Ended}, wipe: []PairID{oldID}, why: "not proven dead"}},
		{name: "I-11: a person's word against an Accepted answer ends nothing", row: "awaitRevocation", passes: "attestedEnd",
			given: func(c *scene) { endWord(c); alive(c) },
			want:  reply{why: "both keys work", command: "quarterturn revoked bluum --pair old"}},
		{name: "L-1: no other pair exists to compare with: a person's word", row: "unprovable", passes: "cannotOpen",
			given: func(c *scene) { c.r.Facts.Triples, c.s.New, c.s.NewPair = nil, nil, Pair{} },
			want:  reply{why: "no pair in use to compare with", command: "quarterturn attest bluum --pair old"}},
		{name: "L-1, I-1: nothing returns the pair in use any more: the other one may be all there is, and somebody is awaited",
			row: "currentLost", passes: "cannotOpen", given: func(c *scene) { c.s.New = nil },
			want: reply{why: "do NOT revoke the other one; put it back", command: "quarterturn rotate bluum", next: soon}},
		{name: "L-1, I-1: the same, and the other one is not held", row: "currentLost",
			given: func(c *scene) { c.s.New, c.s.Old, c.s.OldHeld = nil, nil, false },
			want:  reply{why: "do NOT revoke the other one; put it back", command: "quarterturn rotate bluum", next: soon}},
		{name: "the pair in use was not asked this time, and a copy exists", row: "currentDead", passes: "currentLost",
			given: func(c *scene) { c.s.New, c.s.NewHeld = nil, true },
			want:  reply{trouble: true, why: "do NOT revoke the other one", next: soon}},
		{name: "the same, and a place returns it", row: "currentDead", passes: "currentLost",
			given: func(c *scene) { c.s.New, c.s.NewAway = nil, true },
			want:  reply{trouble: true, why: "do NOT revoke the other one", next: soon}},
		{name: "I-1: the pair in use is refused: the other one may be all there is", row: "currentDead", passes: "unprovable",
			given: func(c *scene) { alive(c); c.s.New = refused() },
			want:  reply{why: "do NOT revoke the other one, and bring in a new pair", command: "quarterturn rotate bluum", next: soon}},
		{name: "I-1: the pair in use is refused, and the other one is not held: it may be all there is", row: "currentDead", passes: "unprovable",
			given: func(c *scene) { alive(c); c.s.New, c.s.OldHeld = refused(), false },
			want:  reply{why: "do NOT revoke the other one, and bring in a new pair", command: "quarterturn rotate bluum", next: soon}},
		{name: "I-1: whether the pair in use works is unclear", row: "currentDead",
			given: func(c *scene) { alive(c); c.s.New = unclear() },
			want:  reply{trouble: true, why: "do NOT revoke the other one", next: soon}},
		{name: "the pair in use works", row: "awaitRevocation", passes: "currentDead", given: alive,
			want: reply{command: "quarterturn revoked bluum --pair old"}},
	}))
	table(t, Burial, RevocationProven, join(openLines("aliveAgain watchOver"), []ask{
		{name: "it came into use again: nothing to watch", row: "inUseAgain",
			given: func(c *scene) { c.s.OldPair.Life = Current }, want: reply{to: Closed, why: "in use again"}},
		{name: "a last look that was unclear ends nothing", row: "watchOn", passes: "watchOver",
			given: func(c *scene) { c.s.Old = unclear(); c.r.Facts.DeadAt = ago(watchFor) },
			want:  reply{trouble: true, why: "the last look was unclear", next: tick}},
		{name: "a dead pair is looked at daily", row: "watchOn", passes: "inUseAgain aliveAgain watchOver cannotOpen",
			want: reply{why: "dead; looked at daily until 2026-03-21 12:00 UTC", next: watchEvery}},
		{name: "the last day is shorter", row: "watchOn",
			given: func(c *scene) { c.r.Facts.DeadAt = ago(watchFor - time.Hour) }, want: reply{why: "dead", next: time.Hour}},
		{name: "I-14: one Accepted answer reopens it", row: "aliveAgain",
			given: func(c *scene) { c.s.Old = accepted() },
			want: reply{to: AwaitingRevocation, lives: map[PairID]Life{oldID: Orphan}, broken: "a key that should be dead works",
				why: "AGAIN: revoke the key ending in OLD1"}},
		{name: "I-14: also in the last look of all", row: "aliveAgain",
			given: func(c *scene) { c.s.Old = accepted(); c.r.Facts.DeadAt = ago(watchFor) },
			want:  reply{to: AwaitingRevocation, lives: map[PairID]Life{oldID: Orphan}, broken: "a key that should be dead works"}},
		{name: "I-14: an unclear answer reopens nothing", row: "watchOn", passes: "aliveAgain",
			given: func(c *scene) { c.s.Old = unclear() }, want: reply{why: "dead"}},
		{name: "I-14: a person's word does not turn dead into attested", row: "watchOn",
			given: endWord, want: reply{why: "dead"}},
		{name: "the pair in use died meanwhile: nobody else would notice", row: "currentGone", passes: "aliveAgain",
			given: func(c *scene) { c.s.New = refused() },
			want:  reply{why: "refuses the pair in use", command: "quarterturn rotate bluum", broken: "every consumer"}},
		{name: "watched to the end: the sealed copy goes", row: "watchOver", passes: "aliveAgain currentGone",
			given: func(c *scene) { c.r.Facts.DeadAt = ago(watchFor) },
			want:  reply{to: Closed, wipe: []PairID{oldID}, why: "stayed dead"}},
		{name: "nothing sealed is left to look with", row: "watchOver",
			given: func(c *scene) { c.s.OldHeld, c.s.Old = false, nil }, want: reply{to: Closed, wipe: []PairID{oldID}}},
	}))
}

func TestOneLookMayServeSeveralStates(t *testing.T) {
	c := quiet(Routine, Received)
	c.r.Facts.Wrote = false
	for _, want := range []State{Staged, Distributed, Redeployed, Verified} {
		m := decide(c.sp, c.r, c.s, c.now)
		if m.To != want {
			t.Fatalf("in %s: %+v, want %s", c.r.State, m, want)
		}
		c.r = apply(c.r, m, c.now)
	}
	if v := verdict(c.s.New); v != vendors.Accepted {
		t.Errorf("the look says %s", v)
	}
}

// L-2: what failed three times and was mended is tried again.
func TestResumeTriesAgain(t *testing.T) {
	c := quiet(Routine, Distributed)
	c.run("api", func(f *RunFact) { f.Run.State, f.Tries, f.Attempt = cicd.Failed, 3, 3 })
	c.r = apply(c.r, decide(c.sp, c.r, c.s, c.now), c.now)
	if c.r.State != FailedState || c.r.Facts.Resume != Distributed {
		t.Fatalf("in %s, resuming at %s", c.r.State, c.r.Facts.Resume)
	}
	c.say(Word{Kind: Resume})
	r, _ := learn(c.sp, c.r, c.s, c.now)
	c.r = apply(r, decide(c.sp, r, c.s, c.now), c.now)
	reply{do: Redeploy, target: "api", attempt: 4, tries: 1}.check(t, c, decide(c.sp, c.r, c.s, c.now))
}
