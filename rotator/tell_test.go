package rotator

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/notify"
	"quarterturn/policies"
)

// claim is a pass at its end: what it leaves on the row, and what it saw broken.
func (d *desk) claim(lane Lane, state State, command, broken string, told Told) *work {
	c := quiet(lane, state)
	c.r.Command, c.r.Why, c.r.Facts.Told = command, "the reason", told
	return &work{rt: d.rt, r: c.r, l: newLooker(d.rt, d.rt.creds["bluum"]), out: &Outcome{Broken: broken}}
}

// heard is what a message tells whom.
type heard struct {
	Kind      notify.Kind
	To        []string
	Escalated bool
}

func TestNews(t *testing.T) {
	const revoke, approve = "quarterturn revoked bluum", "quarterturn approve bluum"
	since := func(command string, before time.Duration) Told { return Told{Command: command, Since: ago(before)} }
	broken := Told{Broken: "every consumer", State: Staged}
	cases := []struct {
		name            string
		lane            Lane
		state           State
		command, broken string
		told            Told
		want            []heard
		after           Told
	}{
		{"somebody is awaited: the owner hears of it", Routine, AwaitingRevocation, revoke, "", Told{},
			[]heard{{notify.Waits, []string{"olga"}, false}}, since(revoke, 0)},
		{"an approval is awaited: the approvers hear of it too", Routine, Verified, approve, "", Told{},
			[]heard{{notify.Waits, []string{"olga", "anna", "ben"}, false}}, since(approve, 0)},
		{"once for each thing", Routine, AwaitingRevocation, revoke, "", since(revoke, time.Hour), nil, since(revoke, time.Hour)},
		{"something else is awaited: told anew", Routine, AwaitingRevocation, revoke, "", since(approve, time.Hour),
			[]heard{{notify.Waits, []string{"olga"}, false}}, since(revoke, 0)},
		{"nobody is awaited any more", Routine, Verified, "", "", since(approve, time.Hour), nil, Told{Since: ago(time.Hour)}},
		{"a moment before others are told", Routine, AwaitingRevocation, revoke, "", since(revoke, 48*time.Hour-time.Second), nil,
			since(revoke, 48*time.Hour-time.Second)},
		{"nothing happened for two days: others are told", Routine, AwaitingRevocation, revoke, "", since(revoke, 48*time.Hour),
			[]heard{{notify.Waits, []string{"olga", "dora", "anna", "ben"}, true}}, Told{Command: revoke, Since: ago(48 * time.Hour), Escalated: true}},
		{"they were told", Routine, AwaitingRevocation, revoke, "", Told{Command: revoke, Since: ago(72 * time.Hour), Escalated: true}, nil,
			Told{Command: revoke, Since: ago(72 * time.Hour), Escalated: true}},
		{"an emergency waits an hour", Compromised, AwaitingRevocation, revoke, "", since(revoke, time.Hour),
			[]heard{{notify.Waits, []string{"olga", "dora", "anna", "ben"}, true}}, Told{Command: revoke, Since: ago(time.Hour), Escalated: true}},
		{"what is broken waits an hour as well", Routine, Staged, revoke, "every consumer", Told{Command: revoke, Since: ago(time.Hour), Broken: "every consumer", State: Staged},
			[]heard{{notify.Waits, []string{"olga", "dora", "anna", "ben"}, true}},
			Told{Command: revoke, Since: ago(time.Hour), Escalated: true, Broken: "every consumer", State: Staged}},
		{"something broke: the deputy hears of it too", Routine, Staged, "", "every consumer", Told{},
			[]heard{{notify.Broken, []string{"olga", "dora"}, false}}, broken},
		{"it is still broken", Routine, Staged, "", "every consumer", broken, nil, broken},
		{"it is mended", Routine, Staged, "", "", broken, []heard{{notify.Mended, []string{"olga", "dora"}, false}}, Told{}},
		{"it has merely left the state in which that was seen", Routine, Distributed, "", "", broken, nil, broken},
		{"it is over", Routine, Closed, "", "", Told{}, []heard{{notify.Closed, []string{"olga"}, false}}, Told{}},
		{"the end of a burial is no news", Burial, Closed, "", "", Told{}, nil, Told{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newDesk(t, nil).claim(c.lane, c.state, c.command, c.broken, c.told)
			var got []heard
			for _, m := range w.news() {
				got = append(got, heard{m.Kind, m.To, m.Escalated})
				if m.What != "the reason" || m.Credential != "bluum" || m.Rotation != "rot" || m.Command != c.command {
					t.Errorf("the message is %+v", m)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("who hears what (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.after, w.r.Facts.Told); diff != "" {
				t.Errorf("what is remembered (-want +got):\n%s", diff)
			}
		})
	}
}

// ---- ages ----------------------------------------------------------------------------------------------------

// aged is a desk with one pair of that age, which the inventory has just listed.
func aged(t *testing.T, age time.Duration, change func(sp *Spec)) *desk {
	d := newDesk(t, change)
	p := oldPair()
	p.Created = ago(age)
	d.book.keep(p)
	if err := d.rt.takeStock(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) judge() Item {
	d.t.Helper()
	if err := d.rt.judgeDue(context.Background(), []string{"bluum"}); err != nil {
		d.t.Fatal(err)
	}
	return d.book.items["bluum"]
}

func TestJudgeDue(t *testing.T) {
	const day = policies.Day
	freeze := func(sp *Spec) {
		sp.Policy.Freezes = []policies.Freeze{{From: ago(day), To: noon().Add(day), Reason: "holidays"}}
	}
	replaces := func(sp *Spec) { sp.Profile.Lifecycle = string(Replace) }
	cases := []struct {
		name    string
		age     time.Duration
		change  func(sp *Spec)
		given   func(d *desk)
		opens   Lane // "" opens nothing
		reminds bool
		lookIn  time.Duration
	}{
		{"fresh: looked at when it is due", 10 * day, nil, nil, "", false, 65 * day},
		{"due: a rotation opens, and the first reminder goes out", 75 * day, nil, nil, Routine, true, 8 * day},
		{"due, where creating a key ends the old one", 75 * day, replaces, nil, Replace, true, 8 * day},
		{"due and frozen: nothing opens until the freeze ends", 76 * day, freeze, nil, "", true, day},
		{"overdue: spoken of daily, also in a freeze", 91 * day, freeze, nil, Routine, true, day},
		{"one is open: no other opens", 75 * day, nil, func(d *desk) { d.lay(Routine, Staged, func(r *Rotation) { r.New = "" }); d.rejuvenate(75 * day) }, "", true, 8 * day},
		{"one was abandoned an hour ago: it rests", 75 * day, nil, func(d *desk) {
			d.lay(Routine, Abandoned, func(r *Rotation) { r.New, r.EnteredAt = "", ago(time.Hour) })
			d.rejuvenate(75 * day)
		}, "", true, 23 * time.Hour},
		{"one was abandoned an hour ago, and the key is overdue: no rest", 91 * day, nil, func(d *desk) {
			d.lay(Routine, Abandoned, func(r *Rotation) { r.New, r.EnteredAt = "", ago(time.Hour) })
			d.rejuvenate(91 * day)
		}, Routine, true, day},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := aged(t, c.age, c.change)
			if c.given != nil {
				c.given(d)
			}
			before := len(d.book.order)
			item := d.judge()
			var opened Lane
			for _, id := range d.book.order[before:] {
				opened += d.book.rows[id].r.Lane
			}
			if in := item.LookAt.Sub(d.now); opened != c.opens || in != c.lookIn || (len(d.book.outbox) == 1) != c.reminds {
				t.Errorf("opened %q, looks again in %s, messages %+v", opened, in, d.book.outbox)
			}
		})
	}
}

// rejuvenate gives the pair in use its age back, which laying a scene out has changed.
func (d *desk) rejuvenate(age time.Duration) {
	p := oldPair()
	p.Created = d.now.Add(-age)
	d.book.keep(p)
}

func TestARemindersStepIsToldOnce(t *testing.T) {
	const day = policies.Day
	d := aged(t, 75*day, nil)
	d.judge()
	d.judge()
	d.now = d.now.Add(8 * day) // seven days are left
	d.judge()
	d.now = d.now.Add(8 * day) // overdue since yesterday
	d.judge()
	d.judge()
	var told []string
	for _, p := range d.book.outbox {
		told = append(told, p.Message.What)
		if p.Message.Kind != notify.Reminder || p.Message.Command == "" || !slices.Equal(p.Message.To, []string{"olga"}) {
			t.Errorf("the message is %+v", p.Message)
		}
	}
	if len(told) != 3 {
		t.Errorf("told %q, want one for each of three steps", told)
	}
}

// ---- delivery ------------------------------------------------------------------------------------------------

// line is a channel that answers as it is told, and keeps what went through.
type line struct {
	err  error
	sent []string
}

func (l *line) Send(_ context.Context, m notify.Message) error {
	if l.err == nil {
		l.sent = append(l.sent, m.ID)
	}
	return l.err
}

// laterErr is a receiver that says when to try again.
type laterErr struct{ at time.Time }

func (laterErr) Error() string    { return "busy" }
func (e laterErr) Due() time.Time { return e.at }

func (d *desk) deliver(channels map[string]Channel) Delivery {
	d.t.Helper()
	got, err := d.rt.Deliver(context.Background(), channels)
	if err != nil {
		d.t.Fatal(err)
	}
	return got
}

func (d *desk) message(kind notify.Kind) {
	d.book.post([]notify.Message{d.rt.message(d.sp, kind, "rot")})
}

func TestDeliver(t *testing.T) {
	t.Run("a channel that fails stops no other, and gets it later", func(t *testing.T) {
		d, mail, chat := newDesk(t, nil), &line{}, &line{err: errors.New("no connection")}
		channels := map[string]Channel{"mail": {To: mail}, "chat": {To: chat}}
		d.message(notify.Waits)
		if got := d.deliver(channels); got.Sent != 1 || got.Waiting != 1 || got.Troubles["chat"] != "no connection" {
			t.Fatalf("%+v", got)
		}
		if got := d.deliver(channels); got.Sent+got.Waiting != 0 {
			t.Fatalf("it is not time yet: %+v", got)
		}
		chat.err, d.now = nil, d.now.Add(time.Minute)
		if got := d.deliver(channels); got.Sent != 1 || got.Waiting != 0 || len(mail.sent) != 1 || !slices.Equal(mail.sent, chat.sent) {
			t.Fatalf("%+v, mail %v, chat %v", got, mail.sent, chat.sent)
		}
		d.now = d.now.Add(parcelEvery)
		if got := d.deliver(channels); got.Sent != 0 {
			t.Fatalf("it is sent twice: %+v", got)
		}
	})
	t.Run("only the kinds that go that way", func(t *testing.T) {
		d, pager := newDesk(t, nil), &line{}
		d.message(notify.Reminder)
		d.message(notify.Broken)
		got := d.deliver(map[string]Channel{"pager": {To: pager, Only: []notify.Kind{notify.Broken}}})
		if got.Sent != 1 || got.Waiting != 0 || !d.book.outbox[0].Over {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("refused for good: not tried again", func(t *testing.T) {
		d, chat := newDesk(t, nil), &line{err: notify.ErrRefused}
		d.message(notify.Waits)
		if got := d.deliver(map[string]Channel{"chat": {To: chat}}); got.Waiting != 0 || got.Troubles["chat"] == "" || !d.book.outbox[0].Over {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("when the receiver says", func(t *testing.T) {
		d, chat := newDesk(t, nil), &line{err: laterErr{noon().Add(3 * time.Hour)}}
		d.message(notify.Waits)
		d.deliver(map[string]Channel{"chat": {To: chat}})
		if at := d.book.outbox[0].NextAt; !at.Equal(noon().Add(3 * time.Hour)) {
			t.Fatalf("again at %s", at)
		}
	})
	t.Run("a channel that always fails is left out in the end, later and later", func(t *testing.T) {
		d, chat := newDesk(t, nil), &line{err: errors.New("no connection")}
		d.message(notify.Waits)
		tries, wait := 0, time.Duration(0)
		for !d.book.outbox[0].Over && tries < 100 {
			d.deliver(map[string]Channel{"chat": {To: chat}})
			next := d.book.outbox[0].NextAt.Sub(d.now)
			if !d.book.outbox[0].Over && (next < wait || next > parcelEvery) {
				t.Fatalf("try %d: again in %s after %s", tries, next, wait)
			}
			wait, d.now, tries = next, d.now.Add(max(next, time.Second)), tries+1
		}
		if tries != parcelTries || len(chat.sent) != 0 {
			t.Fatalf("%d tries", tries)
		}
	})
	t.Run("no channel: nothing waits for ever", func(t *testing.T) {
		d := newDesk(t, nil)
		d.message(notify.Waits)
		if got := d.deliver(nil); got.Waiting != 0 || !d.book.outbox[0].Over {
			t.Fatalf("%+v", got)
		}
	})
}

// A message is part of the record that makes it true, and waits in the outbox from then on.
func TestNewsGoesIntoTheOutbox(t *testing.T) {
	d := newDesk(t, nil)
	d.lay(Routine, AwaitingRevocation, nil)
	r, err := d.book.Claim(context.Background(), "rot", "a pass", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	w := &work{rt: d.rt, r: r, l: newLooker(d.rt, d.rt.creds["bluum"]), out: &Outcome{}}
	m := Move{Next: noon().Add(72 * time.Hour), Why: "both keys work; revoke it", Command: "quarterturn revoked bluum"}
	if err := w.wait(context.Background(), m, nil); err != nil {
		t.Fatal(err)
	}
	if len(d.book.outbox) != 1 || d.book.outbox[0].Message.Command != m.Command {
		t.Fatalf("the outbox has %+v", d.book.outbox)
	}
	if at := d.book.rows["rot"].r.NextAt; !at.Equal(noon().Add(48 * time.Hour)) {
		t.Errorf("the next look is at %s, and others are to be told before", at)
	}
}
