package rotator

import (
	"testing"
	"time"

	"quarterturn/cicd"
	"quarterturn/vendors"
)

// detail is a line of a lane's state that its table can do without: one condition of a row, held from its other side.
type detail struct {
	lane  Lane
	state State
	ask
}

func checkDetails(t *testing.T, lines []detail) {
	t.Helper()
	for _, d := range lines {
		t.Run(d.name, func(t *testing.T) { d.check(t, d.lane, d.state, map[string]bool{}) })
	}
}

func TestDecideDetailsBeforeAKey(t *testing.T) {
	anOrphan := func(command string) []OrphanSeen {
		return []OrphanSeen{{Pair: otherID, Sealed: true, InPlace: true, Why: "why", Command: command}}
	}
	ended := func(command string) func(c *scene) {
		return func(c *scene) {
			c.s.Live, c.s.Old, c.r.Facts.OldDead, c.s.Orphans = 3, refused(), true, anOrphan(command)
		}
	}
	full := func(limit, live int) func(c *scene) {
		return func(c *scene) { c.sp.Profile.LiveLimit, c.s.Live, c.s.Orphans = limit, live, anOrphan("do") }
	}
	wrote := func(limit, live int) func(c *scene) {
		return func(c *scene) { full(limit, live)(c); c.r.Facts.Wrote, c.s.Old = true, accepted() }
	}
	key := reply{to: AwaitingKey}
	goesOn := reply{to: Received, takeNew: otherID, lives: map[PairID]Life{otherID: Candidate}}
	ask := reply{command: "quarterturn rotate bluum"}
	checkDetails(t, []detail{
		{Routine, DueState, asked("an orphan nobody can prove dead, and no command yet", "liveLimit", ended(""),
			reply{why: "attest that", command: "quarterturn attest bluum --pair other"})},
		{Routine, DueState, asked("an orphan with a command of its own keeps it", "liveLimit", ended("quarterturn revoked bluum --pair other"),
			reply{why: "why", command: "quarterturn revoked bluum --pair other"})},
		{Routine, AwaitingKey, asked("a vendor without a limit is never full", "awaitKey", wrote(0, 2), ask)},
		{Routine, AwaitingKey, asked("a vendor that allows one is full with one", "orphanFirst", wrote(1, 1),
			reply{why: "no room", command: "quarterturn rollback bluum"})},
		{Routine, AwaitingKey, asked("there is room for one more", "awaitKey", wrote(3, 2), ask)},
		{Routine, AwaitingKey, asked("rollback is wished, no pair works and nothing was written", "denyRollback",
			func(c *scene) { c.wish(WishRollback, "sam"); c.r.Facts.BothDead = true }, reply{deny: "no pair works; the way on is a third one"})},
		{Compromised, DueState, asked("no limit: the orphan is not taken", "askAtOnce", full(0, 2), key)},
		{Compromised, DueState, asked("room for another: the orphan is not taken", "askAtOnce", full(3, 2), key)},
		{Compromised, DueState, asked("a pair came in already: the orphan is not taken", "askAtOnce",
			func(c *scene) { full(1, 1)(c); c.r.New = newID }, key)},
		{Compromised, DueState, asked("a vendor that allows one: the orphan is taken", "goOnWithOrphan", full(1, 1), goesOn)},
		{Compromised, DueState, asked("what is skipped for it is told", "goOnWithOrphan",
			func(c *scene) { full(2, 2)(c); c.s.Problems = []string{"x"} }, goesOn.skipping("preflight: x"))},
		{Compromised, DueState, asked("a key ends the old one, which is dead", "askAtOnce", func(c *scene) { endsOld(c); c.r.Facts.OldDead = true }, key)},
		{Compromised, DueState, asked("a key ends the old one, and there is none", "askAtOnce", func(c *scene) { endsOld(c); c.r.Facts.NoOld = true }, key)},
		{Compromised, DueState, asked("a key ends the old one, and neither works", "askAtOnce", func(c *scene) { endsOld(c); c.r.Facts.BothDead = true }, key)},
		{Compromised, DueState, asked("a key ends the old one, which is known and in no place", "emergency", func(c *scene) { endsOld(c); c.s.Nowhere = true },
			reply{why: "must approve", command: "quarterturn approve bluum --consumers api,jobs"})},
		{Compromised, DueState, asked("a key ends the old one, which a place holds and nobody knows", "emergency",
			func(c *scene) { c.firstKey(); endsOld(c); c.s.Nowhere = false },
			reply{why: "must approve", command: "quarterturn approve bluum --consumers api,jobs"})},
		{Replace, DueState, asked("the old one is known and in no place", "window", func(c *scene) { c.r.Facts.Window, c.s.Nowhere = nil, true },
			reply{why: "must be approved", command: "quarterturn approve bluum --consumers api,jobs"})},
		{Replace, DueState, asked("a place holds the old one and nobody knows it", "window",
			func(c *scene) { c.firstKey(); c.r.Facts.Window, c.s.Nowhere = nil, false },
			reply{why: "must be approved", command: "quarterturn approve bluum --consumers api,jobs"})},
		{Retire, DueState, asked("abandon before the request leaves lives alone", "heedAbandon",
			func(c *scene) { c.wish(WishAbandon, "sam"); c.s.OldPair.Life = Orphan }, reply{to: Abandoned, why: "before anything was written"})},
		{Retire, AwaitingRevocation, asked("abandon of what was never listed as an orphan leaves lives alone", "heedAbandon",
			func(c *scene) { alive(c); c.wish(WishAbandon, "sam"); c.s.OldPair.Life = Current }, reply{to: Abandoned, why: "before anything was written"})},
		{Compromised, Received, asked("the pair taken in is refused, and so is the old one", "newRefused",
			func(c *scene) { c.s.New, c.s.Old, c.r.Facts.Taken = refused(), refused(), true },
			reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan}, bury: []Grave{{Pair: newID, State: AwaitingRevocation, Used: true}}})},
	})
}

func endsOld(c *scene) { c.sp.Profile.Lifecycle = string(Replace) }

func asked(name, row string, given func(c *scene), want reply) ask {
	return ask{name: name, row: row, given: given, want: want}
}

func TestDecideDetailsOfSpreading(t *testing.T) {
	put := func(target string) reply { return reply{do: Put, target: target} }
	spared := func(in Intent, stuck int) func(c *scene) {
		return func(c *scene) {
			c.unheld("ci", HoldsHidden)
			emergencyApproval(c, "anna", "jobs")
			c.r.Facts.Intent, c.r.Facts.Stuck = &in, stuck
		}
	}
	stopped := func(in Intent, named string) func(c *scene) {
		return func(c *scene) {
			emergencyApproval(c, "anna", named)
			c.r.Facts.Intent, c.r.Facts.Stop = &in, "stopped: it is refused"
		}
	}
	bySam := func(alone bool) func(c *scene) {
		return func(c *scene) {
			c.unheld("ci", HoldsUnknown)
			c.sp.Approvers = append(c.sp.Approvers, "sam")
			emergencyApproval(c, "sam", "jobs")
			c.r.Facts.Approvals[0].Alone = alone
		}
	}
	unproven := func(names Holds) func(c *scene) {
		return func(c *scene) { delete(c.r.Facts.Proofs, "jobs"); c.s.Uses["jobs"] = UseSeen{Names: names} }
	}
	again := reply{to: Distributed, again: []string{"jobs"}}
	rewritten := again
	rewritten.rewrite = []string{"ci"}
	checkDetails(t, []detail{
		{Compromised, Staged, asked("a spared place is tried, when nothing failed yet", "putNext", spared(Intent{Do: Put, Target: "ci"}, 0), put("ci"))},
		{Compromised, Staged, asked("it failed once: nobody waits for it", "distribute", spared(Intent{Do: Put, Target: "ci"}, 1), reply{to: Distributed})},
		{Compromised, Staged, asked("another place failed: the spared one is tried", "putNext", spared(Intent{Do: Put, Target: "vault"}, 2), put("ci"))},
		{Compromised, Staged, asked("something else failed at that place: it is tried", "putNext", spared(Intent{Do: SealOld, Target: "ci"}, 2), put("ci"))},
		{Compromised, Staged, asked("a place that is not spared stopped it", "effectStopped", stopped(Intent{Do: Put, Target: "vault"}, "jobs"),
			reply{to: FailedState, resumeHere: true})},
		{Compromised, Distributed, asked("a consumer that is not named stopped it", "effectStopped", stopped(Intent{Do: Redeploy, Target: "api"}, "jobs"),
			reply{to: FailedState, resumeHere: true})},
		{Compromised, Staged, asked("who brought the pair in names nobody, approver or not", "putNext", bySam(false), reply{trouble: true, why: "place ci"})},
		{Compromised, Staged, asked("who brought the pair in, alone after the wait", "distribute", bySam(true), reply{to: Distributed})},
		{Compromised, Staged, asked("a place that nobody reads is waited for", "putNext", func(c *scene) {
			c.unheld("ci", HoldsUnknown)
			c.consumer("jobs", func(k *ConsumerSpec) { k.Reads = nil })
			emergencyApproval(c, "anna", "jobs")
		}, reply{trouble: true, why: "place ci"})},
		{Routine, Distributed, asked("two redeploys failed: a third one", "redeployNext",
			func(c *scene) { c.run("api", func(f *RunFact) { f.Run.State, f.Tries, f.Attempt = cicd.Failed, 2, 2 }) },
			reply{do: Redeploy, target: "api", attempt: 3, tries: 3})},
		{Routine, Redeployed, asked("it shows nothing: its places are believed", "useUnproven", unproven(""), again)},
		{Routine, Redeployed, asked("it shows the new pair: its places are believed", "useUnproven", unproven(HoldsNew), again)},
		{Routine, Redeployed, asked("it shows a stranger: its place is written again", "useUnproven", unproven(HoldsForeign), rewritten)},
		{Routine, Verified, asked("a place that follows another is not written, readable or not", "useLost", func(c *scene) {
			c.sp.Places[2].Readable = false
			c.s.Uses["api"], c.s.Old = UseSeen{Names: HoldsOld}, accepted()
		}, reply{to: Distributed, again: []string{"api"}})},
		{Routine, Verified, asked("a place that can be read back is believed", "useLost", func(c *scene) {
			c.consumer("api", func(k *ConsumerSpec) { k.Reads = []string{"vault"} })
			c.s.Uses["api"], c.s.Old = UseSeen{Names: HoldsOld}, accepted()
		}, reply{to: Distributed, again: []string{"api"}})},
	})
}

func TestDecideDetailsAfterProof(t *testing.T) {
	burialUse := func(used bool, u UseSeen) func(c *scene) {
		return func(c *scene) {
			alive(c)
			c.r.Facts.Used, c.s.Uses["api"], c.r.EnteredAt = used, u, ago(time.Minute)
		}
	}
	held := func(pair Pair, dead time.Time) func(c *scene) {
		return func(c *scene) { c.see("vault", HoldsOld); c.s.NewPair, c.r.Facts.DeadAt = pair, dead }
	}
	doNot := reply{why: "do NOT revoke it", command: "quarterturn check bluum"}
	wrongKey := reply{why: "is the NEW one", broken: "every consumer"}
	checkDetails(t, []detail{
		{Routine, AwaitingRevocation, asked("the wrong key was revoked an hour ago, and goes on working", "wrongKeyRevoked", toldRevoked("NEW1", time.Hour),
			reply{why: "is the NEW one", broken: "every consumer", command: "quarterturn rollback bluum"})},
		{Compromised, AwaitingRevocation, asked("the wrong key was revoked an hour ago, and is unclear", "wrongKeyRevoked",
			func(c *scene) { toldRevoked("NEW1", time.Hour)(c); c.s.New = unclear() }, wrongKey)},
		{Routine, AwaitingRevocation, asked("a look is overdue: two seconds from now", "moreTriples", saidAndSeen(30*time.Minute, 15*time.Minute),
			reply{why: "2 of at least 3", next: 2 * time.Second})},
		{Routine, AwaitingRevocation, asked("a vendor that takes an hour is looked at more often than that", "moreTriples", func(c *scene) {
			saidAndSeen(0)(c)
			c.sp.Profile.Propagation = time.Hour
		}, reply{why: "1 of at least 3", next: 14 * time.Minute})},
		{Routine, AwaitingRevocation, asked("looks lay too far apart twice", "moreTriples", func(c *scene) { saidAndSeen(0)(c); c.r.Facts.Unwatched = 2 },
			reply{why: "1 of at least 3"})},
		{Routine, AwaitingRevocation, asked("three times: a person is told", "moreTriples", func(c *scene) { saidAndSeen(0)(c); c.r.Facts.Unwatched = 3 },
			reply{why: "let passes run every 15m0s, or attest", next: 10 * time.Minute, command: "quarterturn attest bluum --pair " + string(oldID)})},
		{Routine, AwaitingRevocation, asked("over how long is told to the second", "provenDead", saidAndSeen(20*time.Minute+time.Second, 10*time.Minute, 0),
			reply{to: RevocationProven, why: "3 triples over 20m1s: the old pair is dead"})},
		{Retire, AwaitingRevocation, asked("over how long is told", "retired", nil, reply{to: Closed, retires: true, lives: map[PairID]Life{oldID: Dead},
			why:  "3 triples over 20m0s: the pair is dead, and the credential is retired",
			bury: []Grave{{Pair: oldID, State: RevocationProven, DeadAt: noon(), NotBefore: noon().Add(watchEvery)}}})},
		{Routine, AwaitingRevocation, asked("rollback is wished, the old one was revoked and the new one is unclear", "heedRollback",
			func(c *scene) { toldRevoked("OLD1", time.Minute)(c); c.s.New = unclear(); c.wish(WishRollback, "sam") },
			reply{deny: "whether the new one works is unclear"})},
		{Routine, AwaitingRevocation, asked("rollback is wished, the old one was revoked and the new one works", "heedRollback",
			func(c *scene) { toldRevoked("OLD1", time.Minute)(c); c.wish(WishRollback, "sam") }, reply{deny: "and the new one works"})},
		{Routine, RollingBack, asked("back on the old pair", "rolledBack", nil, reply{to: RolledBack, lives: map[PairID]Life{oldID: Current, newID: Orphan},
			why: "the new one gets a burial", bury: []Grave{{Pair: newID, State: AwaitingRevocation, NotBefore: noon().Add(graceBurial), Used: true}}})},
		{Burial, AwaitingRevocation, asked("a place holds a pair that died and came back, and another is in use", "stillHeld", held(newPair(), ago(time.Hour)), doNot)},
		{Burial, AwaitingRevocation, asked("a place holds a pair that never died, and none is in use", "stillHeld", held(Pair{}, time.Time{}), doNot)},
		{Burial, AwaitingRevocation, asked("it was in use, and who cannot be asked may be asked soon", "stillUsed", burialUse(true, UseSeen{Err: "timeout"}),
			reply{trouble: true, why: "api cannot be asked whether it uses the present pair: timeout", next: soon})},
		{Burial, AwaitingRevocation, asked("it was in use, and who shows nothing must be waived", "stillUsed", burialUse(true, UseSeen{}),
			reply{why: "has not shown", command: "quarterturn waive bluum consumer:api", next: tick})},
		{Burial, AwaitingRevocation, asked("it was never in use: who cannot be asked does not matter", "awaitRevocation", burialUse(false, UseSeen{Err: "timeout"}),
			reply{command: "quarterturn revoked bluum --pair old"})},
		{Routine, Verified, asked("a clock that is off by as much as is tolerated", "requestRevocation",
			func(c *scene) { c.s.New.ServerTime = c.s.New.At.Add(ClockTolerance) },
			reply{to: AwaitingRevocation, lives: map[PairID]Life{newID: Current, oldID: Previous}})},
		{Routine, RollingBack, asked("the old pair is refused and nothing returns the new one, accepted or not", "lostBoth", func(c *scene) {
			c.s.Old, c.s.New, c.s.NewHeld, c.s.NewOpen = refused(), accepted(), false, false
		}, reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan},
			bury: []Grave{{Pair: newID, State: AwaitingRevocation, NotBefore: noon().Add(graceBurial), Used: true}}})},
	})
}

// TestFirstKeyIsSaid: that no old pair is held does not mean that there is none to revoke.
func TestFirstKeyIsSaid(t *testing.T) {
	c := quiet(Routine, Verified)
	c.firstUse()
	c.r.Facts.NoOld = false
	if m := decide(c.sp, c.r, c.s, c.now); m.To == Closed {
		t.Errorf("it is closed, and the old pair lives: %+v", m)
	}
}

// TestHurryBeforeTheLedger: also where the ledger is not to be relied on, a compromised pair goes first.
func TestHurryBeforeTheLedger(t *testing.T) {
	c := quiet(Routine, Staged)
	c.s.Places["vault"] = PlaceSeen{Holds: HoldsNew, Epoch: 99}
	c.wish(WishHurry, "sam")
	if m := decide(c.sp, c.r, c.s, c.now); !m.Hurry {
		t.Errorf("%+v", m)
	}
	if got := remedyOf(c.sp, c.s, c.r.Epoch); got != reconcileIt {
		t.Errorf("the remedy is %q", got)
	}
}

// TestTextsThatPeopleActBy: where a word more or less sends somebody another way.
func TestTextsThatPeopleActBy(t *testing.T) {
	offered := func(lane Lane, held bool, old *vendors.Reading) string {
		c := quiet(lane, FailedState)
		c.s.OldHeld, c.s.Old = held, old
		return decide(c.sp, c.r, c.s, c.now).Why
	}
	preflight := func(problems ...string) string {
		c := quiet(Routine, DueState)
		c.s.Problems = problems
		return decide(c.sp, c.r, c.s, c.now).Why
	}
	evidence := func(waived ...string) string {
		c := quiet(Routine, Verified)
		for _, name := range waived {
			c.r.Facts.Proofs[name] = Proof{Pair: newID, Use: cicd.Healthy, By: "olga"}
		}
		return view(c).evidence()
	}
	stopped := "stopped: place vault: the place refuses this access. Mend it and resume"
	for got, want := range map[string]string{
		offered(Routine, true, accepted()):             stopped + ", or use quarterturn rollback bluum",
		offered(Routine, true, unclear()) + " ":        stopped + ", or use quarterturn rollback bluum ",
		offered(Routine, true, refused()):              stopped,
		offered(Routine, false, nil) + "  ":            stopped + "  ",
		offered(Compromised, true, accepted()) + "   ": stopped + "   ",
		preflight("x"):                       "preflight: x",
		preflight("x", "y"):                  "preflight: x (and 1 more)",
		evidence():                           "every consumer proved that it uses the new pair",
		evidence("api"):                      "every consumer proved that it uses the new pair, but for api (healthy; waived by olga)",
		evidence("api", "jobs"):              "no consumer proved that it uses the new pair; waivers stand in: api (healthy; waived by olga), jobs (healthy; waived by olga)",
		name(Pair{ID: "x"}):                  "pair x",
		generation(HoldsNew):                 "the new pair",
		who(nil) + "/" + who(&Word{}):        "somebody/somebody",
		string((&Rotator{}).LaneOf("bluum")): string(Routine),
		string(rotatorOf(string(Replace)).LaneOf("bluum")): string(Replace),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func rotatorOf(lifecycle string) *Rotator {
	return &Rotator{creds: map[string]Credential{"bluum": {Spec: Spec{Profile: ProfileSpec{Lifecycle: lifecycle}}}}}
}

// TestStoppedWithoutAPair: where there is no new pair, none was lost.
func TestStoppedWithoutAPair(t *testing.T) {
	c := quiet(Routine, FailedState)
	c.r.New, c.s.NewHeld, c.s.NewOpen = "", false, false
	if view(c).stoppedWithout() {
		t.Error("it stopped without a pair that it never had")
	}
}
