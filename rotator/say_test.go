package rotator

import (
	"context"
	"testing"
	"time"
)

// saying is one line: what is said about which rotation, and the kind of the refusal, "" when the word is taken.
type saying struct {
	name   string
	lane   Lane
	state  State
	given  func(r *Rotation)
	spec   func(sp *Spec)
	says   Saying
	kind   string
	stored func(w Word) bool // of the word that was taken
}

func TestSayOfTheLanes(t *testing.T) {
	all, later := []string{"api", "jobs"}, noon().Add(time.Hour)
	byAnna := func(r *Rotation) { r.Facts.SubmittedBy = "Anna" }
	awaited := func(since time.Duration) func(r *Rotation) {
		return func(r *Rotation) {
			byAnna(r)
			r.Facts.Told = Told{Command: "quarterturn approve bluum", Since: ago(since)}
		}
	}
	noKey := func(r *Rotation) { r.New, r.Facts.SubmittedBy = "", "" }
	replaces := func(sp *Spec) { sp.Profile.Lifecycle = string(Replace) }
	approve := func(s Saying) Saying {
		s.Kind = Approved
		if s.Who == "" {
			s.Who = "anna"
		}
		return s
	}
	lines := []saying{
		{name: "who is no approver", lane: Compromised, state: Verified, says: approve(Saying{Who: "eve"}), kind: "no_approver"},
		{name: "there is no pair to approve yet", lane: Compromised, state: AwaitingKey, given: noKey, says: approve(Saying{}), kind: "too_early"},
		{name: "a second person", lane: Compromised, state: Verified, says: approve(Saying{}), stored: func(w Word) bool { return !w.Alone && w.Spec == "spec 1" }},
		{name: "the same person, routinely", lane: Routine, state: Verified, given: awaited(time.Hour), says: approve(Saying{Text: "nobody is there"}), kind: "same_person"},
		{name: "the same person in an emergency, at once", lane: Compromised, state: Verified, given: byAnna, says: approve(Saying{Text: "nobody is there"}), kind: "same_person"},
		{name: "a second too early", lane: Compromised, state: Verified, given: awaited(loneAfter - time.Second), says: approve(Saying{Text: "nobody is there"}), kind: "same_person"},
		{name: "somebody was awaited for something else", lane: Compromised, state: Verified, says: approve(Saying{Text: "nobody is there"}), kind: "same_person",
			given: func(r *Rotation) {
				byAnna(r)
				r.Facts.Told = Told{Command: "quarterturn rotate bluum", Since: ago(time.Hour)}
			}},
		{name: "alone without a reason", lane: Compromised, state: Verified, given: awaited(loneAfter), says: approve(Saying{Text: " "}), kind: "reasonless"},
		{name: "alone with a reason", lane: Compromised, state: Verified, given: awaited(loneAfter), says: approve(Saying{Text: "nobody is there"}),
			stored: func(w Word) bool { return w.Alone }},
		{name: "alone, naming a consumer", lane: Compromised, state: Redeployed, given: awaited(loneAfter), says: approve(Saying{Text: "abuse", Consumers: all[:1]}),
			stored: func(w Word) bool { return w.Alone && len(w.Consumers) == 1 }},
		{name: "alone and too early, naming a consumer", lane: Compromised, state: Redeployed, given: byAnna,
			says: approve(Saying{Text: "abuse", Consumers: all[:1]}), kind: "same_person"},
		{name: "a consumer nobody knows", lane: Compromised, state: Redeployed, says: approve(Saying{Text: "abuse", Consumers: []string{"nobody"}}), kind: "unknown_target"},
		{name: "consumers without a reason", lane: Compromised, state: Redeployed, says: approve(Saying{Consumers: all}), kind: "reasonless"},
		{name: "consumers where there is no emergency", lane: Routine, state: Redeployed, says: approve(Saying{Text: "slow", Consumers: all}), kind: "no_emergency"},
		{name: "who fails while a key is created that ends the old one", lane: Compromised, state: DueState, spec: replaces,
			says: approve(Saying{Text: "abuse", Consumers: all}), stored: func(w Word) bool { return !w.Alone }},
		{name: "a window where none is needed", lane: Routine, state: DueState, says: approve(Saying{Text: "night", Consumers: all, From: noon(), To: later}), kind: "no_window"},
		{name: "a window", lane: Replace, state: DueState, spec: replaces, says: approve(Saying{Text: "night", Consumers: all, From: noon(), To: later}),
			stored: func(w Word) bool { return w.To.Equal(later) && w.Spec == "spec 1" }},
		{name: "a window without a reason", lane: Replace, state: DueState, spec: replaces, says: approve(Saying{Consumers: all, From: noon(), To: later}), kind: "reasonless"},
		{name: "a window that names too few", lane: Replace, state: DueState, spec: replaces, says: approve(Saying{Text: "night", Consumers: all[:1], From: noon(), To: later}), kind: "unnamed"},
		{name: "a window that is over", lane: Replace, state: DueState, spec: replaces, says: approve(Saying{Text: "night", Consumers: all, From: ago(time.Hour), To: noon()}), kind: "window"},
		{name: "a window that ends before it begins", lane: Replace, state: DueState, spec: replaces, says: approve(Saying{Text: "night", Consumers: all, From: later.Add(1), To: later}), kind: "window"},
		{name: "a window of more than a day", lane: Replace, state: DueState, spec: replaces, says: approve(Saying{Text: "night", Consumers: all, From: noon(), To: noon().Add(25 * time.Hour)}), kind: "window"},
		{name: "rollback to a compromised pair", lane: Compromised, state: Staged, says: Saying{Kind: RollBack, Who: "sam"}, kind: "compromised"},
		{name: "rollback to a pair that was replaced", lane: Replace, state: Staged, spec: replaces, says: Saying{Kind: RollBack, Who: "sam"}, kind: "replaced"},
		{name: "rollback of a retirement", lane: Retire, state: AwaitingRevocation, says: Saying{Kind: RollBack, Who: "sam"}, kind: "nothing_written"},
		{name: "abandoning after a write in an emergency", lane: Compromised, state: Staged, says: Saying{Kind: Abandon, Who: "sam"}, kind: "third_key"},
		{name: "abandoning where the new pair ends the old one", lane: Replace, state: Received, spec: replaces, says: Saying{Kind: Abandon, Who: "sam"}, kind: "replaced"},
		{name: "abandoning a retirement", lane: Retire, state: AwaitingRevocation, says: Saying{Kind: Abandon, Who: "sam"}, stored: func(Word) bool { return true }},
		{name: "the key in use was revoked in an emergency: no way back is named", lane: Compromised, state: AwaitingRevocation,
			says: Saying{Kind: RevokedIt, Who: "sam", Fragment: "NEW1"}, kind: "wrong_key"},
		{name: "nameless", lane: Compromised, state: Staged, says: Saying{Kind: RollBack}, kind: "nameless"},
	}
	for _, l := range lines {
		t.Run(l.name, func(t *testing.T) { l.check(t) })
	}
}

func (l saying) check(t *testing.T) {
	d := newDesk(t, l.spec)
	d.lay(l.lane, l.state, l.given)
	l.says.Credential = "bluum"
	w, err := d.rt.Say(context.Background(), l.says)
	if kind := d.refused(err); kind != l.kind {
		t.Fatalf("refused as %q, want %q: %v", kind, l.kind, err)
	}
	if recorded := len(d.book.words) == 1; recorded != (l.kind == "" || l.kind == "wrong_key") {
		t.Fatalf("recorded: %v", recorded)
	}
	if l.stored != nil && !l.stored(w) {
		t.Errorf("the word is %+v", w)
	}
}

// An approval that was given alone is reviewed once, by somebody else who may approve.
func TestReview(t *testing.T) {
	d, ctx := newDesk(t, nil), context.Background()
	review := func(who string) string {
		_, err := d.rt.Say(ctx, Saying{Credential: "bluum", Kind: Reviewed, Who: who})
		return d.refused(err)
	}
	if kind := review("ben"); kind != "nothing" {
		t.Fatalf("nothing waits for a review, and it is %q", kind)
	}
	d.lay(Compromised, Closed, func(r *Rotation) {
		r.Facts.Lone = &Word{Seq: 0, Kind: Approved, Who: "anna", Alone: true, Text: "nobody is there"}
	})
	for _, c := range []struct{ who, kind string }{{"Anna", "same_person"}, {"eve", "no_approver"}, {"ben", ""}, {"ben", "nothing"}} {
		if kind := review(c.who); kind != c.kind {
			t.Fatalf("%s reviews: refused as %q, want %q", c.who, kind, c.kind)
		}
	}
}

func TestOpenNowOnARetiredCredential(t *testing.T) {
	d := newDesk(t, nil)
	d.book.items["bluum"] = Item{Credential: "bluum", State: Retired}
	for _, lane := range []Lane{Routine, Compromised, Retire} {
		if _, err := d.rt.OpenNow(context.Background(), "bluum", lane, "sam", "by name"); d.refused(err) != "retired" {
			t.Errorf("%s: %v", lane, err)
		}
	}
	if _, err := d.rt.Hurry(context.Background(), "bluum", "sam", "seen in a log"); d.refused(err) != "retired" || len(d.book.order) > 0 {
		t.Errorf("hurry: %v, %v", err, d.book.order)
	}
}

func TestRetire(t *testing.T) {
	d, ctx := newDesk(t, nil), context.Background()
	if _, err := d.rt.Retire(ctx, "bluum", "sam", " "); d.refused(err) != "reasonless" {
		t.Fatalf("without a reason: %v", err)
	}
	r, err := d.rt.Retire(ctx, "bluum", "sam", "the vendor is left")
	if err != nil || r.Lane != Retire || r.State != DueState {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := d.rt.Retire(ctx, "bluum", "sam", "again"); d.refused(err) != "open" {
		t.Fatalf("a second one: %v", err)
	}
}

func TestHurry(t *testing.T) {
	ctx := context.Background()
	t.Run("none is open: one is opened, with the pair in use as the old one", func(t *testing.T) {
		d := newDesk(t, nil)
		d.book.keep(oldPair())
		r, err := d.rt.Hurry(ctx, "bluum", "eve", "seen in a log")
		if err != nil || r.Lane != Compromised || r.Old != oldID || len(d.book.words) != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
	})
	t.Run("one is open: it is told", func(t *testing.T) {
		d := newDesk(t, nil)
		d.lay(Routine, Staged, nil)
		if r, err := d.rt.Hurry(ctx, "bluum", "eve", "seen in a log"); err != nil || r.ID != "rot" {
			t.Fatalf("%+v, %v", r, err)
		}
		if len(d.book.words) != 1 || d.book.words[0].Kind != Compromise || d.book.words[0].Rotation != "rot" {
			t.Fatalf("said: %+v", d.book.words)
		}
	})
	t.Run("it is rotated as compromised already: nothing is opened twice", func(t *testing.T) {
		d := newDesk(t, nil)
		d.lay(Compromised, Staged, nil)
		if r, err := d.rt.Hurry(ctx, "bluum", "eve", "seen in a log"); err != nil || r.ID != "rot" || len(d.book.words)+len(d.book.order) != 1 {
			t.Fatalf("%+v, %v, %v", r, err, d.book.words)
		}
	})
}

// What takes over knows which pair is the compromised one, and who brought the unfinished one in.
func TestHurriedTakesOver(t *testing.T) {
	d := newDesk(t, nil)
	word := &Word{Kind: Compromise, Who: "eve"}
	take := func(lane Lane, state State, change func(c *scene)) Rotation {
		c := quiet(lane, state)
		if change != nil {
			change(&c)
		}
		c.r.Facts.WishWord = word
		return d.rt.hurried(c.r, c.s)
	}
	if h := take(Routine, Staged, nil); h.Old != oldID || h.Facts.SubmittedBy != "sam" || h.Lane != Compromised || h.Facts.Wrote {
		t.Errorf("staged: %+v", h)
	}
	if h := take(Routine, AwaitingRevocation, nil); h.Old != newID || h.Facts.SubmittedBy != "" {
		t.Errorf("the new pair is in use: %+v", h)
	}
	if h := take(Routine, Verified, func(c *scene) { c.firstUse() }); h.Old != newID {
		t.Errorf("a first key: %+v", h)
	}
}

// In an emergency with a full vendor the unfinished pair is gone on with where a place holds it: also where nobody can see that.
func TestAnOrphanThatNobodySeesMayBeInPlace(t *testing.T) {
	for _, c := range []struct{ used, readable, want bool }{{true, false, true}, {false, false, false}, {true, true, false}} {
		d := newDesk(t, func(sp *Spec) {
			for i := range sp.Places {
				sp.Places[i].Readable = c.readable
			}
		})
		d.lay(Burial, AwaitingRevocation, func(r *Rotation) { r.Facts.Used = c.used })
		var s Seen
		orphan := oldPair()
		orphan.Life = Orphan
		if err := newLooker(d.rt, d.rt.creds["bluum"]).orphans(context.Background(), []Pair{orphan}, &s); err != nil {
			t.Fatal(err)
		}
		if s.Orphans[0].InPlace != c.want || !s.Orphans[0].Sealed {
			t.Errorf("used %v, places that can be read %v: %+v", c.used, c.readable, s.Orphans[0])
		}
	}
}
