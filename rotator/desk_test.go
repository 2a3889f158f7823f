package rotator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"quarterturn/policies"
	"quarterturn/secret"
)

// desk is where people say things and messages go out: a rotator over the ledger in memory, without an outside.
type desk struct {
	t    *testing.T
	now  time.Time
	ids  int
	book *book
	rt   *Rotator
	sp   Spec
}

func newDesk(t *testing.T, change func(sp *Spec)) *desk {
	t.Helper()
	d := &desk{t: t, now: noon(), sp: quietSpec()}
	d.sp.Policy.EscalateAfter, d.sp.Policy.Remind = 48*time.Hour, []time.Duration{15 * policies.Day, 7 * policies.Day}
	d.sp.Deputy = "dora"
	if change != nil {
		change(&d.sp)
	}
	clock := func() time.Time { return d.now }
	d.book = newBook(clock)
	keys, err := secret.ParseKeys(strings.NewReader("qtf-00000001:" + strings.Repeat("5a", 32)))
	if err != nil {
		t.Fatal(err)
	}
	d.rt, err = New(Options{Ledger: d.book, Credentials: []Credential{{Spec: d.sp}}, Keys: keys, Now: clock, Owner: "a pass",
		NewID: func() string { d.ids++; return fmt.Sprintf("%016d", d.ids) }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// lay puts a rotation, and its pairs, on the desk as the quiet scene has them.
func (d *desk) lay(lane Lane, state State, change func(r *Rotation)) {
	d.t.Helper()
	c := quiet(lane, state)
	c.r.NextAt = d.now
	if change != nil {
		change(&c.r)
	}
	over := c.r.State.Over()
	if err := d.book.Open(context.Background(), c.r); err != nil {
		d.t.Fatal(err)
	}
	if d.book.keep(c.s.OldPair); c.r.New != "" && !over {
		d.book.keep(c.s.NewPair)
	}
}

// refused is the kind of a refusal, "" when there was none.
func (d *desk) refused(err error) string {
	d.t.Helper()
	var r *Refusal
	if err != nil && !errors.As(err, &r) {
		d.t.Fatalf("not a refusal: %v", err)
	}
	if r == nil {
		return ""
	}
	return r.Kind
}
