package rotator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/vendors"
)

// lesson is one line of a learn table: what is said or seen in a quiet scene, and what the facts are afterwards.
type lesson struct {
	name  string
	state State
	given func(c *scene)
	want  func(f Facts) any // what is looked at
	is    any
	event string // kind of an event that learn must tell, "" none asked for
}

func learnTable(t *testing.T, lessons []lesson) {
	t.Helper()
	for _, l := range lessons {
		t.Run(l.name, func(t *testing.T) {
			c := quiet(Routine, l.state)
			l.given(&c)
			r, events := learn(c.sp, c.r, c.s, c.now)
			if diff := cmp.Diff(l.is, l.want(r.Facts)); diff != "" {
				t.Errorf("the facts differ (-want +got):\n%s", diff)
			}
			if l.event != "" && !told(events, l.event) {
				t.Errorf("no event %q in %+v", l.event, events)
			}
		})
	}
}

func told(events []Event, kind string) bool {
	for _, e := range events {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// say is a word the rotation has not heard, with the next sequence.
func (c *scene) say(w Word) {
	w.Seq, w.Credential, w.At = c.r.Facts.Heard+int64(len(c.r.Words))+1, c.r.Credential, c.now
	if w.Who == "" {
		w.Who = "sam"
	}
	c.r.Words = append(c.r.Words, w)
}

func TestLearnTakesWordsIn(t *testing.T) {
	wish := func(f Facts) any { return f.Wish }
	learnTable(t, []lesson{
		{name: "a word is heard", state: Staged, given: func(c *scene) { c.r.Facts.Heard = 4; c.say(Word{Kind: RollBack}) },
			want: func(f Facts) any { return f.Heard }, is: int64(5)},
		{name: "rollback", state: Staged, given: func(c *scene) { c.say(Word{Kind: RollBack}) }, want: wish, is: WishRollback},
		{name: "abandon", state: DueState, given: func(c *scene) { c.say(Word{Kind: Abandon}) }, want: wish, is: WishAbandon},
		{name: "resume", state: FailedState, given: func(c *scene) { c.say(Word{Kind: Resume}) }, want: wish, is: WishResume},
		{name: "the last wish counts", state: Staged, want: wish, is: WishRollback,
			given: func(c *scene) { c.say(Word{Kind: Abandon}); c.say(Word{Kind: RollBack}) }},
		{name: "a word heard before is not heard again", state: Staged, want: wish, is: Wish(""),
			given: func(c *scene) { c.say(Word{Kind: RollBack}); c.r.Facts.Heard = 1 }},
		{name: "who wished is kept", state: Staged, is: "sam",
			given: func(c *scene) { c.say(Word{Kind: RollBack}) }, want: func(f Facts) any { return f.WishWord.Who }},
		{name: "an approval", state: Verified, is: 2,
			given: func(c *scene) { c.say(Word{Kind: Approved}) }, want: func(f Facts) any { return len(f.Approvals) }},
		{name: "the key was revoked, and which", state: AwaitingRevocation, is: "OLD1",
			given: func(c *scene) { c.say(Word{Kind: RevokedIt, Fragment: "OLD1"}) },
			want:  func(f Facts) any { return f.Revoked.Fragment }},
		{name: "I-11: the old pair is attested where its death is awaited", state: AwaitingRevocation, is: "sam",
			given: func(c *scene) { c.say(Word{Kind: AttestIt, Pair: oldID}) }, want: func(f Facts) any { return f.EndWord.Who }},
		{name: "I-1: who attests it says that it was revoked: while it still answers nothing leads back to it", state: AwaitingRevocation, is: "OLD1",
			given: func(c *scene) { c.say(Word{Kind: AttestIt, Pair: oldID}) }, want: func(f Facts) any { return f.Revoked.Fragment }},
		{name: "I-11: and nowhere before", state: Verified, is: (*Word)(nil),
			given: func(c *scene) { c.say(Word{Kind: AttestIt, Pair: oldID}) }, want: func(f Facts) any { return f.EndWord }},
		{name: "I-11: another pair is attested", state: AwaitingRevocation, is: (*Word)(nil),
			given: func(c *scene) { c.say(Word{Kind: AttestIt, Pair: newID}) }, want: func(f Facts) any { return f.EndWord }},
		{name: "a consumer is attested", state: Redeployed, is: "sam",
			given: func(c *scene) { c.say(Word{Kind: AttestIt, Target: "consumer:api"}) },
			want:  func(f Facts) any { return f.Attested["consumer:api"].Who }},
	})
}

func TestLearnWaiversHoldWhileTheyLast(t *testing.T) {
	rollback := func(f Facts) any { return f.NoRollback }
	live := func(f Facts) any { return len(f.Waivers) }
	waiver := Word{Kind: WaiveIt, Target: "rollback", Text: "a laptop", Expires: noon().Add(time.Hour)}
	learnTable(t, []lesson{
		{name: "I-12: rollback is waived", state: DueState, given: func(c *scene) { c.say(waiver) }, want: rollback, is: "sam: a laptop"},
		{name: "brought by every claim, it counts once", state: DueState, want: live, is: 1,
			given: func(c *scene) { c.say(waiver); c.r.Facts.Waivers, c.r.Facts.Heard = c.r.Words, 1 }},
		{name: "brought by one claim, it holds in the next", state: DueState, want: rollback, is: "sam: a laptop",
			given: func(c *scene) { c.say(waiver); c.r.Facts.Waivers, c.r.Facts.Heard, c.r.Words = c.r.Words, 1, nil }},
		{name: "it ends this moment", state: DueState, want: rollback, is: "",
			given: func(c *scene) { w := waiver; w.Expires = noon(); c.say(w) }},
		{name: "it ended meanwhile", state: DueState, want: live, is: 0,
			given: func(c *scene) { w := waiver; w.Expires = ago(time.Second); c.r.Facts.Waivers = []Word{w} }},
		{name: "of several, those that last", state: DueState, want: live, is: 1,
			given: func(c *scene) {
				w := waiver
				w.Expires = ago(time.Second)
				c.say(w)
				c.say(waiver)
			}},
	})
}

// A pair that was handed in as the old one, and is heard of when another one is current, is not the one in use.
func TestLearnALateOldPair(t *testing.T) {
	for life, want := range map[Life]PairID{Current: oldID, Orphan: otherID, Lost: otherID} {
		c := quiet(Routine, DueState)
		c.s.OldPair.Life = life
		c.say(Word{Kind: Submitted, Target: "old", Pair: otherID})
		if r, _ := learn(c.sp, c.r, c.s, c.now); r.Old != want {
			t.Errorf("the old pair is %s, and %s was handed in: %s, want %s", life, otherID, r.Old, want)
		}
	}
}

func TestLearnSubmittedPairs(t *testing.T) {
	c := quiet(Routine, AwaitingKey)
	c.r.Facts.Rejected, c.r.Facts.Tenant, c.r.Facts.Seen = "the one before was refused", "Acme", "production"
	c.say(Word{Kind: Submitted, Pair: newID})
	r, _ := learn(c.sp, c.r, c.s, c.now)
	f := r.Facts
	if r.New != newID || r.Old != oldID || f.SubmittedBy != "sam" || f.Rejected != "" {
		t.Errorf("new %q, old %q, by %q, rejected %q", r.New, r.Old, f.SubmittedBy, f.Rejected)
	}
	if f.Tenant != "" || f.Seen != "" || f.Portal != nil {
		t.Errorf("I-4: what was known of the pair before was kept: tenant %q, environment %q, portal %v", f.Tenant, f.Seen, f.Portal)
	}
	c = quiet(Routine, DueState)
	c.r.Old = ""
	c.say(Word{Kind: Submitted, Pair: otherID, Target: "old"})
	if r, _ = learn(c.sp, c.r, c.s, c.now); r.Old != otherID || r.New != "" {
		t.Errorf("handed in as the old pair: old %q, new %q", r.Old, r.New)
	}
	c = quiet(Routine, AwaitingKey)
	c.firstKey()
	c.say(Word{Kind: Submitted, Pair: otherID, Target: "old"})
	if r, _ = learn(c.sp, c.r, c.s, c.now); r.Old != otherID {
		t.Errorf("I-16: heard late, when no old pair was known: old %q", r.Old)
	}
	c = quiet(Routine, AwaitingKey)
	c.say(Word{Kind: Submitted, Pair: otherID, Target: "old"})
	if r, _ = learn(c.sp, c.r, c.s, c.now); r.Old != oldID {
		t.Errorf("I-12: heard when another pair was sealed already: old %q", r.Old)
	}
}

func TestLearnEnvironmentAndTenant(t *testing.T) {
	attested := func(c *scene) { c.say(Word{Kind: AttestIt, Target: "portal", Text: "Acme"}) }
	fresh := func(c *scene) { c.r.Facts.Seen, c.r.Facts.Tenant = "", "" }
	both := func(f Facts) any { return []string{f.Seen, f.Tenant} }
	learnTable(t, []lesson{
		{name: "I-4: the answer names the environment and shares an account", state: Received, want: both,
			is: []string{"production", "shared account"}, given: fresh},
		{name: "I-4: a person's word stands in for the tenant", state: Received, want: both,
			is:    []string{"production", "Acme (attested by sam)"},
			given: func(c *scene) { fresh(c); c.s.New.Subjects = nil; attested(c) }},
		{name: "I-4: and for the environment", state: Received, want: both,
			is:    []string{"production (attested by sam)", "shared account"},
			given: func(c *scene) { fresh(c); c.s.New.Environment = ""; attested(c) }},
		{name: "I-4: the submission said both", state: Received, want: both,
			is: []string{"production (attested by sam)", "Acme (attested by sam)"},
			given: func(c *scene) {
				fresh(c)
				c.s.New.Environment, c.s.New.Subjects = "", nil
				c.r.Facts.Portal = &Word{Who: "sam", Text: "Acme"}
			}},
		{name: "I-4: the answer counts before a person's word", state: Received, want: both,
			is: []string{"sandbox", "shared account"}, given: func(c *scene) { fresh(c); c.s.New.Environment = "sandbox"; attested(c) }},
		{name: "I-4: nobody says anything", state: Received, want: both, is: []string{"", ""},
			given: func(c *scene) { fresh(c); c.s.New.Environment, c.s.New.Subjects = "", nil }},
		{name: "I-4: other accounts are no shared account", state: Received, want: both, is: []string{"production", ""},
			given: func(c *scene) { fresh(c); c.s.New.Subjects = []string{"account 9"} }},
		{name: "I-4: a refusal proves no tenant, whatever was attested", state: Received, want: both, is: []string{"", ""},
			given: func(c *scene) { fresh(c); c.s.New = refused(); attested(c) }},
		{name: "I-4: an unclear answer proves none either", state: Received, want: both, is: []string{"", ""},
			given: func(c *scene) { fresh(c); c.s.New = unclear(); attested(c) }},
		{name: "what staged was entered with is not proven anew", state: Staged, want: both, is: []string{"", ""}, given: fresh},
	})
}

func TestLearnOldLife(t *testing.T) {
	dead := func(f Facts) any { return f.OldDead }
	is := func(rd *vendors.Reading, was bool) func(c *scene) {
		return func(c *scene) { c.s.Old, c.r.Facts.OldDead = rd, was }
	}
	learnTable(t, []lesson{
		{name: "the old pair is refused before anybody was asked", state: Staged, given: is(refused(), false), want: dead, is: true,
			event: "old_dead"},
		{name: "it is refused still", state: Staged, given: is(refused(), true), want: dead, is: true},
		{name: "it lives after all", state: Staged, given: is(accepted(), true), want: dead, is: false},
		{name: "unclear says nothing", state: Staged, given: is(unclear(), true), want: dead, is: true},
		{name: "not asked says nothing", state: Staged, given: is(nil, false), want: dead, is: false},
		{name: "refused after it was asked for is no early death", state: AwaitingRevocation, given: is(refused(), false), want: dead,
			is: false},
	})
}

func TestLearnNewLife(t *testing.T) {
	type life struct {
		Dead bool
		Both time.Duration // since when both are refused, before noon; -1: they are not
	}
	lives := func(f Facts) any {
		if f.JointSince.IsZero() {
			return life{f.NewDead, -1}
		}
		return life{f.NewDead, noon().Sub(f.JointSince)}
	}
	learnTable(t, []lesson{
		{name: "the new pair is refused", state: Verified, given: func(c *scene) { c.s.New = refused() }, want: lives, is: life{true, -1}},
		{name: "it was, and is unclear now: refused when it last answered", state: Verified, want: lives, is: life{true, -1},
			given: func(c *scene) { newRefusedFor(accepted(), 0)(c); c.s.New = unclear() }},
		{name: "it was, and is accepted again", state: Verified, want: lives, is: life{false, -1},
			given: func(c *scene) { newRefusedFor(refused(), time.Hour)(c); c.s.New = accepted() }},
		{name: "both are refused: since now", state: Verified, want: lives, is: life{true, 0},
			given: func(c *scene) { c.s.New, c.s.Old = refused(), refused() }},
		{name: "both are refused: since when stays", state: Verified, want: lives, is: life{true, time.Hour},
			given: newRefusedFor(refused(), time.Hour)},
		{name: "the new one is refused and no old one is held", state: Verified, want: lives, is: life{true, 0},
			given: func(c *scene) { c.s.New, c.s.Old, c.s.OldHeld = refused(), nil, false }},
		{name: "one unclear answer starts no count anew", state: Verified, want: lives, is: life{true, time.Hour},
			given: func(c *scene) { newRefusedFor(refused(), time.Hour)(c); c.s.Old = unclear() }},
		{name: "the old one is accepted: they are not both dead", state: Verified, want: lives, is: life{true, -1},
			given: func(c *scene) { newRefusedFor(refused(), time.Hour)(c); c.s.Old = accepted() }},
		{name: "a pair that was never accepted is not dead: it is turned away", state: Received, want: lives, is: life{false, -1},
			given: func(c *scene) { c.s.New = refused() }},
	})
}

func TestLearnAWordAgainstALaterAnswer(t *testing.T) {
	word := func(f Facts) any { return f.EndWord != nil }
	attested := func(at time.Time) func(c *scene) {
		return func(c *scene) { c.r.Facts.EndWord = &Word{Kind: AttestIt, Who: "sam", Pair: oldID, At: at} }
	}
	learnTable(t, []lesson{
		{name: "I-11: attested, and accepted afterwards: it must be said anew", state: AwaitingRevocation, want: word, is: false,
			given: func(c *scene) { attested(ago(time.Hour))(c); c.s.Old = accepted() }},
		{name: "accepted before it was attested", state: AwaitingRevocation, want: word, is: true,
			given: func(c *scene) { attested(noon().Add(time.Second))(c); c.s.Old = accepted() }},
		{name: "refused afterwards", state: AwaitingRevocation, want: word, is: true, given: attested(ago(time.Hour))},
	})
}

func TestLearnPlaces(t *testing.T) {
	vault := func(f Facts) any { return f.Places["vault"] }
	was := PlaceFact{Pair: newID, Grade: backends.ReadBack, Since: ago(50 * time.Hour)}
	see := func(h Holds, g backends.Grade) func(c *scene) {
		return func(c *scene) { c.s.Places["vault"] = PlaceSeen{Holds: h, Grade: g} }
	}
	newly := func(h Holds, g backends.Grade) func(c *scene) {
		return func(c *scene) { delete(c.r.Facts.Places, "vault"); see(h, g)(c) }
	}
	learnTable(t, []lesson{
		{name: "I-8: seen with the pair for the first time", state: Staged, given: newly(HoldsNew, backends.ReadBack), want: vault,
			is: PlaceFact{Pair: newID, Grade: backends.ReadBack, Since: noon()}, event: "holds"},
		{name: "seen again: since when stays", state: Staged, given: see(HoldsNew, backends.ReadBack), want: vault, is: was},
		{name: "a weaker look does not weaken what was seen", state: Staged, given: see(HoldsNew, backends.Touched), want: vault, is: was},
		{name: "not reached is not lost", state: Staged, given: see(HoldsUnknown, backends.NotSeen), want: vault, is: was},
		{name: "hidden is not lost", state: Staged, given: see(HoldsHidden, backends.Touched), want: vault, is: was},
		{name: "emptied is lost", state: Staged, given: see(HoldsNothing, backends.NotSeen), want: vault, is: PlaceFact{}},
		{name: "the old pair is lost", state: Staged, given: see(HoldsOld, backends.ReadBack), want: vault, is: PlaceFact{}},
		{name: "I-3: half a pair is lost", state: Staged, given: see(HoldsTorn, backends.ReadBack), want: vault, is: PlaceFact{}},
		{name: "I-8: hidden is not held unless it was written", state: Staged, given: newly(HoldsHidden, backends.Touched), want: vault,
			is: PlaceFact{}},
		{name: "I-8: not reached is not held", state: Staged, given: newly(HoldsUnknown, backends.NotSeen), want: vault, is: PlaceFact{}},
		{name: "going back, the new pair counts no more", state: RollingBack, want: vault, is: PlaceFact{},
			given: func(c *scene) { c.r.Facts.Places["vault"] = was; see(HoldsNew, backends.ReadBack)(c) }},
		{name: "going back, a place that was written with the new pair and cannot be read is to be written", state: RollingBack,
			want: vault, is: PlaceFact{},
			given: func(c *scene) { c.r.Facts.Places["vault"] = was; see(HoldsHidden, backends.Touched)(c) }},
		{name: "going back, the old pair is what counts", state: RollingBack, want: vault,
			is:    PlaceFact{Pair: oldID, Grade: backends.ReadBack, Since: noon()},
			given: func(c *scene) { c.r.Facts.Places["vault"] = was; see(HoldsOld, backends.ReadBack)(c) }},
		{name: "a state that looks at no place forgets none", state: Received, want: vault, is: was,
			given: func(c *scene) { c.s.Places = nil }},
	})
}

func TestLearnRuns(t *testing.T) {
	state := func(f Facts) any { return f.Runs["api"].Run.State }
	asked := func(seen RunSeen) func(c *scene) {
		return func(c *scene) {
			c.run("api", func(f *RunFact) { f.Run = cicd.Run{} })
			c.s.Runs = map[string]RunSeen{"api": seen}
		}
	}
	learnTable(t, []lesson{
		{name: "the run is found by its once-key", state: Distributed, want: state, is: cicd.Succeeded, event: "run",
			given: asked(RunSeen{Known: true, Run: cicd.Run{Once: "once 1", State: cicd.Succeeded}})},
		{name: "a run with another once-key is another run", state: Distributed, want: state, is: cicd.RunState(""),
			given: asked(RunSeen{Known: true, Run: cicd.Run{Once: "once 9", State: cicd.Succeeded}})},
		{name: "no run is known", state: Distributed, want: state, is: cicd.RunState(""), given: asked(RunSeen{})},
		{name: "the pipeline could not be asked", state: Distributed, want: state, is: cicd.RunState(""),
			given: asked(RunSeen{Err: "timeout"})},
	})
}

func TestLearnProofs(t *testing.T) {
	use := func(u UseSeen, more ...func(c *scene)) func(c *scene) {
		return func(c *scene) {
			delete(c.r.Facts.Proofs, "api")
			c.s.Uses["api"] = u
			for _, m := range more {
				m(c)
			}
		}
	}
	had := func(p Proof) func(c *scene) { return func(c *scene) { c.r.Facts.Proofs["api"] = p } }
	waived := func(c *scene) {
		c.say(Word{Kind: WaiveIt, Target: "consumer:api", Text: "no way", Expires: noon().Add(time.Hour)})
	}
	api := func(f Facts) any { return f.Proofs["api"] }
	earlier := Proof{Pair: newID, Use: cicd.Reported, At: ago(time.Hour)}
	byWaiver := Proof{Pair: newID, Use: cicd.Healthy, At: ago(time.Hour), By: "sam: no way"}
	learnTable(t, []lesson{
		{name: "I-2: it named the pair", state: Redeployed, want: api, event: "proved",
			given: use(UseSeen{Use: cicd.Reported, Names: HoldsNew, At: noon()}), is: Proof{Pair: newID, Use: cicd.Reported, At: noon()}},
		{name: "I-2: its processes started after the write", state: Redeployed, want: api,
			given: use(UseSeen{Use: cicd.StartedAfter, At: noon()}), is: Proof{Pair: newID, Use: cicd.StartedAfter, At: noon()}},
		{name: "I-2: healthy is no proof", state: Redeployed, want: api, is: Proof{}, given: use(UseSeen{Use: cicd.Healthy, At: noon()})},
		{name: "I-2: seen as the redeploy ended", state: Redeployed, want: api, is: Proof{Pair: newID, Use: cicd.Reported, At: ago(48 * time.Hour)},
			given: use(UseSeen{Use: cicd.Reported, At: ago(48 * time.Hour)})},
		{name: "I-2: seen before the redeploy ended", state: Redeployed, want: api, is: Proof{},
			given: use(UseSeen{Use: cicd.Reported, At: ago(48*time.Hour + time.Second)})},
		{name: "I-2: an error is no evidence, whatever came with it", state: Redeployed, want: api, is: Proof{},
			given: use(UseSeen{Use: cicd.Reported, At: noon(), Err: "certificate"})},
		{name: "silence removes no proof", state: Redeployed, want: api, is: earlier,
			given: use(UseSeen{Err: "connection refused"}, had(earlier))},
		{name: "I-2: naming the old pair does", state: Redeployed, want: api, is: Proof{},
			given: use(UseSeen{Names: HoldsOld, At: noon()}, had(earlier))},
		{name: "I-2: naming the old pair weighs more than having started late", state: Redeployed, want: api, is: Proof{},
			given: use(UseSeen{Use: cicd.StartedAfter, Names: HoldsOld, At: noon()}, had(earlier))},
		{name: "I-2: a waiver stands in", state: Redeployed, want: api, given: use(UseSeen{Use: cicd.Healthy}, waived),
			is: Proof{Pair: newID, Use: cicd.Healthy, At: noon(), Note: "it showed healthy", By: "sam: no way"}},
		{name: "I-2: a waiver and a person's word", state: Redeployed, want: api,
			given: use(UseSeen{Err: "connection refused"}, waived, func(c *scene) {
				c.say(Word{Kind: AttestIt, Target: "consumer:api"})
			}),
			is: Proof{Pair: newID, Use: cicd.Attested, At: noon(), Note: "connection refused", By: "sam: no way"}},
		{name: "I-2: a person's word alone is none", state: Redeployed, want: api, is: Proof{},
			given: use(UseSeen{}, func(c *scene) { c.say(Word{Kind: AttestIt, Target: "consumer:api"}) })},
		{name: "I-2: no waiver stands against evidence", state: Redeployed, want: api, is: Proof{},
			given: use(UseSeen{Names: HoldsOld}, waived)},
		{name: "I-2: a waiver for another consumer", state: Redeployed, want: api, is: Proof{},
			given: use(UseSeen{}, func(c *scene) {
				c.say(Word{Kind: WaiveIt, Target: "consumer:jobs", Expires: noon().Add(time.Hour)})
			})},
		{name: "I-2: what stood by a waiver falls when it ends", state: Verified, want: api, is: Proof{},
			given: use(UseSeen{Use: cicd.Healthy}, had(byWaiver))},
		{name: "a proof that counts takes a waiver's place", state: Redeployed, want: api,
			given: use(UseSeen{Use: cicd.Reported, At: noon()}, had(byWaiver), waived),
			is:    Proof{Pair: newID, Use: cicd.Reported, At: noon()}},
		{name: "going back, the old pair is what is proven", state: RollingBack, want: api,
			given: use(UseSeen{Use: cicd.Reported, Names: HoldsOld, At: noon()}), is: Proof{Pair: oldID, Use: cicd.Reported, At: noon()}},
		{name: "going back, naming the new pair is evidence against", state: RollingBack, want: api, is: Proof{},
			given: use(UseSeen{Names: HoldsNew, At: noon()})},
		{name: "soak: a look without a proof is a miss", state: Verified, is: []int{1, 1},
			given: use(UseSeen{Err: "connection refused"}), want: func(f Facts) any { return []int{f.Looks, f.Misses} }},
		{name: "soak: a look with all proofs is none", state: Verified, is: []int{1, 0},
			given: func(*scene) {}, want: func(f Facts) any { return []int{f.Looks, f.Misses} }},
	})
}

func TestLearnTriples(t *testing.T) {
	count := func(f Facts) any { return len(f.Triples) }
	since := func(c *scene) { c.r.Facts.Triples = triples(5 * time.Minute) }
	learnTable(t, []lesson{
		{name: "I-11: new accepted, random refused, old refused", state: AwaitingRevocation, given: since, want: count, is: 2, event: "triple"},
		{name: "I-11: an Accepted old empties the list", state: AwaitingRevocation, want: count, is: 0,
			given: func(c *scene) { since(c); c.s.Old = accepted() }},
		{name: "I-11: wherever it is seen", state: Staged, want: count, is: 0, given: since},
		{name: "I-11: Unclear does not count, and empties nothing", state: AwaitingRevocation, want: count, is: 1,
			given: func(c *scene) { since(c); c.s.Old = unclear() }},
		{name: "I-11: a made-up pair that is accepted shows that refusals mean nothing", state: AwaitingRevocation, want: count, is: 1,
			given: func(c *scene) { since(c); c.s.Random = accepted() }},
		{name: "I-11: no made-up pair was asked about", state: AwaitingRevocation, want: count, is: 1,
			given: func(c *scene) { since(c); c.s.Random = nil }},
		{name: "I-11: a new pair that is unclear", state: AwaitingRevocation, want: count, is: 1,
			given: func(c *scene) { since(c); c.s.New = unclear() }},
		{name: "I-11: two hosts are no triple", state: AwaitingRevocation, want: count, is: 1,
			given: func(c *scene) { since(c); c.s.New.Host = "sandbox.example" }},
		{name: "I-11: calls within sixty seconds", state: AwaitingRevocation, want: count, is: 2,
			given: func(c *scene) { since(c); c.s.New.At = ago(time.Minute) }},
		{name: "I-11: calls further apart", state: AwaitingRevocation, want: count, is: 1,
			given: func(c *scene) { since(c); c.s.New.At = ago(time.Minute + 1) }},
		{name: "I-11: the same look twice is one triple", state: AwaitingRevocation, want: count, is: 1,
			given: func(c *scene) { c.r.Facts.Triples = triples(0) }},
		{name: "I-11: a look just often enough", state: AwaitingRevocation, want: count, is: 2, event: "triple",
			given: func(c *scene) { c.r.Facts.Triples = triples(longestUnwatched) }},
		{name: "I-11: after longer without a look the proof begins anew", state: AwaitingRevocation, want: count, is: 1, event: "unwatched",
			given: func(c *scene) { c.r.Facts.Triples = triples(longestUnwatched+time.Hour, longestUnwatched+1) }},
		{name: "I-11: and is counted", state: AwaitingRevocation, want: func(f Facts) any { return f.Unwatched }, is: 3,
			given: func(c *scene) { c.r.Facts.Triples, c.r.Facts.Unwatched = triples(time.Hour), 2 }},
		{name: "I-11: an Accepted old ends that count", state: AwaitingRevocation, want: func(f Facts) any { return f.Unwatched }, is: 0,
			given: func(c *scene) { c.r.Facts.Unwatched, c.s.Old = 2, accepted() }},
		{name: "I-11: a refusal that is no triple is a look", state: AwaitingRevocation, want: func(f Facts) any { return f.Triples[0].Until }, is: noon(),
			given: func(c *scene) { since(c); c.s.Random = nil }},
		{name: "I-11: looks in between keep a proof together", state: AwaitingRevocation, want: count, is: 2, event: "triple",
			given: func(c *scene) {
				c.r.Facts.Triples = triples(time.Hour)
				c.r.Facts.Triples[0].Until = ago(longestUnwatched)
			}},
		{name: "I-11: a refusal beside no accepted pair is no look", state: AwaitingRevocation, want: func(f Facts) any { return f.Triples[0].Until },
			is: time.Time{}, given: func(c *scene) { since(c); c.s.New = unclear() }},
		{name: "I-11: Unclear is no look", state: AwaitingRevocation, want: func(f Facts) any { return f.Triples[0].Until }, is: time.Time{},
			given: func(c *scene) { since(c); c.s.Old = unclear() }},
		{name: "I-11: in no other state", state: Verified, want: count, is: 1,
			given: func(c *scene) { since(c); c.s.Old, c.s.Random = refused(), refused() }},
	})
}

// ---- apply ---------------------------------------------------------------------------------------------------

func TestApplyDenial(t *testing.T) {
	c := quiet(Routine, Distributed)
	c.wish(WishAbandon, "sam")
	r := apply(c.r, decide(c.sp, c.r, c.s, c.now), c.now)
	if r.State != Distributed || r.Facts.Wish != "" || r.Facts.WishWord != nil || r.Why == "" {
		t.Errorf("state %s, wish %q, why %q: want the same state, the wish answered, and why", r.State, r.Facts.Wish, r.Why)
	}
}

func TestApplyEntersAState(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lane  Lane
		from  State
		given func(c *scene)
		move  Move
		want  func(r Rotation) any
		is    any
	}{
		{name: "when it was entered, and to be looked at at once", from: Staged, move: Move{To: Distributed, Why: "why"},
			want: func(r Rotation) any { return []any{r.State, r.EnteredAt, r.NextAt, r.Why, r.Command} },
			is:   []any{Distributed, noon(), noon(), "why", ""}},
		{name: "a wish is answered by any transition", from: Staged, given: func(c *scene) { c.wish(WishRollback, "sam") },
			move: Move{To: RollingBack}, want: func(r Rotation) any { return r.Facts.Wish }, is: Wish("")},
		{name: "what stopped an effect is forgotten", from: Staged,
			given: func(c *scene) { c.r.Facts.Stop, c.r.Facts.Stuck = "right withdrawn", 3 }, move: Move{To: FailedState, Resume: Staged},
			want: func(r Rotation) any { return []any{r.Facts.Stop, r.Facts.Stuck, r.Facts.Resume} }, is: []any{"", 0, Staged}},
		{name: "staying in a state enters nothing", from: RollingBack, move: Move{To: RollingBack, Again: []string{"api"}},
			want: func(r Rotation) any { return r.EnteredAt }, is: ago(48 * time.Hour)},
		{name: "the time of a preflight", from: DueState, move: Move{To: AwaitingKey},
			want: func(r Rotation) any { return r.Facts.Preflight }, is: noon()},
		{name: "the soak begins anew", from: Redeployed, given: func(c *scene) { c.r.Facts.Looks, c.r.Facts.Misses = 9, 2 },
			move: Move{To: Verified}, want: func(r Rotation) any { return []int{r.Facts.Looks, r.Facts.Misses} }, is: []int{0, 0}},
		{name: "I-1: a withdrawn request is attested anew, and what was said of the old pair stands", from: AwaitingRevocation,
			given: func(c *scene) { endWord(c); toldRevoked("OLD1", time.Minute)(c) }, move: Move{To: Staged},
			want: func(r Rotation) any { return r.Facts.Revoked != nil && r.Facts.EndWord == nil }, is: true},
		{name: "I-1: it stands as well when the new pair is lost", from: AwaitingRevocation,
			given: toldRevoked("OLD1", time.Minute), move: Move{To: AwaitingKey, DropNew: true, Spare: true},
			want: func(r Rotation) any { return r.Facts.Revoked != nil }, is: true},
		{name: "a proven one is not", from: AwaitingRevocation, given: toldRevoked("OLD1", time.Hour), move: Move{To: RevocationProven},
			want: func(r Rotation) any { return r.Facts.Revoked != nil }, is: true},
		{name: "a burial watches from the proof on", lane: Burial, from: AwaitingRevocation, move: Move{To: RevocationProven},
			want: func(r Rotation) any { return r.Facts.DeadAt }, is: noon()},
		{name: "a third key that is accepted ends the emergency", from: Received, given: func(c *scene) { c.r.Facts.BothDead = true },
			move: Move{To: Staged}, want: func(r Rotation) any { return r.Facts.BothDead }, is: false},
		{name: "a run that no longer counts", from: Verified, move: Move{To: Distributed, Again: []string{"api"}},
			want: func(r Rotation) any {
				_, proven := r.Facts.Proofs["api"]
				return []any{r.Facts.Runs["api"].Stale, r.Facts.Runs["jobs"].Stale, r.Facts.Runs["api"].Tries, proven}
			}, is: []any{true, false, 1, false}},
		{name: "L-2: resumed after three failures, three tries anew", from: FailedState,
			given: func(c *scene) { c.run("api", func(f *RunFact) { f.Tries = 3 }) },
			move:  Move{To: Distributed, Again: []string{"api"}},
			want:  func(r Rotation) any { return r.Facts.Runs["api"].Tries }, is: 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lane := tt.lane
			if lane == "" {
				lane = Routine
			}
			c := quiet(lane, tt.from)
			if tt.given != nil {
				tt.given(&c)
			}
			if diff := cmp.Diff(tt.is, tt.want(apply(c.r, tt.move, c.now))); diff != "" {
				t.Errorf("after the transition (-want +got):\n%s", diff)
			}
		})
	}
}

// Both pairs dead: the third key meets a rotation that remembers nothing of the second, and everything of the rest.
func TestApplyBothDeadLeadsToAThirdKey(t *testing.T) {
	c := quiet(Routine, Verified)
	newRefusedFor(refused(), sureDead)(&c)
	c.r.Facts.Attested = map[string]Word{"consumer:api": {Who: "sam"}}
	r := apply(c.r, decide(c.sp, c.r, c.s, c.now), c.now)
	f := r.Facts
	if r.State != AwaitingKey || r.New != "" || r.Old != oldID || !f.BothDead || !f.Wrote || f.Rejected == "" {
		t.Fatalf("%s, new %q, old %q, facts %+v", r.State, r.New, r.Old, f)
	}
	kept := []int{len(f.Places), len(f.Runs), len(f.Proofs), len(f.Triples), len(f.Approvals), len(f.Attested)}
	if diff := cmp.Diff([]int{0, len(c.r.Facts.Runs), 0, 0, 0, 0}, kept); diff != "" {
		t.Errorf("places, proofs, triples, approvals, words of the second key are kept, or the runs that number the once-keys are not:\n%s", diff)
	}
	if f.NewDead || !f.JointSince.IsZero() {
		t.Errorf("the second key's death is remembered: %v since %s", f.NewDead, f.JointSince)
	}
	c = quiet(Routine, AwaitingKey)
	c.r, c.s.Old = r, refused()
	c.s.Problems = []string{"place vault cannot be reached"}
	reply{why: "create a third one", command: "quarterturn rotate bluum", broken: "no pair works"}.
		check(t, c, decide(c.sp, c.r, c.s, c.now))
	c.say(Word{Kind: Submitted, Pair: otherID})
	r, _ = learn(c.sp, c.r, c.s, c.now)
	if m := decide(c.sp, r, c.s, c.now); m.To != Received || r.New != otherID {
		t.Errorf("the third key: %+v with new %q", m, r.New)
	}
}
