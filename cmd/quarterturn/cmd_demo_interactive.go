package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"quarterturn/intake"
	"quarterturn/rotator"
)

// demoInteractive is the demo in which the one at the terminal is the person: the portal is in their browser, and the
// very flow of rotate guides them. The story's clock stands still while they click, and jumps where they would wait.
func (a *app) demoInteractive(ctx ctxt) error {
	switch {
	case a.p.asJSON:
		return usage("demo --interactive talks with a person and has no JSON; demo --output json tells the story alone")
	case a.w.terminal == nil:
		return usage("demo --interactive talks with a person: run it at a terminal, without a pipe; demo alone needs nobody")
	}
	dir, err := os.MkdirTemp("", "quarterturn-demo-*")
	if err != nil {
		return fmt.Errorf("no temporary folder can be made: %w", err)
	}
	d := &demo{n: newNarrator(a.p)}
	d.stage, err = newStage(ctx, a.w, dir, time.Now().UTC().Truncate(time.Second).Add(-demoAge), stageOptions{Age: demoAge,
		Propagation: demoBites, Pages: true, Wiring: wiring{trail: d.heard}})
	if err == nil {
		err = errors.Join(d.guided(ctx, a), d.close())
	}
	return gone(ctx, errors.Join(err, os.RemoveAll(dir)))
}

// gone is how a demo that leaves nothing behind ends by a signal.
func gone(ctx ctxt, err error) error {
	if err != nil && (ctx.Err() != nil || errors.Is(err, intake.ErrInterrupted)) {
		return &farewell{"stopped by a signal; the demo's world and its temporary folder are gone"}
	}
	return err
}

// guided is the story with a person in it.
func (d *demo) guided(ctx ctxt, a *app) error {
	if err := d.adopt(ctx); err != nil {
		return err
	}
	d.say("You are the person. Open the portal in a browser and sign in as Ada Moss of Acme Trading:")
	d.n.p.line("")
	d.n.p.line("    %s", d.n.p.style(bold, d.pages.URL()))
	d.say("While you click, the story's clock stands still; where you would wait for hours it jumps. Do something wrong, if " +
		"you like. Ctrl-C ends everything and leaves nothing behind.")
	d.say("$ quarterturn rotate %s", demoName)
	as := *a
	as.w = d.stage.w
	if err := d.operate(ctx, &as); err != nil {
		return err
	}
	return d.farewell(ctx)
}

// operate calls rotate again and again, as a person would who comes back when they are wanted.
func (d *demo) operate(ctx ctxt, a *app) error {
	for {
		err := a.rotate(ctx, d.shop, demoName, func(s *shop) (rotator.ID, error) { return a.openOrGoOn(ctx, s, demoName) }, d.n, false)
		if err := d.answered(ctx, a, err); err != nil {
			return err
		}
		if err := d.work(ctx); err != nil {
			return err
		}
		over, err := d.between(ctx, a)
		if err != nil || over {
			return err
		}
	}
}

// answered takes what ends rotate with a command of its own, and lets the person say that word here.
func (d *demo) answered(ctx ctxt, a *app, err error) error {
	var refused *rotator.Refusal
	switch {
	case err == nil, errors.Is(err, errQuiet):
		return nil
	case !errors.As(err, &refused) || refused.Command != "quarterturn rollback "+demoName:
		return err
	}
	d.n.p.mark("STOP", "%s.", refused.Text)
	return d.wayBack(ctx, a)
}

// wayBack takes the word for which rotate ends: back to the old pair, or which key it really was.
func (d *demo) wayBack(ctx ctxt, a *app) error {
	d.n.p.mark("ask", "Type back to say \"quarterturn rollback %s\" here. If it was the old key after all, revoke that and type "+
		"its last four characters.", demoName)
	typed, err := a.ask(ctx, "        back, or last four: ")
	if err != nil || typed == "" {
		return err
	}
	said := rotator.Saying{Credential: demoName, Kind: rotator.RevokedIt, Who: a.as, Fragment: typed}
	if typed == "back" {
		said = rotator.Saying{Credential: demoName, Kind: rotator.RollBack, Who: a.as}
	}
	_, err = d.shop.rt.Say(ctx, said)
	var refused *rotator.Refusal
	if errors.As(err, &refused) {
		d.n.p.mark("STOP", "%s.", refused.Text)
		return nil
	}
	return err
}

// between lets time pass, or lets the person say the word that rotate does not ask for. It says when all is over.
func (d *demo) between(ctx ctxt, a *app) (over bool, err error) {
	r, err := d.journey(ctx)
	if err == nil && !r.State.Over() && r.Command == "" {
		r, err = d.drift(ctx)
	}
	switch {
	case err != nil || r.State.Over():
		return true, err
	case r.Command == "quarterturn rotate "+demoName, r.Command == "quarterturn revoked "+demoName:
		return false, nil
	case r.Command == "quarterturn rollback "+demoName:
		return false, d.wayBack(ctx, a)
	}
	return true, fmt.Errorf("the demo ends here: the next command would be %s", r.Command)
}

// drift moves the story's clock to when a person is wanted, or to the end.
func (d *demo) drift(ctx ctxt) (rotator.Rotation, error) {
	began := d.clock.now()
	d.say("Nobody is wanted now: passes watch, and the story's clock jumps.")
	for range 2000 {
		r, err := d.watch(ctx)
		if err != nil || r.State.Over() || r.Command != "" {
			d.say("%s have passed.", roughly(d.clock.now().Sub(began)))
			return r, err
		}
	}
	return rotator.Rotation{}, errors.New("the demo waits for something that does not come")
}

// watch is one pass at the next moment that something asks for, and a call of the service with its key.
func (d *demo) watch(ctx ctxt) (rotator.Rotation, error) {
	if _, err := d.skip(ctx); err != nil {
		return rotator.Rotation{}, err
	}
	if _, err := d.shop.rt.Pass(ctx); err != nil {
		return rotator.Rotation{}, err
	}
	r, err := d.journey(ctx)
	return r, errors.Join(err, d.work(ctx))
}

// roughly is a span in hours and minutes.
func roughly(d time.Duration) string {
	text := strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// farewell watches a dead pair to its end, and shows the evidence.
func (d *demo) farewell(ctx ctxt) error {
	r, err := d.journey(ctx)
	if err != nil {
		return err
	}
	d.n.p.line("%s is %s.", demoName, d.n.p.style(good, stateWords(r.State)))
	if r.State == rotator.Closed {
		if err := d.bury(ctx); err != nil {
			return err
		}
	}
	if _, err := d.evidence(ctx); err != nil {
		return err
	}
	d.n.p.line("")
	d.n.p.say("The service made %d calls with its key meanwhile; %d failed. The temporary folder goes with it. With a key of "+
		"your own: quarterturn init", d.calls, d.failures)
	return context.Cause(ctx)
}
