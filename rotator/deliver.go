package rotator

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"quarterturn/notify"
)

const (
	parcelLimit = 200           // messages one delivery takes up
	parcelTries = 12            // before a channel that fails is left out: more than two days
	parcelEvery = 6 * time.Hour // between two tries, at the most
)

// Channel is one way to reach people, and the kinds of message that go that way; none: all.
type Channel struct {
	To   notify.Notifier
	Only []notify.Kind
}

// Delivery is what one delivery did.
type Delivery struct {
	Sent     int
	Waiting  int               // tried again later
	Troubles map[string]string // by channel: why the last message did not go
}

// Deliver sends what waits in the outbox to every channel that has not had it: at least once, also across a crash. A
// channel that fails stops no other. The error is the ledger's.
func (rt *Rotator) Deliver(ctx context.Context, channels map[string]Channel) (Delivery, error) {
	d := Delivery{Troubles: map[string]string{}}
	parcels, err := rt.o.Ledger.Outbox(ctx, rt.now(), parcelLimit)
	if err != nil {
		return d, err
	}
	for _, p := range parcels {
		if ctx.Err() != nil {
			return d, ctx.Err()
		}
		if err := rt.send(ctx, p, channels, &d); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (rt *Rotator) send(ctx context.Context, p Parcel, channels map[string]Channel, d *Delivery) error {
	p.Trouble = ""
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		if slices.Contains(p.Done, name) {
			continue
		}
		c := channels[name]
		err := error(nil)
		if len(c.Only) == 0 || slices.Contains(c.Only, p.Message.Kind) {
			if err = c.To.Send(ctx, p.Message); err == nil {
				d.Sent++
			}
		}
		if err == nil || errors.Is(err, notify.ErrRefused) {
			p.Done = append(p.Done, name)
		}
		if err != nil {
			p.Trouble = err.Error()
			d.Troubles[name] = err.Error()
			p.NextAt = later(p.NextAt, rt.again(p, err))
		}
	}
	p.Tries++
	p.Over = len(missing(p, channels)) == 0 || p.Tries >= parcelTries
	if !p.Over {
		d.Waiting++
	}
	return rt.o.Ledger.Posted(ctx, p)
}

func missing(p Parcel, channels map[string]Channel) []string {
	var names []string
	for name := range channels {
		if !slices.Contains(p.Done, name) {
			names = append(names, name)
		}
	}
	return names
}

// again is when to try once more: soon at first, later and later, or when the receiver said.
func (rt *Rotator) again(p Parcel, err error) time.Time {
	var d due
	if errors.As(err, &d) && d.Due().After(rt.now()) {
		return d.Due()
	}
	return rt.now().Add(min(soon<<min(p.Tries, 10), parcelEvery))
}
