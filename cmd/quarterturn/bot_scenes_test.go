package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"quarterturn/internal/crashtest"
	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// botScenes are the stories of the crash harness, and those in which other lines are printed.
func botScenes() []crashScene {
	approved := stageOptions{Age: demoAge, Amend: func(_ *stage, text string) (string, error) {
		return strings.NewReplacer("approve_revocation: none", "approve_revocation: second_person",
			`"owner@acme.example"}`, `"owner@acme.example", approvers: [bob@acme.example]}`).Replace(text), nil
	}}
	return append(crashScenes(),
		crashScene{"second person", approved, botApproved},
		crashScene{"emergency", stageOptions{Age: demoAge}, botEmergency},
		crashScene{"resume", stageOptions{Age: demoAge}, botResumed})
}

// botSecond is who approves what another person brought in.
const botSecond = "bob@acme.example"

// botApproved begins where a second person is awaited.
func botApproved(ctx context.Context, t *crashTeller) error {
	t.stop.Pause()
	if err := errors.Join(t.adopt(ctx), t.until(ctx, botAwaits("approve"))); err != nil {
		return err
	}
	t.stop.Begin()
	agree := func() error {
		_, err := t.shop.rt.Say(ctx, rotator.Saying{Credential: demoName, Kind: rotator.Approved, Who: botSecond})
		return err
	}
	err := errors.Join(t.insist(ctx, agree), t.until(ctx, cameTo(rotator.Closed)))
	if err != nil {
		return err
	}
	return t.ended(ctx, rotator.Closed, rotator.Dead, rotator.Current)
}

func botAwaits(verb string) func([]rotator.Rotation) bool {
	return func(all []rotator.Rotation) bool {
		last := chosen(all, false)
		return len(last) == 1 && strings.HasPrefix(last[0].Command, "quarterturn "+verb+" ")
	}
}

// botEmergency is the cry that the pair in use is compromised, and what follows.
func botEmergency(ctx context.Context, t *crashTeller) error {
	t.stop.Pause()
	if err := t.adopt(ctx); err != nil {
		return err
	}
	t.stop.Begin()
	cry := func() error {
		_, err := t.shop.rt.Hurry(ctx, demoName, "person", "it stood in a chat")
		return err
	}
	if err := errors.Join(t.insist(ctx, cry), t.until(ctx, cameTo(rotator.Closed))); err != nil {
		return err
	}
	return t.ended(ctx, rotator.Closed, rotator.Dead, rotator.Current)
}

// botResumed begins where the service could not be restarted three times, which somebody has mended.
func botResumed(ctx context.Context, t *crashTeller) error {
	t.stop.Pause()
	if err := botStop(ctx, t, 3); err != nil {
		return err
	}
	t.stop.Begin()
	if err := errors.Join(t.say(ctx, rotator.Saying{Kind: rotator.Resume}), t.until(ctx, cameTo(rotator.Closed))); err != nil {
		return err
	}
	t.back = 3 // deployments that failed, each with a once-key of its own
	return t.ended(ctx, rotator.Closed, rotator.Dead, rotator.Current)
}

// botStop lets so many restarts fail, until the rotation has stopped for it.
func botStop(ctx context.Context, t *crashTeller, restarts int) error {
	if err := t.adopt(ctx); err != nil {
		return err
	}
	t.service.FailRestarts(restarts)
	err := t.until(ctx, cameTo(rotator.FailedState))
	if r, rerr := t.journey(ctx); rerr != nil || r.State != rotator.FailedState {
		return errors.Join(err, rerr, errors.New("it has not stopped"))
	}
	return nil // a pass that ends stopped is an error elsewhere
}

// TestNextLineWaits: what stays broken outside of the program is waited for by name, and the ledger says so; once it is
// mended the printed lines lead to the end.
func TestNextLineWaits(t *testing.T) {
	for i, c := range []struct {
		end, why    string
		state       rotator.State
		spoil, mend func(*crashTeller)
	}{
		{"waiting for a person: resume", "failed 3 times", rotator.FailedState,
			func(t *crashTeller) { t.service.FailRestarts(1000) }, func(t *crashTeller) { t.service.FailRestarts(0) }},
		{"waiting for the vendor", "unclear", rotator.Staged,
			func(t *crashTeller) { t.vendor.Inject(sim.Fault{Times: -1, Do: sim.Unavailable}) }, func(t *crashTeller) { t.vendor.Calm() }},
	} {
		seat := botSeats()[i]
		at := crashtest.Point{Call: "put env", N: 1, At: crashtest.Unanswered}
		err := crashEndAt(t.Context(), crashFolder(t), crashScenes()[0], at, func(e crashEnd) error {
			c.spoil(e.crashTeller)
			b, err := newBot(e, seat, nil)
			if err != nil {
				return err
			}
			defer func() { _ = b.seat.Close() }()
			b.lasting, b.down = c.end, c.state == rotator.Staged
			return errors.Join(b.waits(t.Context(), seat, c.end, c.why, c.state), botMended(t.Context(), b, seat, c.mend))
		})
		if err != nil {
			t.Errorf("%s, %s: %v", c.end, seat, err)
		}
	}
}

// waits wants a bot to end where the ledger waits for a reason.
func (b *bot) waits(ctx context.Context, seat, end, why string, state rotator.State) error {
	got, err := b.drive(ctx, botFirst(seat))
	r, rerr := b.journey(ctx)
	if got != end || r.State != state || !strings.Contains(r.Why, why) {
		err = errors.Join(err, errors.New("it ended "+got+" in "+string(r.State)+": "+r.Why), errors.New(strings.Join(b.script, "\n")))
	}
	return errors.Join(err, rerr)
}

func botMended(ctx context.Context, b *bot, seat string, mend func(*crashTeller)) error {
	mend(b.crashTeller)
	b.lasting, b.down, b.repeats, b.stood, b.script = "", false, 0, map[string]int{}, nil
	b.clock.advance(time.Hour)
	end, err := b.drive(ctx, botFirst(seat))
	if end != "closed" {
		err = errors.Join(err, errors.New("mended, it ended "+end), errors.New(strings.Join(b.script, "\n")))
	}
	return err
}
