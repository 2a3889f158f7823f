package rotator

import (
	"maps"
	"slices"
	"testing"
	"time"

	"quarterturn/vendors"
)

// parts are the paths of the quiet spec, as the configuration tells them.
func parts() map[string]string {
	return map[string]string{"places.vault.vault.path": "1", "places.ci.github.repository": "1", "places.mirror.follows": "1",
		"consumers.api.redeploy": "1", "consumers.jobs.prove": "1", "policy.max_age": "1"}
}

// reconfigured: the rotation was last looked at with parts(), and now some of them are others.
func reconfigured(change func(after map[string]string)) func(c *scene) {
	return func(c *scene) {
		c.r.Facts.Parts = parts()
		c.sp.Parts, c.sp.Digest = parts(), "spec 2"
		change(c.sp.Parts)
		c.s.Places, c.s.Uses = nil, nil // what this look sees is another table's
	}
}

// stands is the places and proofs that still stand, sorted.
func stands(f Facts) any {
	return append(slices.Sorted(maps.Keys(f.Places)), slices.Sorted(maps.Keys(f.Proofs))...)
}

func TestLearnWhatAChangedSpecTouches(t *testing.T) {
	learnTable(t, []lesson{
		{name: "a place: it is looked at anew, and nothing else is lost", state: Verified, want: stands, is: []string{"ci", "mirror", "api", "jobs"},
			event: "reconfigured", given: reconfigured(func(p map[string]string) { p["places.vault.vault.path"] = "2" })},
		{name: "a consumer: it proves itself anew", state: Verified, want: stands, is: []string{"ci", "mirror", "vault", "api"},
			event: "reconfigured", given: reconfigured(func(p map[string]string) { p["consumers.jobs.prove"] = "2" })},
		{name: "a consumer that is new has proved nothing", state: Verified, want: stands, is: []string{"ci", "mirror", "vault", "api", "jobs"},
			event: "reconfigured", given: reconfigured(func(p map[string]string) { p["consumers.late.redeploy"] = "1" })},
		{name: "a place that left is forgotten", state: Verified, want: stands, is: []string{"mirror", "vault", "api", "jobs"},
			event: "reconfigured", given: reconfigured(func(p map[string]string) { delete(p, "places.ci.github.repository") })},
		{name: "the policy: what is proven stands", state: Verified, want: stands, is: []string{"ci", "mirror", "vault", "api", "jobs"},
			event: "reconfigured", given: reconfigured(func(p map[string]string) { p["policy.max_age"] = "2" })},
		{name: "the parts are kept", state: Verified, is: "2", event: "reconfigured",
			given: reconfigured(func(p map[string]string) { p["policy.max_age"] = "2" }),
			want:  func(f Facts) any { return f.Parts["policy.max_age"] }},
		{name: "a rotation that has no parts yet takes them in silently", state: Verified, want: stands,
			is: []string{"ci", "mirror", "vault", "api", "jobs"}, given: func(c *scene) {
				reconfigured(func(map[string]string) {})(c)
				c.r.Facts.Parts = nil
			}},
	})
}

// I-4: while the host accepts what nobody issued, its answer names neither environment nor tenant.
func TestLearnNothingFromAHostThatAcceptsAnybody(t *testing.T) {
	for _, random := range []*vendors.Reading{nil, accepted(), unclear()} {
		c := quiet(Routine, Received)
		c.r.Facts.Seen, c.r.Facts.Tenant, c.s.Random = "", "", random
		if r, _ := learn(c.sp, c.r, c.s, c.now); r.Facts.Seen != "" || r.Facts.Tenant != "" {
			t.Errorf("it took in %q and %q", r.Facts.Seen, r.Facts.Tenant)
		}
	}
}

// The pinned spec: an approval, or a window, for another configuration is void.
func TestApprovalsAreForOneSpec(t *testing.T) {
	c := quiet(Replace, DueState)
	c.r.Facts.Approvals = []Word{{Kind: Approved, Who: "anna", Spec: "spec 1", Consumers: []string{"api", "jobs"}}}
	if v := view(c); v.approvedWindow() == nil || !v.approved() {
		t.Fatal("the approvals do not count for the spec they were given for")
	}
	c.r.Lane = Compromised
	if v := view(c); !v.named("api") {
		t.Fatal("the consumer is not named")
	}
	c.sp.Digest = "spec 2"
	if v := view(c); v.approvedWindow() != nil || v.approved() || v.named("api") {
		t.Fatal("an approval outlives the spec it was given for")
	}
}

func TestLearnApprovals(t *testing.T) {
	window := Word{Kind: Approved, Who: "anna", From: noon(), To: noon().Add(time.Hour), Consumers: []string{"api", "jobs"}}
	learnTable(t, []lesson{
		{name: "a maintenance window", state: DueState, is: noon().Add(time.Hour),
			given: func(c *scene) { c.say(window) }, want: func(f Facts) any { return f.Window.To }},
		{name: "the last window counts", state: DueState, is: noon().Add(2 * time.Hour),
			given: func(c *scene) { c.say(window); w := window; w.To = noon().Add(2 * time.Hour); c.say(w) },
			want:  func(f Facts) any { return f.Window.To }},
		{name: "an approval is no window", state: Verified, is: true,
			given: func(c *scene) { c.say(Word{Kind: Approved, Who: "anna", Consumers: []string{"api"}}) },
			want:  func(f Facts) any { return f.Window == nil && f.Lone == nil }},
		{name: "one person alone: kept for the review, and told", state: Verified, is: "anna", event: "alone",
			given: func(c *scene) { c.say(Word{Kind: Approved, Who: "anna", Alone: true, Text: "nobody is there"}) },
			want:  func(f Facts) any { return f.Lone.Who }},
	})
}

// A window approves no revocation, and an approval names a consumer in an emergency alone.
func TestWhatAnApprovalIsNotFor(t *testing.T) {
	c := quiet(Routine, Verified)
	c.r.Facts.Approvals = []Word{{Kind: Approved, Who: "anna", Spec: "spec 1", To: noon().Add(time.Hour), Consumers: []string{"api"}}}
	if v := view(c); v.approved() || v.named("api") {
		t.Error("a maintenance window approves a revocation, or names a consumer in the routine lane")
	}
}

func TestLearnAnEmergencyApprovalStandsIn(t *testing.T) {
	c := quiet(Compromised, Redeployed)
	delete(c.r.Facts.Proofs, "api")
	c.s.Uses["api"] = UseSeen{Err: "connection refused"}
	emergencyApproval(&c, "anna", "api")
	r, events := learn(c.sp, c.r, c.s, c.now)
	if by := r.Facts.Proofs["api"].By; by != "anna: abuse" || !told(events, "waived") {
		t.Fatalf("the approval that names api does not stand in: %q, %+v", by, events)
	}
	c.r, c.sp.Digest = r, "spec 2"
	if r, _ = learn(c.sp, c.r, c.s, c.now); r.Facts.Proofs["api"].By != "" {
		t.Fatal("it still stands in after the configuration changed")
	}
}

// Nothing that is said beside it takes back that the pair in use is known to others: it would be put back.
func TestLearnCompromisedIsNotTakenBack(t *testing.T) {
	for name, words := range map[string][]WordKind{"before": {RollBack, Compromise}, "after": {Compromise, RollBack}, "abandon": {Compromise, Abandon},
		"resume": {Compromise, Resume}} {
		t.Run(name, func(t *testing.T) {
			c := quiet(Routine, Staged)
			for _, k := range words {
				c.say(Word{Kind: k})
			}
			r, _ := learn(c.sp, c.r, c.s, c.now)
			c.r = r
			if m := decide(c.sp, c.r, c.s, c.now); r.Facts.Wish != WishHurry || !m.Hurry {
				t.Errorf("the wish is %q and the move %+v", r.Facts.Wish, m)
			}
		})
	}
}

func TestApplyTakesTheUnfinishedPair(t *testing.T) {
	c := quiet(Compromised, DueState)
	r := apply(c.r, Move{To: Received, TakeNew: otherID, Why: "goes on"}, c.now)
	if r.New != otherID || !r.Facts.Wrote || !r.Facts.Taken {
		t.Fatalf("it is not known that the pair was written: %s, %+v", r.New, r.Facts)
	}
	r = apply(r, Move{To: AwaitingKey, DropNew: true, Spare: true, Why: "refused"}, c.now)
	if r.New != "" || !r.Facts.Taken {
		t.Fatalf("it could be taken again after it was refused: %+v", r.Facts)
	}
}

// TestAnApprovalToCreateAKeyIsNoWaiver: where creating a key ends the old one, somebody lets the consumers fail until they
// have the new one. That says nothing about going on without them: a write that failed once is tried again.
func TestAnApprovalToCreateAKeyIsNoWaiver(t *testing.T) {
	c := quiet(Compromised, Staged)
	c.r.Facts.Preflight = noon()
	c.r.Facts.Approvals = []Word{{Kind: Approved, Who: "anna", Spec: "spec 1", Consumers: []string{"api", "jobs"}, At: noon()}}
	c.r.Facts.Intent, c.r.Facts.Stuck = &Intent{Do: Put, Target: "vault"}, 1
	c.r.Facts.Places = map[string]PlaceFact{}
	v := view(c)
	if !v.named("api") || v.without("api") || goingOnWord(c.sp, c.r, "jobs") != nil {
		t.Error("the approval to create the key lets consumers be left without it")
	}
	if m, ok := putNext(v); !ok || m.Do != Put || m.Target != "vault" {
		t.Errorf("a place whose write failed is left as it was: %+v", m)
	}
	c.r.Facts.Approvals[0].At = noon().Add(time.Second)
	if v := view(c); !v.without("api") {
		t.Error("an approval that was given afterwards does not go on without the consumer")
	}
}
