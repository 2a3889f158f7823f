package rotator

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/cicd"
	"quarterturn/policies"
)

// without leaves out lines whose answer is another one in this lane.
func without(lines []ask, part string) []ask {
	return slices.DeleteFunc(lines, func(a ask) bool { return strings.Contains(a.name, part) })
}

// ---- into the lane -------------------------------------------------------------------------------------------

func TestDecideHurry(t *testing.T) {
	for _, k := range stateKeys() {
		if k.lane == Burial {
			continue
		}
		c := quiet(k.lane, k.state)
		c.wish(WishHurry, "sam")
		m := decide(c.sp, c.r, c.s, c.now)
		switch {
		case k.lane == Compromised && m.Deny == "":
			t.Errorf("%s, %s: it is compromised already: %+v", k.lane, k.state, m)
		case k.lane == Replace && c.r.New != "" && c.s.NewPair.Life != Current: // the burial of the new pair would leave none
			if m.Deny == "" {
				t.Errorf("%s, %s: the only pair that goes on living is given up: %+v", k.lane, k.state, m)
			}
		case k.lane != Compromised && (m.To != Abandoned || !m.Hurry):
			t.Errorf("%s, %s: it is not superseded: %+v", k.lane, k.state, m)
		case k.lane != Compromised && c.r.New != "":
			wantBuried(t, k, c, m)
		}
		checkTotal(t, c, m)
	}
}

// What is superseded must not lose a pair, whatever it was in the middle of.
func TestDecideHurryKeepsWhatIsInUse(t *testing.T) {
	cases := map[string]struct {
		lane  Lane
		state State
		given func(c *scene)
		lives map[PairID]Life
	}{
		"a retirement under way: the pair is in use again": {Retire, AwaitingRevocation, func(*scene) {}, map[PairID]Life{oldID: Current}},
		"the pair that replaced it was lost": {Routine, AwaitingKey, func(c *scene) { c.s.OldPair.Life = Previous },
			map[PairID]Life{oldID: Current}},
		"a first key is the compromised one":                                 {Routine, Verified, func(c *scene) { c.firstUse() }, map[PairID]Life{newID: Current}},
		"going back: the places may hold either, and the new pair is buried": {Routine, RollingBack, func(*scene) {}, map[PairID]Life{newID: Orphan}},
	}
	for name, k := range cases {
		t.Run(name, func(t *testing.T) {
			c := quiet(k.lane, k.state)
			k.given(&c)
			c.wish(WishHurry, "sam")
			m := decide(c.sp, c.r, c.s, c.now)
			if diff := cmp.Diff(k.lives, m.Lives); diff != "" || m.To != Abandoned || !m.Hurry {
				t.Errorf("%+v\nthe lives differ (-want +got):\n%s", m, diff)
			}
		})
	}
}

// wantBuried: I-16, of the two pairs the one that is not in use is an orphan with a burial.
func wantBuried(t *testing.T, k key, c scene, m Move) {
	t.Helper()
	want := Grave{Pair: newID, State: AwaitingRevocation, Used: c.r.Facts.Wrote}
	why := "its unfinished pair gets a burial"
	if c.s.NewPair.Life == Current {
		want.Pair, why = oldID, "the old pair gets a burial"
	} else if c.r.Facts.Wrote {
		want.NotBefore = c.now.Add(graceBurial)
	}
	if diff := cmp.Diff([]Grave{want}, m.Bury); diff != "" || m.Lives[want.Pair] != Orphan || !strings.HasSuffix(m.Why, why) {
		t.Errorf("%s, %s: not buried as it was used: %+v\n%s", k.lane, k.state, m, diff)
	}
}

// ---- compromised ---------------------------------------------------------------------------------------------

func noWayBack(why string) []ask {
	return []ask{
		{name: "rollback is wished: nothing leads back", row: "refuseRollback", passes: "?denyAbandon ?heedAbandon",
			given: func(c *scene) { c.wish(WishRollback, "sam"); c.s.Old = accepted() }, want: reply{deny: why}},
	}
}

func abandonTooLate() []ask {
	return []ask{{name: "abandon is wished after a write: the way is forward", row: "denyAbandon",
		given: func(c *scene) { c.wish(WishAbandon, "sam") }, want: reply{deny: "the way on is quarterturn rotate bluum"}}}
}

func abandonInTime() []ask {
	return []ask{{name: "abandon is wished before the first write", row: "heedAbandon",
		given: func(c *scene) { c.wish(WishAbandon, "sam"); c.r.Facts.Wrote, c.r.New = false, "" },
		want:  reply{to: Abandoned, why: "before anything was written"}}}
}

// onwardLines: the new pair is refused, and the only way on is a third one.
func onwardLines() []ask {
	third := thirdKey()
	third.broken, third.why = "already use the new pair", "nothing leads back to the old one"
	return []ask{
		{name: "both pairs are refused, for five minutes", row: "bothDead", passes: "?cannotOpen ?newGone",
			given: newRefusedFor(refused(), sureDead), want: thirdKey()},
		{name: "the new pair is refused for five minutes, and the old one works", row: "bothDead",
			given: func(c *scene) { newRefusedFor(accepted(), 0)(c); c.r.Facts.JointSince = ago(sureDead) }, want: third},
		{name: "the new pair is refused for less: one lying answer must not cost a pair", row: "newDeadOnly", passes: "bothDead",
			given: func(c *scene) { newRefusedFor(accepted(), 0)(c); c.r.Facts.JointSince = ago(sureDead - time.Second) },
			want:  reply{trouble: true, why: "there is no way back", broken: "already use the new pair", next: soon}},
	}
}

// emergencyApproval names a consumer that may be left without proof.
func emergencyApproval(c *scene, who string, consumers ...string) {
	c.r.Facts.Approvals = []Word{{Kind: Approved, Who: who, Spec: "spec 1", At: ago(time.Minute), Consumers: consumers, Text: "abuse"}}
}

func TestDecideCompromisedDue(t *testing.T) {
	ask1 := reply{to: AwaitingKey, why: "the pair in use is compromised"}
	full := func(inPlace bool) func(c *scene) {
		return func(c *scene) {
			c.s.Live = 2
			c.s.Orphans = []OrphanSeen{{Pair: otherID, Sealed: true, InPlace: inPlace, Why: "both keys work; revoke it",
				Command: "quarterturn revoked bluum --pair other"}}
		}
	}
	table(t, Compromised, DueState, join(abandonInTime(), noWayBack("compromised"), openLines("refuseRollback"), []ask{
		{name: "a person is asked at once", row: "askAtOnce", passes: "sealOldIfAny oldElsewhere liveLimit emergency", want: ask1},
		{name: "failed preflight warns", row: "askAtOnce",
			given: func(c *scene) { c.s.Problems = []string{"place vault cannot be reached: timeout"} }, want: ask1.skipping("preflight: place vault cannot be reached: timeout")},
		{name: "whether the old pair lives is unclear: nobody waits for that", row: "askAtOnce",
			given: func(c *scene) { c.s.Old = unclear() }, want: ask1},
		{name: "a freeze holds nothing up", row: "askAtOnce", given: func(c *scene) {
			c.sp.Policy.Freezes = []policies.Freeze{{From: ago(time.Hour), To: noon().Add(time.Hour), Reason: "holidays"}}
		}, want: ask1.skipping("frozen: holidays")},
		{name: "the old pair can be read: it is sealed, for the proof of its death", row: "sealOldIfAny", passes: "goOnWithOrphan",
			given: func(c *scene) { c.s.OldHeld = false }, want: reply{do: SealOld, target: "vault"}},
		{name: "no place returns the old pair: nobody is asked for it", row: "askAtOnce", passes: "sealOldIfAny",
			given: func(c *scene) { c.s.OldHeld, c.s.Source = false, "" }, want: ask1.skipping("the old pair is not sealed: its death can only be attested")},
		{name: "I-4: the pair in the places answers for another environment", row: "oldElsewhere", passes: "sealOldIfAny",
			given: func(c *scene) { c.s.Old.Environment = "sandbox" },
			want:  reply{why: "answers for sandbox", command: "quarterturn check bluum", next: tick}},
		{name: "the vendor is full and no place holds the orphan: it goes first", row: "liveLimit", passes: "goOnWithOrphan",
			given: full(false), want: reply{why: "the vendor allows 2", command: "quarterturn revoked bluum --pair other", next: tick}},
		{name: "the vendor is full and a place holds the orphan: it becomes the new pair", row: "goOnWithOrphan", passes: "cannotOpen",
			given: full(true), want: reply{takeNew: otherID, to: Received, lives: map[PairID]Life{otherID: Candidate}, why: "goes on with that"}},
		{name: "I-1: creating a key ends the old one: the consumers that fail are named first", row: "emergency", passes: "liveLimit",
			given: func(c *scene) { c.sp.Profile.Lifecycle = "replace" },
			want:  reply{why: "somebody must approve that", command: "quarterturn approve bluum --consumers api,jobs", next: tick}},
		{name: "they are named by an approval", row: "askAtOnce", passes: "emergency", given: func(c *scene) {
			c.sp.Profile.Lifecycle = "replace"
			emergencyApproval(c, "anna", "api", "jobs")
		}, want: ask1},
		{name: "a lifecycle that is not built", row: "lifecycleNotBuilt", passes: "refuseRollback",
			given: func(c *scene) { c.sp.Profile.Lifecycle = "two_slots" },
			want:  reply{why: "two_slots", command: "quarterturn abandon bluum", next: watchEvery}},
		{name: "it was taken once, and refused: not again", row: "liveLimit", passes: "goOnWithOrphan",
			given: func(c *scene) { full(true)(c); c.r.Facts.Taken = true },
			want:  reply{why: "the vendor allows 2", command: "quarterturn revoked bluum --pair other"}},
		{name: "a first key ends none", row: "askAtOnce", passes: "emergency", given: func(c *scene) {
			c.sp.Profile.Lifecycle = "replace"
			c.firstKey()
		}, want: ask1},
		{name: "an overlap is no obstacle", row: "askAtOnce", passes: "lifecycleNotBuilt", want: ask1},
	}))
}

func TestDecideCompromisedAwaitingKey(t *testing.T) {
	table(t, Compromised, AwaitingKey, join(abandonInTime(), noWayBack("compromised"), []ask{
		{name: "a person is asked", row: "awaitKey", passes: "refuseRollback oldCameLate pairCameIn",
			want: reply{why: "create a new one in the portal now", command: "quarterturn rotate bluum", next: watchEvery}},
		{name: "both are refused: broken", row: "awaitKey",
			given: func(c *scene) { c.r.Facts.BothDead, c.s.Old = true, refused() },
			want:  reply{why: "compromised", command: "quarterturn rotate bluum", broken: "no pair works", next: tick}},
		{name: "the old one works again: still no way back", row: "awaitKey",
			given: func(c *scene) { c.r.Facts.BothDead, c.s.Old = true, accepted() },
			want:  reply{why: "compromised", command: "quarterturn rotate bluum", next: watchEvery}},
		{name: "I-1: the configuration changed, and the approval is void: no key that ends the old one is asked for", row: "approvalVoid",
			passes: "pairCameIn", given: func(c *scene) {
				c.sp.Profile.Lifecycle = "replace"
				emergencyApproval(c, "anna", "api", "jobs")
				c.sp.Digest = "spec 2"
			}, want: reply{to: DueState, why: "do NOT create a key now"}},
		{name: "the approval stands", row: "awaitKey", passes: "approvalVoid", given: func(c *scene) {
			c.sp.Profile.Lifecycle = "replace"
			emergencyApproval(c, "anna", "api", "jobs")
		}, want: reply{why: "create a new one", command: "quarterturn rotate bluum", next: watchEvery}},
		{name: "the pair came in", row: "pairCameIn", given: func(c *scene) { c.r.New = newID }, want: reply{to: Received, why: "came in"}},
		{name: "the pair in use was handed in", row: "oldCameLate", given: func(c *scene) { c.r.Facts.NoOld = true },
			want: reply{to: DueState, why: "handed in"}},
	}))
}

func TestDecideCompromisedReceived(t *testing.T) {
	table(t, Compromised, Received, join(receivedIn(Compromised, "compromised"), []ask{
		{name: "I-16: the unfinished pair that places hold is refused: another is needed, and it stays listed", row: "newRefused",
			given: func(c *scene) { c.s.New, c.r.Facts.Taken, c.r.Facts.Wrote = refused(), true, true },
			want: reply{spare: true, to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan}, why: "stays listed",
				bury: []Grave{{Pair: newID, State: AwaitingRevocation, NotBefore: noon().Add(graceBurial), Used: true}}}},
	}))
}

// receivedIn: what the vendor's answer means is the same in every lane.
func receivedIn(lane Lane, why string) []ask {
	return join(noWayBack(why), openLines("refuseRollback"), goneLines("cannotOpen"), []ask{
		{name: "abandon is wished: the pair is buried", row: "heedAbandon",
			given: func(c *scene) { c.wish(WishAbandon, "sam"); c.sp.Profile.Lifecycle = "overlap" },
			want:  reply{to: Abandoned, lives: map[PairID]Life{newID: Orphan}, bury: []Grave{{Pair: newID, State: AwaitingRevocation}}}},
		{name: "abandon is wished, and the pair before was given up: it is in use", row: "heedAbandon",
			given: func(c *scene) {
				c.wish(WishAbandon, "sam")
				c.sp.Profile.Lifecycle, c.s.OldPair.Life = "overlap", Previous
			},
			want: reply{to: Abandoned, lives: map[PairID]Life{oldID: Current, newID: Orphan}, bury: []Grave{{Pair: newID, State: AwaitingRevocation}}}},
		{name: "I-1: abandon is wished where creating the new pair ends the old one: its burial would leave none", row: "heedAbandon",
			given: func(c *scene) { c.wish(WishAbandon, "sam"); c.sp.Profile.Lifecycle = "replace" },
			want:  reply{deny: "creating the new pair ends the old one"}},
		{name: "accepted, for this environment and tenant", row: "stage",
			passes: "heedAbandon newUnclear newRefused acceptsAnybody wrongEnvironment wrongTenant unattested", want: reply{to: Staged}},
		{name: "a made-up pair is accepted too", row: "acceptsAnybody", passes: "newRefused",
			given: func(c *scene) { c.s.Random = accepted() }, want: reply{trouble: true, why: "nobody ever issued", next: soon}},
		{name: "unclear", row: "newUnclear", passes: "newGone", given: func(c *scene) { c.s.New = unclear() },
			want: reply{trouble: true, why: "is unclear", next: soon}},
		{name: "refused", row: "newRefused", given: func(c *scene) { c.s.New = refused() },
			want: reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Refused}, wipe: []PairID{newID}}},
		{name: "another environment's", row: "wrongEnvironment", given: func(c *scene) { c.s.New.Environment = "sandbox" },
			want: reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan}, bury: []Grave{{Pair: newID, State: AwaitingRevocation}}}},
		{name: "another tenant's", row: "wrongTenant", given: func(c *scene) { c.s.New.Subjects = []string{"account 9"} },
			want: reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan}, bury: []Grave{{Pair: newID, State: AwaitingRevocation}}}},
		{name: "nobody knows whose", row: "unattested", given: func(c *scene) { c.r.Facts.Tenant = "" },
			want: reply{why: "say which organisation", command: "quarterturn attest bluum --environment production"}},
	})
}

func TestDecideCompromisedStaged(t *testing.T) {
	table(t, Compromised, Staged, join(stagedIn(Compromised, "compromised"), []ask{
		{name: "a place that only named consumers read cannot be reached: nobody waits for it", row: "distribute", passes: "putNext followers",
			given: func(c *scene) { c.unheld("ci", HoldsUnknown); emergencyApproval(c, "anna", "jobs") }, want: reply{to: Distributed}},
		{name: "writing to it failed, for now or for good: the others are written", row: "putNext", passes: "effectStopped", given: func(c *scene) {
			c.unheld("ci", HoldsHidden)
			c.unheld("vault", HoldsOld)
			c.sp.Places[0], c.sp.Places[1] = c.sp.Places[1], c.sp.Places[0]
			emergencyApproval(c, "anna", "jobs")
			c.r.Facts.Intent, c.r.Facts.Stop = &Intent{Do: Put, Target: "ci"}, "stopped: place ci: the place refuses this access"
		}, want: reply{do: Put, target: "vault"}},
		{name: "and nobody waits for it afterwards", row: "distribute", passes: "effectStopped putNext followers", given: func(c *scene) {
			c.unheld("ci", HoldsHidden)
			emergencyApproval(c, "anna", "jobs")
			c.r.Facts.Intent, c.r.Facts.Stuck = &Intent{Do: Put, Target: "ci"}, 3
		}, want: reply{to: Distributed}},
		{name: "a place that another follows is not spared while somebody reads the copy", row: "putNext", given: func(c *scene) {
			c.unheld("vault", HoldsForeign)
			c.consumer("jobs", func(k *ConsumerSpec) { k.Reads = []string{"vault"} })
			emergencyApproval(c, "anna", "jobs")
		}, want: reply{why: "overwrite it?", command: "quarterturn waive bluum place:vault", next: tick}},
		{name: "I-1: a place that others read too is waited for", row: "putNext",
			given: func(c *scene) {
				c.unheld("ci", HoldsUnknown)
				c.consumer("api", func(k *ConsumerSpec) { k.Reads = []string{"ci", "mirror"} })
				emergencyApproval(c, "anna", "jobs")
			},
			want: reply{trouble: true, why: "place ci cannot be reached", next: soon}},
		{name: "I-1: an approval of who brought the pair in names nobody", row: "putNext",
			given: func(c *scene) { c.unheld("ci", HoldsUnknown); emergencyApproval(c, "sam", "jobs") },
			want:  reply{trouble: true, why: "place ci"}},
	}))
}

func stagedIn(lane Lane, why string) []ask {
	lines := join(openLines("refuseRollback"), goneLines("cannotOpen"), putLines(HoldsOld), stopLines("cannotOpen bothDead newDeadOnly"), []ask{
		{name: "every place holds it", row: "distribute", passes: "heedAbandon effectStopped newUnclear putNext followers", want: reply{to: Distributed}},
		{name: "unclear: nothing is written", row: "newUnclear", passes: "newDeadOnly",
			given: func(c *scene) { c.unheld("vault", HoldsOld); c.s.New = unclear() }, want: reply{trouble: true, why: "is unclear"}},
	})
	return join(abandonInTime()[:0], noWayBack(why), onwardLines(), lines, []ask{
		{name: "abandon is wished after a write", row: "heedAbandon", given: func(c *scene) { c.wish(WishAbandon, "sam") },
			want: reply{deny: "the way on is quarterturn rotate bluum"}},
	})
}

func TestDecideCompromisedDistributed(t *testing.T) {
	table(t, Compromised, Distributed, join(distributedIn(Compromised, "compromised"), []ask{
		{name: "a named consumer's redeploy failed: nobody waits for another", row: "redeployDone", passes: "redeployNext",
			given: func(c *scene) {
				c.run("jobs", func(f *RunFact) { *f = ran(newID, cicd.Failed) })
				emergencyApproval(c, "anna", "jobs")
			},
			want: reply{to: Redeployed}},
		{name: "its pipeline refuses for good: nobody waits for that either", row: "redeployDone", passes: "effectStopped redeployNext",
			given: func(c *scene) {
				delete(c.r.Facts.Runs, "jobs")
				emergencyApproval(c, "anna", "jobs")
				c.r.Facts.Intent, c.r.Facts.Stop = &Intent{Do: Redeploy, Target: "jobs"}, "stopped: consumer jobs"
			},
			want: reply{to: Redeployed}},
		{name: "I-1: its place was never written: it is not restarted with what is there", row: "redeployDone", passes: "placeLost redeployNext",
			given: func(c *scene) {
				delete(c.r.Facts.Runs, "jobs")
				c.unheld("ci", HoldsOld)
				emergencyApproval(c, "anna", "jobs")
			},
			want: reply{to: Redeployed}},
		{name: "a named consumer is redeployed once all the same", row: "redeployNext",
			given: func(c *scene) { delete(c.r.Facts.Runs, "jobs"); emergencyApproval(c, "anna", "jobs") },
			want:  reply{do: Redeploy, target: "jobs", attempt: 1, tries: 1}},
	}))
}

func distributedIn(lane Lane, why string) []ask {
	return join(abandonTooLate(), noWayBack(why), onwardLines(), openLines("refuseRollback"),
		goneLines("cannotOpen"), lostLines(""), stopLines("newDeadOnly"), redeployLines(oldID), []ask{
			{name: "every redeploy succeeded", row: "redeployDone", passes: "effectStopped placeLost newUnclear redeployNext",
				want: reply{to: Redeployed}},
			{name: "unclear: nothing is restarted", row: "newUnclear", passes: "placeLost",
				given: func(c *scene) { c.s.New = unclear() }, want: reply{trouble: true, why: "is unclear"}},
		})
}

func TestDecideCompromisedRedeployed(t *testing.T) {
	silent := func(c *scene) { delete(c.r.Facts.Proofs, "api"); c.s.Uses["api"] = UseSeen{Err: "connection refused"} }
	fresh := func(c *scene, ended time.Duration) {
		silent(c)
		c.r.EnteredAt = ago(ended)
		c.run("api", func(f *RunFact) { f.Run.EndedAt = ago(ended) })
	}
	table(t, Compromised, Redeployed, join(abandonTooLate(), noWayBack("compromised"), onwardLines(),
		join(openLines("refuseRollback"), goneLines("cannotOpen"), lostLines("")), []ask{
			{name: "every consumer proved itself", row: "verify", passes: "placeLost unprovenInEmergency", want: reply{to: Verified}},
			{name: "one did not, for a minute: an approval that names it goes on at once", row: "unprovenInEmergency", passes: "newDeadOnly",
				given: func(c *scene) { fresh(c, 2*time.Minute) },
				want:  reply{why: "goes on at once", command: "quarterturn approve bluum --consumers api"}},
			{name: "one did not, for a moment", row: "unprovenInEmergency", given: func(c *scene) { fresh(c, 10*time.Second) },
				want: reply{why: "has not proved the pair yet"}},
			{name: "one did not in time: it is redeployed again", row: "unprovenInEmergency",
				given: func(c *scene) { fresh(c, 11*time.Minute) }, want: reply{to: Distributed, again: []string{"api"}}},
			{name: "the approval stands in", row: "verify", passes: "unprovenInEmergency", given: func(c *scene) {
				silent(c)
				c.r.Facts.Proofs["api"] = Proof{Pair: newID, At: noon(), By: "anna: abuse"}
			}, want: reply{to: Verified, why: "waived by anna: abuse"}},
		}))
}

func TestDecideCompromisedVerified(t *testing.T) {
	asked := reply{to: AwaitingRevocation, lives: map[PairID]Life{newID: Current, oldID: Previous}, why: "asked to revoke"}.
		skipping("overlap of 24h0m0s: the old key is known to others")
	table(t, Compromised, Verified, join(abandonTooLate(), noWayBack("compromised"), onwardLines(), verifiedIn(Compromised), []ask{
		{name: "no overlap is waited for", row: "requestAtOnce", passes: "firstKeyDone missesProof newUnclear unapproved",
			given: func(c *scene) { c.r.EnteredAt = ago(time.Second) }, want: asked},
		{name: "nobody approved", row: "unapproved", given: func(c *scene) { c.r.Facts.Approvals = nil },
			want: reply{why: "after 15m0s without one", command: "quarterturn approve bluum", next: tick}},
		{name: "one person approved alone, after the wait", row: "requestAtOnce", passes: "unapproved", given: func(c *scene) {
			c.sp.Approvers = append(c.sp.Approvers, "sam")
			c.r.Facts.Approvals = []Word{{Kind: Approved, Who: "sam", Spec: "spec 1", Alone: true, Text: "nobody is there"}}
		}, want: asked},
		{name: "a consumer that an approval names still runs with the old pair", row: "requestAtOnce", passes: "useLost proofGone missesProof",
			given: func(c *scene) {
				c.s.Uses["api"] = UseSeen{Names: HoldsOld}
				c.r.Facts.Proofs["api"] = Proof{Pair: newID, At: noon(), By: "anna: abuse"}
				emergencyApproval(c, "anna", "api")
			}, want: asked},
		{name: "a first key: nothing to revoke", row: "firstKeyDone", given: func(c *scene) { c.firstUse() },
			want: reply{to: Closed, lives: map[PairID]Life{newID: Current}, wipe: []PairID{newID}}},
	}))
}

// verifiedIn: what is proven must still be.
func verifiedIn(lane Lane) []ask {
	return join(openLines("refuseRollback"), goneLines("cannotOpen"), lostLines(""), useLines(""),
		freshLines("firstKeyDone"))
}

func TestDecideCompromisedAwaitingRevocation(t *testing.T) {
	table(t, Compromised, AwaitingRevocation, awaitingRevocationIn(Compromised, "compromised", []ask{
		{name: "the characters typed are those of the key in use: no way back, and nobody is sent there", row: "wrongKeyRevoked",
			passes: "newDeadOnly", given: toldRevoked("NEW1", time.Minute),
			want: reply{why: "there is no way back", broken: "within the vendor's propagation time", next: soon}},
		{name: "L-1: they were mistyped: the new pair works after the propagation time, and the request stands", row: "awaitReplaced",
			passes: "wrongKeyRevoked", given: toldRevoked("NEW1", 10*time.Minute),
			want: reply{why: "it still works", command: "quarterturn revoked bluum", next: tick}},
		{name: "they were not", row: "awaitReplaced", passes: "wrongKeyRevoked", given: alive,
			want: reply{why: "both keys work", command: "quarterturn revoked bluum"}},
	}))
}

func awaitingRevocationIn(lane Lane, why string, more []ask) []ask {
	withdrawn := "; the revocation request is withdrawn: do NOT revoke the old key"
	proof := proofOfDeath("quarterturn revoked bluum", reply{to: RevocationProven})
	for i := range proof { // here the row is another one, and leaves the same answers
		proof[i].row = strings.ReplaceAll(proof[i].row, "awaitRevocation", "awaitReplaced")
		proof[i].passes = strings.ReplaceAll(proof[i].passes, "awaitRevocation", "awaitReplaced")
	}
	if lane == Replace {
		proof = without(proof, "the request stands")
	}
	lines := join(openLines("refuseRollback"), goneLines("cannotOpen"), clockLines("newDeadOnly"), lostLines(withdrawn), useLines(withdrawn), proof, []ask{
		{name: "a person's word closes as attested", row: "attestedEnd", passes: "proofGone", given: endWord,
			want: reply{to: Closed, lives: map[PairID]Life{oldID: Ended}, wipe: []PairID{oldID, newID}, why: "not proven dead"}},
		{name: "the new pair answers unclearly", row: "newUnclear", passes: "attestedEnd",
			given: func(c *scene) { alive(c); c.s.New = unclear() }, want: reply{trouble: true, why: "is unclear"}},
		{name: "everything is shown", row: "provenDead", passes: "newUnclear clockOff", want: reply{to: RevocationProven}},
	})
	return join(abandonTooLate(), noWayBack(why), onwardLines(), lines, more)
}

func TestDecideCompromisedRevocationProven(t *testing.T) {
	table(t, Compromised, RevocationProven, revocationProvenIn(Compromised))
}

func revocationProvenIn(lane Lane) []ask {
	uses := useLines("")
	for i := range uses { // the old pair stays dead in these lines
		given := uses[i].given
		uses[i].given = func(c *scene) { given(c); c.s.Old = refused() }
		if uses[i].want.to == Distributed {
			uses[i].want.broken = "runs with a pair the vendor refuses"
		}
	}
	return join(abandonTooLate(), onwardLines(), openLines("denyRollback"), goneLines("cannotOpen"), lostLines(""), uses,
		freshLines("proofGone"), []ask{
			{name: "rollback is wished, and the old pair is dead", row: "denyRollback", passes: "denyAbandon",
				given: func(c *scene) { c.wish(WishRollback, "sam") }, want: reply{deny: "proven dead"}},
			{name: "done", row: "closeIt", passes: "oldAliveAgain missesProof newUnclear",
				want: reply{to: Closed, lives: map[PairID]Life{oldID: Dead, newID: Current}, wipe: []PairID{newID},
					bury: []Grave{{Pair: oldID, State: RevocationProven, DeadAt: noon(), NotBefore: noon().Add(watchEvery)}}}},
			{name: "it is accepted again", row: "oldAliveAgain", passes: "newDeadOnly", given: func(c *scene) { c.s.Old = accepted() },
				want: reply{to: AwaitingRevocation}},
		})
}

func TestDecideCompromisedFailed(t *testing.T) {
	table(t, Compromised, FailedState, failedIn("compromised"))
}

func failedIn(why string) []ask {
	return join(abandonTooLate(), noWayBack(why), onwardLines(), []ask{
		{name: "it waits for help, and no way back is offered", row: "awaitHelp", passes: "heedResume refuseRollback newDeadOnly",
			want: reply{why: "Mend it and resume", command: "quarterturn resume bluum", next: tick}},
		{name: "L-1: the new pair was refused, and no copy of it is left to ask with: a person is awaited", row: "newDeadOnly",
			given: stoppedWithout, want: reply{why: "no copy of it can be opened", command: "quarterturn resume bluum",
				broken: "already use the new pair", next: tick}},
		{name: "resume", row: "heedResume", given: func(c *scene) { c.wish(WishResume, "sam") },
			want: reply{to: Staged, again: []string{"api", "jobs"}, why: "resumed, as sam asked"}},
	})
}

// ---- replace -------------------------------------------------------------------------------------------------

func TestDecideReplaceDue(t *testing.T) {
	window := "quarterturn approve bluum --consumers api,jobs"
	table(t, Replace, DueState, join(abandonInTime(), openLines("denyRollback"), []ask{
		{name: "the window is open", row: "askForKey",
			passes: "preflightFails sealOldIfAny oldUnprobed oldElsewhere frozen window", want: reply{to: AwaitingKey}},
		{name: "rollback is wished", row: "denyRollback", passes: "heedAbandon", given: func(c *scene) { c.wish(WishRollback, "sam") },
			want: reply{deny: "quarterturn abandon bluum"}},
		{name: "I-13: preflight fails", row: "preflightFails", passes: "cannotOpen",
			given: func(c *scene) { c.s.Problems = []string{"place vault cannot be reached"} },
			want:  reply{why: "preflight: place vault", command: "quarterturn check bluum", next: tick}},
		{name: "the old pair is sealed, for the proof of its death", row: "sealOldIfAny",
			given: func(c *scene) { c.s.OldHeld = false }, want: reply{do: SealOld, target: "vault"}},
		{name: "whether the old pair lives is unclear", row: "oldUnprobed", given: func(c *scene) { c.s.Old = unclear() },
			want: reply{trouble: true, why: "is unclear", next: soon}},
		{name: "it answers for another environment", row: "oldElsewhere", given: func(c *scene) { c.s.Old.Environment = "sandbox" },
			want: reply{why: "answers for sandbox", command: "quarterturn check bluum"}},
		{name: "frozen", row: "frozen", given: func(c *scene) {
			c.sp.Policy.Freezes = []policies.Freeze{{From: ago(time.Hour), To: noon().Add(time.Hour), Reason: "holidays"}}
		}, want: reply{why: "frozen: holidays", next: time.Hour}},
		{name: "I-1: no window was approved", row: "window", given: func(c *scene) { c.r.Facts.Window = nil },
			want: reply{why: "must be approved", command: window, next: watchEvery}},
		{name: "the window is over", row: "window", given: func(c *scene) { c.r.Facts.Window.To = noon() },
			want: reply{why: "must be approved", command: window}},
		{name: "the window is for another configuration", row: "window", given: func(c *scene) { c.sp.Digest = "spec 2" },
			want: reply{why: "must be approved", command: window}},
		{name: "I-1: the window does not name every consumer", row: "window",
			given: func(c *scene) { c.r.Facts.Window.Consumers = []string{"api"} }, want: reply{why: "must be approved", command: window}},
		{name: "the window is ahead", row: "window", given: func(c *scene) { c.r.Facts.Window.From = noon().Add(30 * time.Minute) },
			want: reply{why: "approved by anna", next: 30 * time.Minute}},
		{name: "the old pair is dead already: nothing to wait for", row: "askForKey", passes: "window",
			given: func(c *scene) { c.r.Facts.Window, c.r.Facts.OldDead, c.s.Old = nil, true, refused() }, want: reply{to: AwaitingKey}},
		{name: "a first key breaks nothing", row: "askForKey", passes: "window",
			given: func(c *scene) {
				c.r.Facts.Window = nil
				c.firstKey()
				c.places(HoldsNothing)
				c.s.Nowhere, c.s.Source = true, ""
			},
			want: reply{to: AwaitingKey, why: "a first key"}},
	}))
}

func TestDecideReplaceAwaitingKey(t *testing.T) {
	table(t, Replace, AwaitingKey, join(abandonInTime(), noWayBack("waived the way back"), []ask{
		{name: "a person is asked, until the window ends", row: "awaitKey", passes: "refuseRollback oldCameLate pairCameIn windowOver",
			want: reply{why: "create a new pair", command: "quarterturn rotate bluum", next: time.Hour}},
		{name: "the window is over", row: "windowOver", passes: "pairCameIn", given: func(c *scene) { c.r.Facts.Window.To = noon() },
			want: reply{to: DueState, why: "do NOT create a key now"}},
		{name: "I-1: the window has not begun", row: "windowOver", given: func(c *scene) { c.r.Facts.Window.From = noon().Add(time.Minute) },
			want: reply{to: DueState, why: "do NOT create a key now"}},
		{name: "the window was approved for another configuration", row: "windowOver", given: func(c *scene) { c.sp.Digest = "spec 2" },
			want: reply{to: DueState, why: "do NOT create a key now"}},
		{name: "the window is over, and the old pair is dead: somebody created one", row: "awaitKey", passes: "windowOver",
			given: func(c *scene) { c.r.Facts.Window.To, c.r.Facts.OldDead, c.s.Old = noon(), true, refused() },
			want:  reply{why: "create a new pair", command: "quarterturn rotate bluum", broken: "creating it has ended the old one", next: tick}},
		{name: "the pair came in", row: "pairCameIn", given: func(c *scene) { c.r.New = newID }, want: reply{to: Received}},
		{name: "the pair in use was handed in", row: "oldCameLate", given: func(c *scene) { c.r.Facts.NoOld = true }, want: reply{to: DueState}},
	}))
}

func TestDecideReplaceReceived(t *testing.T) {
	table(t, Replace, Received, receivedIn(Replace, "waived the way back"))
}

func TestDecideReplaceStaged(t *testing.T) {
	table(t, Replace, Staged, stagedIn(Replace, "waived the way back"))
}

func TestDecideReplaceDistributed(t *testing.T) {
	table(t, Replace, Distributed, distributedIn(Replace, "waived the way back"))
}

func TestDecideReplaceRedeployed(t *testing.T) {
	table(t, Replace, Redeployed, join(abandonTooLate(), noWayBack("waived the way back"), onwardLines(),
		join(openLines("refuseRollback"), goneLines("cannotOpen"), lostLines(""), proofLines(oldID, Distributed), []ask{
			{name: "every consumer proved itself", row: "verify", passes: "placeLost useUnproven", want: reply{to: Verified}}})))
}

func TestDecideReplaceVerified(t *testing.T) {
	table(t, Replace, Verified, join(abandonTooLate(), noWayBack("waived the way back"), onwardLines(), verifiedIn(Replace), []ask{
		{name: "nobody is asked to revoke", row: "replaced", passes: "proofGone firstKeyDone missesProof newUnclear",
			given: func(c *scene) { c.r.EnteredAt, c.r.Facts.Approvals = ago(time.Second), nil },
			want:  reply{to: AwaitingRevocation, lives: map[PairID]Life{newID: Current, oldID: Previous}, why: "nobody has to revoke it"}},
		{name: "a first key", row: "firstKeyDone", given: func(c *scene) { c.firstUse() },
			want: reply{to: Closed, lives: map[PairID]Life{newID: Current}, wipe: []PairID{newID}}},
	}))
}

func TestDecideReplaceAwaitingRevocation(t *testing.T) {
	table(t, Replace, AwaitingRevocation, awaitingRevocationIn(Replace, "waived the way back", []ask{
		{name: "the old pair still answers, for a while", row: "awaitReplaced",
			given: func(c *scene) { alive(c); c.r.EnteredAt = ago(2 * time.Minute) },
			want:  reply{why: "should end it until 2026-03-02 12:08 UTC", next: 8 * time.Minute}},
		{name: "the vendor did not end it: a person must look", row: "awaitReplaced", given: alive,
			want: reply{why: "should have ended the old one, and it still works", command: "quarterturn revoked bluum", next: tick}},
	}))
}

func TestDecideReplaceRevocationProven(t *testing.T) {
	table(t, Replace, RevocationProven, revocationProvenIn(Replace))
}

func TestDecideReplaceFailed(t *testing.T) {
	table(t, Replace, FailedState, failedIn("waived the way back"))
}

// ---- retire --------------------------------------------------------------------------------------------------

func TestDecideRetire(t *testing.T) {
	table(t, Retire, DueState, join(openLines("denyRollback"), []ask{
		{name: "nobody needs it: its revocation is asked for", row: "askToRetire", passes: "cannotOpen nothingToRetire stillNeeded sealOldIfAny",
			want: reply{to: AwaitingRevocation, lives: map[PairID]Life{oldID: Orphan}, why: "no other takes its place"}},
		{name: "abandon is wished", row: "heedAbandon", given: func(c *scene) { c.wish(WishAbandon, "sam") }, want: reply{to: Abandoned}},
		{name: "rollback is wished", row: "denyRollback", passes: "heedAbandon", given: func(c *scene) { c.wish(WishRollback, "sam") },
			want: reply{deny: "quarterturn abandon bluum"}},
		{name: "there is no pair", row: "nothingToRetire", given: func(c *scene) { c.firstKey() }, want: reply{retires: true, to: Closed, why: "no pair in use"}},
		{name: "no pair is known, and a place cannot be reached: it may hold one", row: "unfitToRetire", passes: "nothingToRetire",
			given: func(c *scene) {
				c.firstKey()
				c.s.Nowhere, c.s.Unfit, c.s.Problems = false, 1, []string{"place vault cannot be reached: timeout"}
			},
			want: reply{why: "place vault cannot be reached", command: "quarterturn check bluum", next: tick}},
		{name: "the places hold different pairs, and none is the known one", row: "unfitToRetire", passes: "nothingToRetire",
			given: func(c *scene) {
				c.s.Changed, c.s.Unfit, c.s.Problems = true, 1, []string{"place ci holds another pair"}
			},
			want: reply{why: "place ci holds another pair", command: "quarterturn check bluum"}},
		{name: "the known pair goes whatever a place holds", row: "askToRetire", passes: "unfitToRetire",
			given: func(c *scene) { c.s.Unfit, c.s.Problems = 1, []string{"place vault cannot be reached: timeout"} },
			want:  reply{to: AwaitingRevocation, lives: map[PairID]Life{oldID: Orphan}}},
		{name: "no place returns the pair: its end can be attested", row: "askToRetire", passes: "nothingToRetire unfitToRetire",
			given: func(c *scene) { c.firstKey(); c.s.Nowhere = false },
			want:  reply{to: AwaitingRevocation, unheld: true, why: "never held here"}},
		{name: "I-2: a consumer is declared", row: "stillNeeded", given: func(c *scene) { c.sp.Consumers = quietSpec().Consumers },
			want: reply{why: "consumer api is declared", command: "quarterturn waive bluum consumer:api", next: watchEvery}},
		{name: "I-2: they are waived by name", row: "askToRetire", passes: "stillNeeded", given: func(c *scene) {
			c.sp.Consumers = quietSpec().Consumers
			c.waive("consumer:api", time.Hour)
			c.waive("consumer:jobs", time.Hour)
		}, want: reply{to: AwaitingRevocation, lives: map[PairID]Life{oldID: Orphan}}},
		{name: "it is sealed first", row: "sealOldIfAny", given: func(c *scene) { c.s.OldHeld = false }, want: reply{do: SealOld, target: "vault"}},
	}))
}

func TestDecideRetireAwaitingRevocation(t *testing.T) {
	lines := proofOfDeath("quarterturn revoked bluum --pair old", reply{})
	for i := range lines {
		lines[i].row = strings.ReplaceAll(lines[i].row, "provenDead", "retired")
		if strings.Contains(lines[i].name, "request stands") {
			lines[i].want.why = "the key works; revoke the key ending in OLD1 of 2025-12-12 in the portal"
		}
		if lines[i].row == "retired" {
			lines[i].want = reply{to: Closed, retires: true, lives: map[PairID]Life{oldID: Dead}, why: "the credential is retired",
				bury: []Grave{{Pair: oldID, State: RevocationProven, DeadAt: noon(), NotBefore: noon().Add(watchEvery)}}}
		}
	}
	table(t, Retire, AwaitingRevocation, join(openLines("denyRollback"), clockLines("cannotOpen"), lines, []ask{
		{name: "abandon is wished: the pair stays in use", row: "heedAbandon", given: func(c *scene) { alive(c); c.wish(WishAbandon, "sam") },
			want: reply{to: Abandoned, lives: map[PairID]Life{oldID: Current}, why: "stays in use"}},
		{name: "abandon is wished, and the pair is refused already", row: "heedAbandon", given: func(c *scene) { c.wish(WishAbandon, "sam") },
			want: reply{deny: "revoked already"}},
		{name: "abandon is wished a moment after somebody revoked it", row: "heedAbandon",
			given: func(c *scene) { toldRevoked("OLD1", time.Minute)(c); c.wish(WishAbandon, "sam") }, want: reply{deny: "revoked already"}},
		{name: "I-2: a consumer is declared again: the request is withdrawn", row: "neededAgain", passes: "cannotOpen",
			given: func(c *scene) { alive(c); c.sp.Consumers = quietSpec().Consumers },
			want:  reply{to: DueState, lives: map[PairID]Life{oldID: Current}, why: "do NOT revoke the old key"}},
		{name: "it is declared after the pair was revoked: too late", row: "retired", passes: "neededAgain",
			given: func(c *scene) { c.sp.Consumers = quietSpec().Consumers },
			want:  reply{retires: true, to: Closed, lives: map[PairID]Life{oldID: Dead}, bury: []Grave{{Pair: oldID, State: RevocationProven, DeadAt: noon(), NotBefore: noon().Add(watchEvery)}}}},
		{name: "rollback is wished", row: "denyRollback", passes: "heedAbandon", given: func(c *scene) { c.wish(WishRollback, "sam") },
			want: reply{deny: "quarterturn abandon bluum"}},
		{name: "a person's word", row: "attestedEnd", passes: "clockOff", given: endWord,
			want: reply{retires: true, to: Closed, lives: map[PairID]Life{oldID: Ended}, wipe: []PairID{oldID}}},
		{name: "nobody's word", row: "retired", passes: "attestedEnd unprovable awaitRevocation moreTriples",
			want: reply{retires: true, to: Closed, lives: map[PairID]Life{oldID: Dead}, bury: []Grave{{Pair: oldID, State: RevocationProven, DeadAt: noon(), NotBefore: noon().Add(watchEvery)}}}},
		{name: "I-11: no other credential to compare with", row: "unprovable", given: func(c *scene) { c.s.Control, c.s.New = "", nil },
			want: reply{why: "no pair in use to compare with", command: "quarterturn attest bluum --pair old"}},
	}))
}
