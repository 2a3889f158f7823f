package rotator

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/vendors"
)

// Lessons that mutants of learn and apply taught: each holds something that no other test noticed the loss of.

// TestLearnIsPure: the rotation that goes in is as before, whatever was learned.
func TestLearnIsPure(t *testing.T) {
	for _, k := range stateKeys() {
		in, same := crowded(k), crowded(k)
		learn(in.sp, in.r, in.s, in.now)
		if diff := cmp.Diff(same.r, in.r); diff != "" {
			t.Errorf("%s, %s: learn changed what it was given (-want +got):\n%s", k.lane, k.state, diff)
		}
		for _, m := range []Move{{To: Verified, Again: []string{"api"}, Rewrite: []string{"vault"}}, {To: AwaitingKey, DropNew: true}} {
			apply(in.r, m, in.now)
			if diff := cmp.Diff(same.r, in.r); diff != "" {
				t.Errorf("%s, %s: apply changed what it was given (-want +got):\n%s", k.lane, k.state, diff)
			}
		}
	}
}

// crowded has more of everything than there is room for in a slice of its length, so that writing behind an end shows.
func crowded(k key) scene {
	c := quiet(k.lane, k.state)
	f := &c.r.Facts
	f.Triples = append(make([]Triple, 0, 8), triples(10*time.Minute, 5*time.Minute)...)
	f.Approvals = append(make([]Word, 0, 8), Word{Seq: 1, Kind: Approved, Who: "anna"})
	f.Waivers = append(make([]Word, 0, 8), Word{Seq: 2, Kind: WaiveIt, Target: "a", Expires: ago(time.Hour)},
		Word{Seq: 3, Kind: WaiveIt, Target: "b", Expires: noon().Add(time.Hour)})
	f.Parts, c.sp.Parts = map[string]string{"policy": "1"}, map[string]string{"policy": "2"}
	c.say(Word{Kind: Approved})
	return c
}

// TestFactsCopyIsDeep: nothing that learn or apply may change is shared between a copy and its original.
func TestFactsCopyIsDeep(t *testing.T) {
	f := crowded(key{Routine, Verified}).r.Facts
	f.Attested = map[string]Word{"portal": {}}
	g := f.copy()
	a, b := reflect.ValueOf(f), reflect.ValueOf(g)
	for i := range a.NumField() {
		switch a.Field(i).Kind() {
		case reflect.Map, reflect.Slice:
			if a.Field(i).Len() > 0 && a.Field(i).Pointer() == b.Field(i).Pointer() {
				t.Errorf("%s is shared", a.Type().Field(i).Name)
			}
		}
	}
}

// TestLearnTellsWhole: what the trail says of a triple, a place, a run and a consumer is all there.
func TestLearnTellsWhole(t *testing.T) {
	c := quiet(Routine, AwaitingRevocation)
	c.r.Facts.Triples = nil
	c.s.New.TraceID, c.s.Random.TraceID, c.s.Old.RequestID = "trace 1", "trace 2", "request 3"
	c.s.New.RequestID = "request 1"
	c.s.New.At, c.s.Random.At = ago(2*time.Second), ago(time.Second)
	r, events := learn(c.sp, c.r, c.s, c.now)
	want := Triple{At: noon(), Until: noon(), Host: "api.example", New: "200", Random: "X-401-3", Old: "X-401-3", NewID: "trace 1", RandomID: "trace 2",
		OldID: "request 3"}
	if diff := cmp.Diff([]Triple{want}, r.Facts.Triples); diff != "" {
		t.Error("the triple (-want +got):\n" + diff)
	}
	e := Event{At: noon(), Kind: "triple", Who: "quarterturn", Text: "new accepted, made-up refused, old refused, on api.example",
		Data: map[string]string{"host": "api.example", "new": "200", "random": "X-401-3", "old": "X-401-3", "new_id": "trace 1",
			"random_id": "trace 2", "old_id": "request 3"}}
	if diff := cmp.Diff([]Event{e}, events); diff != "" {
		t.Error("the trail (-want +got):\n" + diff)
	}
}

// TestLearnWhetherThereIsAnOldPair: only a look at every place, before a key was asked for, can say that there is none.
func TestLearnWhetherThereIsAnOldPair(t *testing.T) {
	for _, c := range []struct {
		state                 State
		checked, nowhere, was bool
		old                   PairID
		want                  bool
	}{
		{DueState, true, true, false, "", true}, {DueState, true, false, true, "", false}, {DueState, false, true, false, "", false},
		{DueState, false, false, true, "", true}, {AwaitingKey, true, true, false, "", false}, {AwaitingKey, true, false, true, "", true},
		{DueState, true, true, false, oldID, false}, {DueState, true, true, true, oldID, false},
	} {
		k := quiet(Routine, c.state)
		k.r.Old, k.s.Checked, k.s.Nowhere, k.r.Facts.NoOld = c.old, c.checked, c.nowhere, c.was
		if r, _ := learn(k.sp, k.r, k.s, k.now); r.Facts.NoOld != c.want {
			t.Errorf("%+v: %v", c, r.Facts.NoOld)
		}
	}
}

// TestLearnHiddenPlaces: what can't be read back is told by its version alone, which counts from when it was first seen.
func TestLearnHiddenPlaces(t *testing.T) {
	for _, c := range []struct{ was, seen, want string }{{"", "v1", "v1"}, {"v1", "v1", "v1"}, {"v1", "v2", "gone"}, {"", "", ""}} {
		k := quiet(Routine, Verified)
		k.r.Facts.Places["ci"] = PlaceFact{Pair: newID, Grade: backends.Touched, Since: ago(time.Hour), Version: c.was}
		k.s.Places["ci"] = PlaceSeen{Holds: HoldsHidden, Version: c.seen}
		r, _ := learn(k.sp, k.r, k.s, k.now)
		got := "gone"
		if f, ok := r.Facts.Places["ci"]; ok {
			got = f.Version
		}
		if got != c.want {
			t.Errorf("%q was known and %q was seen: %q, want %q", c.was, c.seen, got, c.want)
		}
	}
	k := quiet(Routine, Verified)
	k.r.Facts.Places["vault"] = PlaceFact{Pair: newID, Grade: backends.Touched, Since: ago(time.Hour)}
	r, events := learn(k.sp, k.r, k.s, k.now)
	if f := r.Facts.Places["vault"]; f.Grade != backends.ReadBack || !f.Since.Equal(ago(time.Hour)) || told(events, "holds") {
		t.Errorf("a place that is now read back: %+v, %v", f, events)
	}
}

// TestTouched: a write that can't be read back is a fact of its own.
func TestTouched(t *testing.T) {
	r := Rotation{Facts: Facts{}.copy()}
	r.touched("ci", newID, noon())
	if diff := cmp.Diff(map[string]PlaceFact{"ci": {Pair: newID, Grade: backends.Touched, Since: noon()}}, r.Facts.Places); diff != "" {
		t.Error(diff)
	}
}

// TestLearnForgottenRuns: a pipeline that knows a run no more leaves its outcome open; one that can't be asked does not.
func TestLearnForgottenRuns(t *testing.T) {
	for name, c := range map[string]struct {
		seen RunSeen
		was  cicd.RunState
		once string
		want cicd.RunState
	}{
		"forgotten":            {RunSeen{}, cicd.Running, "once 1", ""},
		"can't be asked":       {RunSeen{Err: "timeout"}, cicd.Running, "once 1", cicd.Running},
		"known":                {RunSeen{Known: true, Run: cicd.Run{Once: "once 1", State: cicd.Failed}}, cicd.Running, "once 1", cicd.Failed},
		"known under another":  {RunSeen{Known: true, Run: cicd.Run{Once: "once 2", State: cicd.Failed}}, cicd.Running, "once 1", cicd.Running},
		"none was asked for":   {RunSeen{Known: true, Run: cicd.Run{State: cicd.Failed}}, "", "", ""},
		"unknown, and unasked": {RunSeen{Run: cicd.Run{Once: "once 1", State: cicd.Failed}}, "", "once 1", ""},
	} {
		k := quiet(Routine, Distributed)
		k.r.Facts.Runs["api"] = RunFact{Pair: newID, Once: c.once, Run: cicd.Run{Once: c.once, State: c.was}}
		k.s.Runs = map[string]RunSeen{"api": c.seen}
		r, events := learn(k.sp, k.r, k.s, k.now)
		if got := r.Facts.Runs["api"].Run.State; got != c.want || told(events, "run") != (name == "known") {
			t.Errorf("%s: %q, want %q; %v", name, got, c.want, events)
		}
	}
}

// TestLearnTellsProofsOnce: the trail says that a consumer proved itself when it did so first, for this pair, or again
// after a redeploy; and counts a look as missed only where a proof is missing.
func TestLearnTellsProofsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		was  *Proof
		told bool
	}{
		"never before":           {nil, true},
		"in the look before":     {&Proof{Pair: newID, Use: cicd.Reported, At: ago(time.Minute)}, false},
		"before the redeploy":    {&Proof{Pair: newID, Use: cicd.Reported, At: ago(49 * time.Hour)}, true},
		"another pair":           {&Proof{Pair: oldID, Use: cicd.Reported, At: ago(time.Minute)}, true},
		"by a waiver until now":  {&Proof{Pair: newID, At: ago(time.Minute), By: "olga: known"}, false},
		"just as it was started": {&Proof{Pair: newID, Use: cicd.Reported, At: ago(48 * time.Hour)}, false},
	} {
		k := quiet(Routine, Verified)
		delete(k.r.Facts.Proofs, "api")
		if c.was != nil {
			k.r.Facts.Proofs["api"] = *c.was
		}
		use := k.s.Uses["api"]
		use.Note = "print 1"
		k.s.Uses["api"] = use
		r, events := learn(k.sp, k.r, k.s, k.now)
		if told(events, "proved") != c.told || r.Facts.Looks != 1 || r.Facts.Misses != 0 || r.Facts.Proofs["api"].Note != "print 1" {
			t.Errorf("%s: %v, %d looks, %d missed", name, events, r.Facts.Looks, r.Facts.Misses)
		}
	}
}

// TestLearnTellsWaiversOnce: likewise for a consumer without proof that a waiver stands in for.
func TestLearnTellsWaiversOnce(t *testing.T) {
	for name, c := range map[string]struct {
		was  *Proof
		told bool
	}{
		"never before":       {nil, true},
		"in the look before": {&Proof{Pair: newID, At: ago(time.Minute), By: "olga: known"}, false},
		"for another pair":   {&Proof{Pair: oldID, At: ago(time.Minute), By: "olga: known"}, true},
		"proven until now":   {&Proof{Pair: newID, Use: cicd.Reported, At: ago(time.Minute)}, true},
	} {
		k := quiet(Routine, Verified)
		k.waive("consumer:api", time.Hour)
		k.s.Uses["api"] = UseSeen{Use: cicd.Healthy, At: noon()}
		delete(k.r.Facts.Proofs, "api")
		if c.was != nil {
			k.r.Facts.Proofs["api"] = *c.was
		}
		r, events := learn(k.sp, k.r, k.s, k.now)
		if told(events, "waived") != c.told || r.Facts.Misses != 0 || r.Facts.Proofs["api"].By == "" {
			t.Errorf("%s: %v, %+v", name, events, r.Facts.Proofs["api"])
		}
	}
	k := quiet(Routine, Verified)
	k.s.Uses["api"] = UseSeen{Use: cicd.Reported, Names: HoldsOld, At: noon()}
	if r, _ := learn(k.sp, k.r, k.s, k.now); r.Facts.Misses != 1 {
		t.Errorf("it runs with the old pair, and %d looks count as missed", r.Facts.Misses)
	}
}

// TestLearnReadings: what the trail keeps of an answer.
func TestLearnReadings(t *testing.T) {
	for _, c := range []struct {
		rd         vendors.Reading
		answer, id string
	}{
		{vendors.Reading{Code: "X-1", Status: 401, TraceID: "trace", RequestID: "request"}, "X-1", "trace"},
		{vendors.Reading{Status: 401, RequestID: "request"}, "401", "request"},
	} {
		if got, id := answer(&c.rd), callID(&c.rd); got != c.answer || id != c.id {
			t.Errorf("%+v: %q, %q", c.rd, got, id)
		}
	}
}

// TestApplyEnding: what is forgotten with a request that was withdrawn, and what is not.
func TestApplyEnding(t *testing.T) {
	for _, c := range []struct {
		lane     Lane
		from, to State
		revoked  bool // kept
		end      bool // kept
		died     bool
	}{
		{Routine, AwaitingRevocation, Staged, true, false, false}, {Routine, AwaitingRevocation, RevocationProven, true, true, false},
		{Burial, RevocationProven, AwaitingRevocation, false, false, false}, {Routine, Verified, AwaitingRevocation, true, true, false},
		{Burial, AwaitingRevocation, RevocationProven, true, true, true}, {Burial, RevocationProven, Closed, true, true, false},
	} {
		k := quiet(c.lane, c.from)
		k.r.Facts.Revoked, k.r.Facts.EndWord, k.r.Facts.DeadAt = &Word{}, &Word{}, ago(time.Hour)
		f := apply(k.r, Move{To: c.to}, k.now).Facts
		if (f.Revoked != nil) != c.revoked || (f.EndWord != nil) != c.end || f.DeadAt.Equal(noon()) != c.died {
			t.Errorf("%+v: %+v", c, f)
		}
	}
}

// TestApplyDropping: BothDead says that a pair died in use, and is kept in mind once it did.
func TestApplyDropping(t *testing.T) {
	for _, c := range []struct {
		from             State
		spare, was, want bool
	}{
		{Received, false, false, false}, {Received, false, true, true}, {Staged, false, false, true}, {Staged, true, false, false},
		{Received, true, false, false}, {Staged, true, true, true},
	} {
		k := quiet(Routine, c.from)
		k.r.Facts.BothDead = c.was
		if f := apply(k.r, Move{To: AwaitingKey, DropNew: true, Spare: c.spare}, k.now).Facts; f.BothDead != c.want {
			t.Errorf("%+v: %v", c, f.BothDead)
		}
	}
	k := quiet(Routine, Distributed)
	r := apply(k.r, Move{To: Staged, Rewrite: []string{"vault"}, DropOld: true}, k.now)
	if _, held := r.Facts.Places["vault"]; held || r.Old != "" || len(r.Facts.Places) != 2 {
		t.Errorf("%+v", r)
	}
}

// TestLearnOfAChangedConfiguration: what it was is kept from the first look on, and a change voids approvals.
func TestLearnOfAChangedConfiguration(t *testing.T) {
	c := quiet(Routine, Verified)
	c.sp.Parts = map[string]string{"policy": "1"}
	r, events := learn(c.sp, c.r, c.s, c.now)
	if diff := cmp.Diff(c.sp.Parts, r.Facts.Parts); diff != "" || told(events, "reconfigured") {
		t.Errorf("at first (-want +got):\n%s%+v", diff, events)
	}
	for _, approvals := range [][]Word{nil, {{Kind: Approved}}} {
		c.sp.Parts, c.r.Facts.Parts, c.r.Facts.Approvals = map[string]string{"policy": "2"}, map[string]string{"policy": "1"}, approvals
		r, events = learn(c.sp, c.r, c.s, c.now)
		want := "its configuration changed in 1 part"
		if approvals != nil {
			want += "; approvals given before are void"
		}
		if len(events) == 0 || events[0].Text != want || r.Facts.Parts["policy"] != "2" {
			t.Errorf("%d approvals: %+v, want %q", len(approvals), events, want)
		}
	}
}

// TestLearnOfANewPair: what was known of the one before does not concern it, and what was said with it is kept.
func TestLearnOfANewPair(t *testing.T) {
	for text, portal := range map[string]bool{"": false, "acme": true} {
		c := quiet(Routine, AwaitingKey)
		f := &c.r.Facts
		f.Taken, f.Rejected, f.Tenant, f.Seen, f.Portal = true, "refused", "another", "sandbox", &Word{Text: "before"}
		c.say(Word{Kind: Submitted, Who: "sam", Pair: newID, Text: text})
		r, _ := learn(c.sp, c.r, c.s, c.now)
		got := r.Facts
		if r.New != newID || got.SubmittedBy != "sam" || got.Taken || got.Rejected+got.Tenant+got.Seen != "" || (got.Portal != nil) != portal {
			t.Errorf("%q: %s %+v", text, r.New, got)
		}
	}
}

// TestLearnOfAnOldPairThatDied: it is said once, with the answer; on the way back it is no news.
func TestLearnOfAnOldPairThatDied(t *testing.T) {
	for _, k := range []struct {
		state State
		dead  bool
		want  int
	}{{Verified, false, 1}, {Verified, true, 0}, {RollingBack, false, 0}, {RollingBack, true, 0}} {
		c := quiet(Routine, k.state)
		c.s.Old, c.r.Facts.OldDead = refused(), k.dead
		c.s.Old.TraceID = "trace 9"
		r, events := learn(c.sp, c.r, c.s, c.now)
		var data []map[string]string
		for _, e := range events {
			if e.Kind == "old_dead" {
				data = append(data, e.Data)
			}
		}
		if !r.Facts.OldDead || len(data) != k.want {
			t.Errorf("%s, known %v: %+v", k.state, k.dead, events)
		}
		if want := map[string]string{"old": "X-401-3", "old_id": "trace 9", "host": "api.example"}; len(data) > 0 && cmp.Diff(want, data[0]) != "" {
			t.Errorf("%s: %v", k.state, data)
		}
	}
}

// TestLearnOfNewPairsWhereThereAreSome: burials have none of their own, and without one only the way back counts how long
// nothing works.
func TestLearnOfNewPairsWhereThereAreSome(t *testing.T) {
	for _, k := range []struct {
		name  string
		lane  Lane
		state State
		pair  PairID
		since bool
		dead  bool
	}{
		{"under way", Routine, Verified, newID, true, true},
		{"a burial", Burial, AwaitingRevocation, newID, false, false},
		{"the way back, and the new pair was given up", Routine, RollingBack, "", true, true},
		{"a key is awaited", Routine, AwaitingKey, "", false, false},
		{"just received", Routine, Received, newID, false, false},
	} {
		c := quiet(k.lane, k.state)
		c.r.New, c.s.New, c.s.Old, c.s.OldHeld = k.pair, refused(), refused(), true
		r, _ := learn(c.sp, c.r, c.s, c.now)
		if r.Facts.NewDead != k.dead || r.Facts.JointSince.IsZero() == k.since {
			t.Errorf("%s: dead %v, since %s", k.name, r.Facts.NewDead, r.Facts.JointSince)
		}
	}
}

// TestLearnTellsARunWhole, and of an answer that there was none nothing.
func TestLearnTellsARunWhole(t *testing.T) {
	c := quiet(Routine, Distributed)
	c.run("api", func(f *RunFact) { f.Run.State = cicd.Running })
	c.s.Runs = map[string]RunSeen{"api": {Known: true, Run: cicd.Run{Once: "once 1", ID: "17", State: cicd.Failed, Note: "exit code 3"}}}
	_, events := learn(c.sp, c.r, c.s, c.now)
	want := map[string]string{"consumer": "api", "once": "once 1", "attempt": "1", "run": "17", "state": "failed", "note": "exit code 3"}
	if len(events) != 1 || cmp.Diff(want, events[0].Data) != "" {
		t.Errorf("%+v", events)
	}
	if got := readingData("old", nil); got != nil {
		t.Errorf("%v", got)
	}
}

// TestLearnOfShortPaths: a change of a place or a consumer as a whole concerns it, and one of all of them none by name.
func TestLearnOfShortPaths(t *testing.T) {
	for path, want := range map[string][2]int{"places": {3, 2}, "places.vault": {2, 2}, "consumers": {3, 2}, "consumers.api": {3, 1}} {
		c := quiet(Routine, Verified)
		c.s.Places, c.s.Uses = nil, nil
		c.r.Facts.Parts, c.sp.Parts = map[string]string{path: "1"}, map[string]string{path: "2"}
		r, _ := learn(c.sp, c.r, c.s, c.now)
		if got := [2]int{len(r.Facts.Places), len(r.Facts.Proofs)}; got != want {
			t.Errorf("%s: %d places and %d proofs are left, want %v", path, got[0], got[1], want)
		}
	}
}

// TestLearnGoesOnWithoutWhoIsNamed: of a consumer that an approval names it stands in, whatever that one shows.
func TestLearnGoesOnWithoutWhoIsNamed(t *testing.T) {
	c := quiet(Compromised, Verified)
	emergencyApproval(&c, "anna", "api")
	c.s.Uses["api"], c.s.Uses["jobs"] = UseSeen{Names: HoldsOld}, UseSeen{Names: HoldsOld}
	r, _ := learn(c.sp, c.r, c.s, c.now)
	_, jobs := r.Facts.Proofs["jobs"]
	if p := r.Facts.Proofs["api"]; p.By != "anna: abuse" || jobs {
		t.Errorf("%+v", r.Facts.Proofs)
	}
}
