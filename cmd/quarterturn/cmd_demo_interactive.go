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
		err := a.rotate(ctx, d.shop, demoName, rotator.Routine, d.n, false)
		if err != nil && !errors.Is(err, errQuiet) {
			return err
		}
		if err := d.work(ctx); err != nil {
			return err
		}
		r, err := d.journey(ctx)
		if err != nil || r.State.Over() {
			return err
		}
		if err := d.between(ctx, a, r); err != nil {
			return err
		}
	}
}

// between lets time pass, or lets the person say the word that rotate does not ask for.
func (d *demo) between(ctx ctxt, a *app, r rotator.Rotation) error {
	switch r.Command {
	case "":
		return d.drift(ctx)
	case "quarterturn rotate " + demoName, "quarterturn revoked " + demoName:
		return nil
	case "quarterturn rollback " + demoName:
		if _, err := a.ask(ctx, "        Enter says that here: "); err != nil {
			return err
		}
		_, err := d.shop.rt.Say(ctx, rotator.Saying{Credential: demoName, Kind: rotator.RollBack, Who: a.as})
		return err
	}
	return fmt.Errorf("the demo ends here: the next command would be %s", r.Command)
}

// drift moves the story's clock to when a person is wanted, or to the end.
func (d *demo) drift(ctx ctxt) error {
	began := d.clock.now()
	for range 2000 {
		if _, err := d.skip(ctx); err != nil {
			return err
		}
		if _, err := d.shop.rt.Pass(ctx); err != nil {
			return err
		}
		r, err := d.journey(ctx)
		if err := errors.Join(err, d.work(ctx)); err != nil {
			return err
		}
		if r.State.Over() || r.Command != "" {
			d.say("The story's clock has jumped by %s; passes looked meanwhile.", roughly(d.clock.now().Sub(began)))
			return nil
		}
	}
	return errors.New("the demo waits for something that does not come")
}

// roughly is a span in hours and minutes.
func roughly(d time.Duration) string {
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// farewell watches a dead pair to its end, and shows the evidence.
func (d *demo) farewell(ctx ctxt) error {
	r, err := d.journey(ctx)
	if err != nil {
		return err
	}
	if r.State == rotator.Closed {
		if err := d.bury(ctx); err != nil {
			return err
		}
	}
	if _, err := d.evidence(ctx); err != nil {
		return err
	}
	d.n.p.line("")
	d.n.p.say("The service made %d calls with its key meanwhile; %d failed. The temporary folder is gone. With a key of your "+
		"own: quarterturn init", d.calls, d.failures)
	return context.Cause(ctx)
}
