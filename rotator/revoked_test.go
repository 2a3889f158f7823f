package rotator

import (
	"strings"
	"testing"
	"time"
)

// I-1: a place is lost just after somebody said that the old pair was revoked. The request is withdrawn, and still nothing
// leads back to the old pair while it may be dying; once the vendor accepts it after twice the propagation time, it does.
func TestAWithdrawnRequestDoesNotOpenTheWayBack(t *testing.T) {
	c := quiet(Routine, AwaitingRevocation)
	alive(&c)
	toldRevoked("OLD1", time.Minute)(&c)
	c.see("vault", HoldsForeign)
	c.goOn(t, Staged)
	c.s.New, c.s.Old = accepted(), accepted()
	c.wish(WishRollback, "sam")
	if m := c.move(); !strings.Contains(m.Deny, "was revoked, as sam said, and may stop working until 2026-03-02 12:19 UTC") {
		t.Fatalf("while it may be dying: %+v", m)
	}
	c.now = c.now.Add(19 * time.Minute)
	c.s.Old.At = c.now
	c.goOn(t, RollingBack)
}

// I-1: the same where the new pair was lost on the way, so that another key is awaited.
func TestTheWayBackStaysShutWhenTheNewPairIsLost(t *testing.T) {
	c := quiet(Routine, AwaitingRevocation)
	alive(&c)
	toldRevoked("OLD1", time.Minute)(&c)
	c.s.NewHeld, c.s.NewOpen, c.s.New = false, false, nil
	c.goOn(t, AwaitingKey)
	c.s.NewPair = Pair{}
	c.wish(WishRollback, "sam")
	if m := c.move(); !strings.Contains(m.Deny, "was revoked, as sam said") {
		t.Fatalf("while it may be dying: %+v", m)
	}
	c.r.Facts.Wish, c.s.Orphans, c.s.Live = "", orphans(), 2
	if m := c.move(); m.Command != "quarterturn rotate bluum" {
		t.Fatalf("the vendor has room once the old pair is dead: %+v", m)
	}
}

// TestLearnWhatWasSaidOfARevocation: how long it stands.
func TestLearnWhatWasSaidOfARevocation(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state State
		given func(c *scene)
		keeps bool
	}{
		{"the old pair may be dying", Staged, toldRevoked("OLD1", 20*time.Minute-time.Second), true},
		{"no characters were typed", Staged, toldRevoked("", time.Minute), true},
		{"it is accepted when its death could have been proven", Staged, toldRevoked("OLD1", 20*time.Minute), false},
		{"the same, and what the vendor said is older", Staged, func(c *scene) {
			toldRevoked("OLD1", 20*time.Minute)(c)
			c.s.Old.At = ago(time.Second)
		}, true},
		{"it is refused", Staged, func(c *scene) { toldRevoked("OLD1", time.Hour)(c); c.s.Old = refused() }, true},
		{"whether it lives is unclear", Staged, func(c *scene) { toldRevoked("OLD1", time.Hour)(c); c.s.Old = unclear() }, true},
		{"it was about another key", Staged, toldRevoked("NEW1", time.Minute), false},
		{"the request stands", AwaitingRevocation, func(c *scene) { alive(c); toldRevoked("OLD1", time.Hour)(c) }, true},
		{"the request stands, and it was about another key", AwaitingRevocation, toldRevoked("NEW1", time.Minute), true},
		{"the death is proven", RevocationProven, func(c *scene) { alive(c); toldRevoked("OLD1", time.Hour)(c) }, true},
	} {
		c := quiet(Routine, tt.state)
		tt.given(&c)
		if r, _ := learn(c.sp, c.r, c.s, c.now); (r.Facts.Revoked != nil) != tt.keeps {
			t.Errorf("%s: kept %v", tt.name, !tt.keeps)
		}
	}
}

// move takes in what is seen, as a pass does, and decides.
func (c *scene) move() Move {
	c.r, _ = learn(c.sp, c.r, c.s, c.now)
	return decide(c.sp, c.r, c.s, c.now)
}

// goOn makes the next move, which must lead to the state.
func (c *scene) goOn(t *testing.T, to State) {
	t.Helper()
	m := c.move()
	if m.To != to {
		t.Fatalf("%s leads not to %s: %+v", c.r.State, to, m)
	}
	c.r = apply(c.r, m, c.now)
}
