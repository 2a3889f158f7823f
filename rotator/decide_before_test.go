package rotator

import (
	"testing"
	"time"

	"quarterturn/policies"
)

func TestDecideDue(t *testing.T) {
	table(t, Routine, DueState, join(openLines("heedAbandon denyRollback lifecycleNotBuilt"), []ask{
		{name: "I-13: everything is ready, so a person is asked", row: "askForKey",
			passes: "cannotOpen preflightFails sealOld oldUnprobed oldElsewhere liveLimit frozen",
			want:   reply{to: AwaitingKey, why: "everything needed to finish is ready"}},
		{name: "abandon is wished: nothing was written, so it ends", row: "heedAbandon",
			given: func(c *scene) { c.wish(WishAbandon, "sam") }, want: reply{to: Abandoned, why: "before anything was written"}},
		{name: "rollback is wished before any write", row: "denyRollback", passes: "heedAbandon",
			given: func(c *scene) { c.wish(WishRollback, "sam") }, want: reply{deny: "quarterturn abandon bluum"}},
		{name: "a lifecycle that is not built", row: "lifecycleNotBuilt", passes: "denyRollback",
			given: func(c *scene) { c.sp.Profile.Lifecycle = "two_slots" },
			want:  reply{why: "lifecycle is two_slots", command: "quarterturn abandon bluum"}},
		{name: "a first key needs nothing opened", row: "askForKey", passes: "cannotOpen sealOld oldUnprobed",
			given: func(c *scene) { c.firstKey(); c.s.Opened = Opened{} }, want: reply{to: AwaitingKey, why: "a first key"}},
		{name: "I-13: preflight finds one thing", row: "preflightFails", passes: "cannotOpen",
			given: func(c *scene) { c.s.Problems = []string{"place vault cannot be reached"} },
			want:  reply{why: "preflight: place vault cannot be reached", command: "quarterturn check bluum", next: tick}},
		{name: "I-13: preflight finds three", row: "preflightFails",
			given: func(c *scene) { c.s.Problems = []string{"one", "two", "three"} },
			want:  reply{why: "one (and 2 more)", command: "quarterturn check bluum"}},
		{name: "I-12: the old pair is not sealed and a place returns it", row: "sealOld", passes: "preflightFails",
			given: func(c *scene) { c.s.OldHeld = false }, want: reply{do: SealOld, target: "vault"}},
		{name: "I-12: nobody knows an old pair, and a place returns one", row: "sealOld",
			given: func(c *scene) { c.firstKey(); c.s.Nowhere, c.s.Source = false, "vault"; c.places(HoldsForeign) },
			want:  reply{do: SealOld, target: "vault"}},
		{name: "I-12: somebody changed the pair outside: the one in the places is the old one", row: "sealOld",
			given: func(c *scene) { c.places(HoldsForeign); c.s.Changed, c.s.OldHeld = true, false },
			want:  reply{do: SealOld, target: "vault"}},
		{name: "I-12: it is sealed where it can be, although rollback is waived", row: "sealOld",
			given: func(c *scene) { c.s.OldHeld, c.r.Facts.NoRollback = false, "olga: laptop" },
			want:  reply{do: SealOld, target: "vault"}},
		{name: "I-12: no place returns it and nothing is waived", row: "sealOld",
			given: func(c *scene) { c.s.OldHeld, c.s.Source = false, "" },
			want:  reply{why: "hand it in once, or waive rollback", command: "quarterturn submit --old bluum"}},
		{name: "I-12: rollback is waived before any write", row: "askForKey", passes: "sealOld oldUnprobed",
			given: func(c *scene) {
				c.s.OldHeld, c.s.Source, c.s.Old = false, "", nil
				c.r.Facts.NoRollback = "olga: laptop"
			},
			want: reply{to: AwaitingKey}},
		{name: "I-16: rollback is waived and nobody knows the old pair: it gets a place in the inventory", row: "askForKey",
			given: func(c *scene) { c.firstKey(); c.s.Nowhere, c.r.Facts.NoRollback = false, "olga: laptop" },
			want:  reply{to: AwaitingKey, unheld: true, why: "can only be attested"}},
		{name: "a sealed old pair that no place returns any more is good enough", row: "askForKey", passes: "sealOld",
			given: func(c *scene) { c.s.Source = ""; c.places(HoldsNothing) }, want: reply{to: AwaitingKey}},
		{name: "whether the old pair lives is unclear", row: "oldUnprobed", passes: "sealOld",
			given: func(c *scene) { c.s.Old = unclear() }, want: reply{trouble: true, why: "timeout; nothing is broken", next: soon}},
		{name: "the old pair was not asked at all", row: "oldUnprobed",
			given: func(c *scene) { c.s.Old = nil }, want: reply{trouble: true, why: "it was not asked"}},
		{name: "I-4: the pair in the places answers for another environment", row: "oldElsewhere", passes: "oldUnprobed",
			given: func(c *scene) { c.s.Old.Environment = "sandbox" },
			want:  reply{why: "answers for sandbox, not for production", command: "quarterturn check bluum"}},
		{name: "I-4: the pair that was handed in answers for another environment", row: "oldElsewhere",
			given: func(c *scene) { c.s.Old.Environment, c.s.Source = "sandbox", "" },
			want:  reply{to: DueState, why: "it was wiped", lives: map[PairID]Life{oldID: Refused}, wipe: []PairID{oldID}, dropOld: true}},
		{name: "I-4: an answer that names no environment is no answer for another", row: "askForKey", passes: "oldElsewhere",
			given: func(c *scene) { c.s.Old.Environment = "" }, want: reply{to: AwaitingKey}},
		{name: "I-13: no room for one more, an orphan goes first", row: "liveLimit", passes: "oldElsewhere",
			given: func(c *scene) { c.s.Live, c.s.Orphans = 2, orphans() },
			want:  reply{why: "2 pairs may be alive and the vendor allows 2; of", command: "quarterturn revoked bluum --pair other"}},
		{name: "I-13: no room for one more, and nobody knows why", row: "liveLimit",
			given: func(c *scene) { c.s.Live = 2 }, want: reply{why: "2 pairs", command: "quarterturn check bluum"}},
		{name: "the old pair is dead already: it takes no room, and there is no way back", row: "askForKey", passes: "liveLimit",
			given: func(c *scene) { c.s.Live, c.s.Old, c.r.Facts.OldDead = 2, refused(), true },
			want:  reply{to: AwaitingKey, why: "already refused: there is no way back"}},
		{name: "L-1: no room, and the orphan's burial waits for a pair in use that works: a person's word", row: "liveLimit",
			given: func(c *scene) {
				c.s.Live, c.s.Old, c.r.Facts.OldDead = 3, refused(), true
				c.s.Orphans = []OrphanSeen{{Pair: otherID, Why: "do NOT revoke the other one", Command: "quarterturn rotate bluum",
					Whole: Pair{ID: otherID, Fragment: "ORPH"}}}
			},
			want: reply{why: "revoke the key ending in ORPH in the portal and attest that", command: "quarterturn attest bluum --pair other"}},
		{name: "L-1: no room, and whether the pair in use works cannot be asked: the orphan may be all there is", row: "liveLimit",
			given: func(c *scene) {
				c.s.Live = 2
				c.s.Orphans = []OrphanSeen{{Pair: otherID, Why: "no place returns it", Command: "quarterturn rotate bluum"}}
			},
			want: reply{why: "do NOT revoke the other one; put the pair in use back", command: "quarterturn check bluum"}},
		{name: "a vendor whose limit is unknown", row: "askForKey", passes: "liveLimit",
			given: func(c *scene) { c.s.Live, c.sp.Profile.LiveLimit = 5, 0 }, want: reply{to: AwaitingKey}},
		{name: "L-1: the key came in while preflight failed: it is the one there is room for", row: "askForKey", passes: "liveLimit",
			given: func(c *scene) { c.r.New, c.s.Live = newID, 2 }, want: reply{to: AwaitingKey}},
		{name: "a freeze", row: "frozen", passes: "liveLimit",
			given: func(c *scene) { c.freeze(3 * time.Hour) }, want: reply{why: "frozen: year end", next: 3 * time.Hour}},
		{name: "a freeze does not hold up an overdue key", row: "askForKey", passes: "frozen",
			given: func(c *scene) { c.freeze(3 * time.Hour); c.s.OldPair.Created = ago(91 * policies.Day) },
			want:  reply{to: AwaitingKey}},
		{name: "I-15: a key of unknown age is overdue, so a freeze does not hold it up", row: "askForKey", passes: "frozen",
			given: func(c *scene) { c.freeze(3 * time.Hour); c.s.OldPair.Created = time.Time{} },
			want:  reply{to: AwaitingKey}},
		{name: "a freeze that is over", row: "askForKey", passes: "frozen",
			given: func(c *scene) { c.freeze(0) }, want: reply{to: AwaitingKey}},
	}))
}

// firstKey: no place holds anything, and the ledger knows no pair.
func (c *scene) firstKey() {
	c.r.Old, c.s.OldPair, c.s.OldHeld, c.s.Old, c.s.Source, c.s.Nowhere, c.s.Live = "", Pair{}, false, nil, "", true, 0
	c.places(HoldsNothing)
}

// orphans is one pair that nobody should use, whose burial asks for its revocation.
func orphans() []OrphanSeen {
	return []OrphanSeen{{Pair: otherID, Why: "revoke it in the portal", Command: "quarterturn revoked bluum --pair other"}}
}

// waitsForKey is an orphan whose burial found that the pair in use does not work.
func waitsForKey() []OrphanSeen {
	return []OrphanSeen{{Pair: otherID, Why: "the vendor refuses the pair in use", Command: "quarterturn rotate bluum"}}
}

// freeze holds from a day ago for so long from now.
func (c *scene) freeze(lasts time.Duration) {
	c.sp.Policy.Freezes = []policies.Freeze{{From: ago(24 * time.Hour), To: c.now.Add(lasts), Reason: "year end"}}
}

func TestDecideAwaitingKey(t *testing.T) {
	buried := reply{to: Abandoned, why: "the pair that was created gets a burial", lives: map[PairID]Life{newID: Orphan},
		bury: []Grave{{Pair: newID, State: AwaitingRevocation}}}
	table(t, Routine, AwaitingKey, []ask{
		{name: "a person is awaited", row: "awaitKey", passes: "pairCameIn orphanFirst preflightBroke",
			want: reply{command: "quarterturn rotate bluum", why: "asked to create a new pair"}},
		{name: "no sealing identity is needed to wait", row: "awaitKey",
			given: func(c *scene) { c.s.Opened = Opened{} }, want: reply{command: "quarterturn rotate bluum"}},
		{name: "the pair before was turned away: that is the reason", row: "awaitKey",
			given: func(c *scene) { c.r.Facts.Rejected = "api.example refuses the pair" },
			want:  reply{command: "quarterturn rotate bluum", why: "api.example refuses the pair"}},
		{name: "a third key is awaited: everything is broken meanwhile", row: "awaitKey",
			given: func(c *scene) { c.r.Facts.BothDead = true },
			want:  reply{command: "quarterturn rotate bluum", broken: "no pair works"}},
		{name: "abandon is wished", row: "heedAbandon",
			given: func(c *scene) { c.wish(WishAbandon, "sam") }, want: reply{to: Abandoned}},
		{name: "I-16: abandon is wished and a pair was created: it is buried", row: "heedAbandon",
			given: func(c *scene) { c.wish(WishAbandon, "sam"); c.r.New = newID }, want: buried},
		{name: "abandon is wished while a third key is awaited: something was written", row: "heedAbandon",
			given: func(c *scene) { c.wish(WishAbandon, "sam"); c.r.Facts.Wrote, c.r.Facts.BothDead = true, true },
			want:  reply{deny: "the way on is quarterturn rotate bluum"}},
		{name: "rollback is wished", row: "denyRollback", passes: "heedAbandon",
			given: func(c *scene) { c.wish(WishRollback, "sam") }, want: reply{deny: "quarterturn abandon bluum"}},
		{name: "I-1: rollback is wished while a third key is awaited: the old pair is refused", row: "denyRollback",
			given: func(c *scene) {
				c.wish(WishRollback, "sam")
				c.r.Facts.Wrote, c.r.Facts.BothDead, c.s.Old = true, true, refused()
			},
			want: reply{deny: "the vendor refuses the old pair"}},
		{name: "L-1: rollback is wished while a third key is awaited, and the old pair works again", row: "denyRollback",
			given: func(c *scene) {
				c.wish(WishRollback, "sam")
				c.r.Facts.Wrote, c.r.Facts.BothDead, c.s.Old = true, true, accepted()
			},
			want: reply{to: RollingBack}},
		{name: "the pair in use was handed in while a first key was about to be asked for", row: "oldCameLate",
			given: func(c *scene) { c.r.Facts.NoOld = true }, want: reply{to: DueState, why: "was handed in"}},
		{name: "the same, and the new pair came in already", row: "pairCameIn", passes: "oldCameLate",
			given: func(c *scene) { c.r.Facts.NoOld = true; c.r.New = newID }, want: reply{to: Received}},
		{name: "a pair came in", row: "pairCameIn", passes: "denyRollback",
			given: func(c *scene) { c.r.New, c.r.Facts.SubmittedBy = newID, "sam" },
			want:  reply{to: Received, why: "came in from sam and is sealed"}},
		{name: "a pair came in, whatever preflight says now", row: "pairCameIn",
			given: func(c *scene) { c.r.New = newID; c.s.Problems, c.s.Orphans = []string{"x"}, orphans() },
			want:  reply{to: Received}},
		{name: "I-16: an orphan may be alive: its burial's command goes first", row: "orphanFirst", passes: "preflightBroke",
			given: func(c *scene) { c.s.Orphans = orphans() },
			want:  reply{why: "goes first: revoke it in the portal", command: "quarterturn revoked bluum --pair other"}},
		{name: "L-1: the pair in use is not held, and the orphan's burial waits for this key, which does not wait for it", row: "awaitKey",
			passes: "orphanFirst", given: func(c *scene) {
				c.s.OldHeld, c.s.Orphans = false, waitsForKey()
			}, want: reply{command: "quarterturn rotate bluum"}},
		{name: "I-16: the burial found the pair in use refused, and it works: no second unfinished pair is asked for", row: "orphanFirst",
			given: func(c *scene) { c.s.Orphans, c.s.Old = waitsForKey(), accepted() },
			want:  reply{why: "by now it does: the burial looks again", next: soon}},
		{name: "I-16: the same, and whether it works is unclear", row: "orphanFirst",
			given: func(c *scene) { c.s.Orphans, c.s.Old = waitsForKey(), unclear() },
			want:  reply{trouble: true, why: "whether that is so is unclear", next: soon}},
		{name: "L-1: the same, and it is refused: the key is asked for", row: "awaitKey", passes: "orphanFirst",
			given: func(c *scene) { c.s.Orphans, c.s.Old, c.r.Facts.OldDead = waitsForKey(), refused(), true },
			want:  reply{command: "quarterturn rotate bluum"}},
		{name: "L-1: the pair that was written was lost: its burial may wait for this key, which does not wait for it", row: "awaitKey",
			passes: "preflightBroke orphanFirst", given: func(c *scene) {
				c.r.Facts.Wrote, c.s.Orphans, c.s.Problems = true, orphans(), []string{"place ci holds another pair"}
			}, want: reply{command: "quarterturn rotate bluum"}},
		{name: "I-13: the same, and the vendor has no room for another: the way is back", row: "orphanFirst",
			given: func(c *scene) { c.r.Facts.Wrote, c.s.Orphans, c.s.Live, c.s.Old = true, orphans(), 2, accepted() },
			want:  reply{why: "no room for another", command: "quarterturn rollback bluum", next: tick}},
		{name: "the same, and the old pair is no way back", row: "awaitKey", passes: "orphanFirst",
			given: func(c *scene) { c.r.Facts.Wrote, c.s.Orphans, c.s.Live, c.s.Old = true, orphans(), 2, unclear() },
			want:  reply{command: "quarterturn rotate bluum"}},
		{name: "a third key does not wait for an orphan", row: "awaitKey", passes: "orphanFirst preflightBroke",
			given: func(c *scene) {
				c.s.Orphans, c.s.Problems, c.r.Facts.BothDead = orphans(), []string{"place vault cannot be reached"}, true
			},
			want: reply{command: "quarterturn rotate bluum", broken: "no pair works", next: tick}},
		{name: "a third key is awaited, and the old one works again: the way back", row: "awaitKey",
			given: func(c *scene) { c.r.Facts.BothDead, c.r.Facts.Wrote, c.s.Old = true, true, accepted() },
			want:  reply{command: "quarterturn rollback bluum", why: "accepts the old pair again", broken: "no pair works"}},
		{name: "the places hold another pair than the one that was sealed", row: "preflightBroke",
			given: func(c *scene) { c.s.Changed = true }, want: reply{to: DueState, why: "another pair than the one that was sealed"}},
		{name: "L-1: the pair in use is refused, so the orphan's burial waits for a new one: it is asked for", row: "awaitKey",
			passes: "orphanFirst",
			given:  func(c *scene) { c.s.Orphans = orphans(); c.r.Facts.OldDead = true },
			want:   reply{command: "quarterturn rotate bluum"}},
		{name: "I-13: preflight no longer passes: the request is taken back", row: "preflightBroke", passes: "pairCameIn",
			given: func(c *scene) { c.s.Problems = []string{"place vault cannot be reached"} },
			want:  reply{to: DueState, why: "no longer passes: place vault"}},
	})
}

func TestDecideReceived(t *testing.T) {
	rejected := reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan},
		bury: []Grave{{Pair: newID, State: AwaitingRevocation}}, why: "nothing was written. Revoke that pair"}
	attest := reply{why: "say which organisation", command: "quarterturn attest bluum --environment production"}
	table(t, Routine, Received, join(openLines("heedAbandon denyRollback"), goneLines("cannotOpen"), []ask{
		{name: "I-4: the pinned host accepted it for this environment and tenant", row: "stage",
			passes: "cannotOpen newUnclear newRefused acceptsAnybody wrongEnvironment wrongTenant unattested",
			want:   reply{to: Staged, why: "api.example accepted the pair; environment production, tenant shared account"}},
		{name: "I-16: abandon is wished: the pair is buried", row: "heedAbandon",
			given: func(c *scene) { c.wish(WishAbandon, "sam") },
			want: reply{to: Abandoned, lives: map[PairID]Life{newID: Orphan},
				bury: []Grave{{Pair: newID, State: AwaitingRevocation}}}},
		{name: "rollback is wished", row: "denyRollback",
			given: func(c *scene) { c.wish(WishRollback, "sam") }, want: reply{deny: "quarterturn abandon bluum"}},
		{name: "I-4: the vendor is down at the moment of the paste: sealed, and waiting", row: "newUnclear", passes: "cannotOpen newGone",
			given: func(c *scene) { c.s.New = unclear() }, want: reply{trouble: true, why: "timeout; it is sealed here", next: soon}},
		{name: "I-4: the vendor refuses it: wiped, and asked again", row: "newRefused", passes: "newUnclear",
			given: func(c *scene) { c.s.New = refused() },
			want: reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Refused}, wipe: []PairID{newID},
				why: "api.example refuses the pair (X-401-3)"}},
		{name: "I-4: a made-up pair is accepted too: the host's word means nothing", row: "acceptsAnybody", passes: "newRefused",
			given: func(c *scene) { c.s.Random = accepted() }, want: reply{trouble: true, why: "nobody ever issued", next: soon}},
		{name: "I-4: whether a made-up pair is accepted is unclear", row: "acceptsAnybody",
			given: func(c *scene) { c.s.Random = unclear() }, want: reply{trouble: true, why: "is unclear: timeout", next: soon}},
		{name: "no made-up pair may be asked about", row: "stage", passes: "acceptsAnybody",
			given: func(c *scene) { c.s.Random, c.sp.Profile.FailingProbes = nil, false }, want: reply{to: Staged}},
		{name: "I-4: it answers for another environment", row: "wrongEnvironment", passes: "newRefused",
			given: func(c *scene) { c.s.New.Environment = "sandbox" }, want: rejected},
		{name: "I-4: an answer without environment rejects nothing", row: "stage", passes: "wrongEnvironment",
			given: func(c *scene) { c.s.New.Environment = ""; c.r.Facts.Seen = "production (attested by sam)" },
			want:  reply{to: Staged, why: "attested by sam"}},
		{name: "I-4: it answers for other accounts", row: "wrongTenant", passes: "wrongEnvironment",
			given: func(c *scene) { c.s.New.Subjects = []string{"account 9"} }, want: rejected},
		{name: "other accounts, and somebody waived the tenant", row: "stage", passes: "wrongTenant",
			given: func(c *scene) { c.s.New.Subjects = []string{"account 9"}; c.waive("tenant", time.Hour) }, want: reply{to: Staged}},
		{name: "other accounts, and the waiver is over", row: "wrongTenant",
			given: func(c *scene) { c.s.New.Subjects = []string{"account 9"}; c.waive("tenant", 0) }, want: rejected},
		{name: "I-4: a first key has no accounts to compare with", row: "unattested", passes: "wrongTenant",
			given: func(c *scene) { c.firstKey(); c.r.Facts.Tenant = "" }, want: attest},
		{name: "I-4: the answer does not say which environment", row: "unattested",
			given: func(c *scene) { c.r.Facts.Seen = "" }, want: attest},
		{name: "I-4: a person attested the tenant", row: "stage", passes: "unattested",
			given: func(c *scene) { c.firstKey(); c.r.Facts.Tenant = "Acme (attested by sam)" },
			want:  reply{to: Staged, why: "Acme (attested by sam)"}},
	}))
}
