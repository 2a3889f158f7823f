package rotator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"quarterturn/notify"
	"quarterturn/policies"
)

const (
	// ClockTolerance is how far this machine's clock may be from a vendor's before no age is called fine.
	ClockTolerance = 5 * time.Minute
	// clockStep is how far a clock may be set back behind the newest event without being doubted.
	clockStep = 5 * time.Second
	// restAfter is how long a rotation that was given up is not opened again by itself, unless the key is overdue.
	restAfter = 24 * time.Hour
	// nagEvery is how often an overdue key is spoken of.
	nagEvery = 24 * time.Hour
)

// ErrRestored: the ledger is an older copy that was put back, or a new one. No pass works on it until it was reconciled
// with what places and vendor say.
var ErrRestored = errors.New("the ledger is older than the world (a backup that was put back, or a new one): nothing is decided on it " +
	"until it was reconciled with what places and vendor say")

// agenda finds what a pass has to do. When the configuration is the one taken in last and nothing is due, it is one query.
func (rt *Rotator) agenda(ctx context.Context) (Agenda, error) {
	a, err := rt.ready(ctx)
	if err != nil {
		return a, err
	}
	if a.Inventory != rt.stock {
		if err := rt.takeStock(ctx); err != nil {
			return a, err
		}
		a, err = rt.ready(ctx)
	}
	for len(a.Credentials) > 0 && err == nil && ctx.Err() == nil {
		if err = rt.judgeDue(ctx, a.Credentials); err == nil {
			a, err = rt.ready(ctx)
		}
	}
	return a, errors.Join(err, ctx.Err())
}

func (rt *Rotator) ready(ctx context.Context) (Agenda, error) {
	a, err := rt.o.Ledger.Ready(ctx, rt.now(), passLimit)
	if err == nil && a.Restored {
		err = ErrRestored
	}
	return a, err
}

// Doubt says why no age can be told: by this machine's clock, or by a ledger that was put back; "" when it can.
func (rt *Rotator) Doubt(ctx context.Context) (string, error) {
	a, err := rt.o.Ledger.Ready(ctx, rt.now(), 0)
	if a.Restored {
		return ErrRestored.Error(), err
	}
	return a.doubt(rt.now()), err
}

func (a Agenda) doubt(now time.Time) string {
	switch behind := a.Newest.Sub(now); {
	case behind > clockStep:
		return fmt.Sprintf("this machine's clock is %s behind the newest event in the ledger: no age can be told by it",
			behind.Round(time.Second))
	case a.Skew != 0:
		return fmt.Sprintf("this machine's clock is %s the vendor's: no age can be told by it", apart(a.Skew))
	}
	return ""
}

func apart(ahead time.Duration) string {
	if ahead < 0 {
		return (-ahead).Round(time.Second).String() + " ahead of"
	}
	return ahead.Round(time.Second).String() + " behind"
}

// judgeDue judges ages: it opens the rotations that are due, reminds, and says when to judge again, in one write.
func (rt *Rotator) judgeDue(ctx context.Context, names []string) error {
	items, err := rt.o.Ledger.Inventory(ctx, names...)
	if err != nil {
		return err
	}
	doubt, err := rt.Doubt(ctx)
	if err != nil {
		return err
	}
	standings, err := rt.Status(ctx, rt.known(names)...)
	if err != nil {
		return err
	}
	st := Stock{Seen: map[string]time.Time{}}
	for _, i := range items {
		st.Seen[i.Credential] = i.LookAt
		at := slices.IndexFunc(standings, func(s Standing) bool { return s.Credential == i.Credential })
		if at < 0 { // another process has another configuration: it takes stock itself
			i.LookAt = never()
			st.Items = append(st.Items, i)
			continue
		}
		if err := rt.judgeOne(ctx, i, standings[at], doubt, &st); err != nil {
			return err
		}
	}
	return rt.o.Ledger.Stock(ctx, st)
}

func (rt *Rotator) known(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { _, there := rt.creds[n]; return !there })
}

func (rt *Rotator) judgeOne(ctx context.Context, i Item, s Standing, doubt string, st *Stock) error {
	sp := rt.creds[i.Credential].Spec
	if s.Rotation == nil && doubt == "" && rt.opens(s) {
		r, err := rt.OpenNow(ctx, i.Credential, laneOf(sp), "quarterturn", s.Finding.Rule)
		if err != nil && !errors.Is(err, ErrOpen) {
			return err
		}
		s.Rotation = &r
	}
	if m, ok := rt.reminder(sp, s, &i); ok {
		st.Messages = append(st.Messages, m)
	}
	i.LookAt = rt.lookAt(sp, s, doubt)
	st.Items = append(st.Items, i)
	return nil
}

// opens: the policy asks for a rotation, and none was given up a moment ago.
func (rt *Rotator) opens(st Standing) bool {
	switch st.Finding.Level {
	case policies.Overdue:
		return st.Finding.Known || rt.now().Sub(st.GivenUp) >= restAfter
	case policies.Due:
		return st.Finding.Frozen == nil && rt.now().Sub(st.GivenUp) >= restAfter
	}
	return false
}

// lookAt is when something about a credential's age is different, if nothing happens until then.
func (rt *Rotator) lookAt(sp Spec, s Standing, doubt string) time.Time {
	now := rt.now()
	next := never()
	if at := policies.NextChange(sp.Policy, s.Current.Created, now); !at.IsZero() {
		next = at
	}
	if rest := s.GivenUp.Add(restAfter); s.Rotation == nil && rest.After(now) {
		next = earlier(next, rest)
	}
	if s.Finding.Level == policies.Overdue {
		next = earlier(next, now.Add(nagEvery))
	}
	if doubt != "" {
		next = earlier(next, now.Add(tick))
	}
	return next
}

// reminder: the age reached a step of the policy that nobody was told of. An overdue key is spoken of daily.
func (rt *Rotator) reminder(sp Spec, s Standing, i *Item) (notify.Message, bool) {
	f, now := s.Finding, rt.now()
	step := ""
	switch {
	case f.Level == policies.Overdue:
		step = "overdue " + now.Format(time.DateOnly)
	case f.Remind > 0:
		step = f.Deadline.Format(time.DateOnly) + " " + f.Remind.String()
	}
	if step == "" || step == i.Reminded {
		return notify.Message{}, false
	}
	i.Reminded = step
	m := rt.message(sp, notify.Reminder, "")
	m.What, m.Command = "the key is "+f.Rule+left(f), s.Command
	if !f.Known {
		m.What = f.Rule
	}
	if s.Rotation != nil {
		m.Rotation = string(s.Rotation.ID)
		m.What += "; its rotation is " + words(s.Rotation.State)
		m.Broken = s.Rotation.Facts.Told.Broken
	}
	if m.Command == "" {
		m.Command = "quarterturn status " + sp.Credential
	}
	return m, true
}

func left(f policies.Finding) string {
	switch {
	case f.Level == policies.Overdue:
		return ""
	case f.DaysLeft == 1:
		return "; 1 day is left"
	}
	return fmt.Sprintf("; %d days are left", f.DaysLeft)
}
