package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/internal/httpx"
	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

const (
	demoName  = "bluum-production"
	demoAge   = 76 * 24 * time.Hour // of the pair in use when the demo begins
	demoBites = 61 * time.Minute    // how long a revocation takes to bite in the simulated vendor
)

func (a *app) demoCmd() *cobra.Command {
	return &cobra.Command{Use: "demo", Short: "the whole story on loopback: no network, no credentials, nothing left behind", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context()) }}
}

// demoRestartCmd is what the demo's configuration names as redeploy command: it asks the simulated service to restart.
func (a *app) demoRestartCmd() *cobra.Command {
	return &cobra.Command{Use: "demo-restart URL", Hidden: true, Args: names(1, 1, "an address"),
		RunE: func(c *cobra.Command, args []string) error { return restart(c.Context(), args[0]) }}
}

func restart(ctx context.Context, url string) error {
	client, err := httpx.NewClient(httpx.Options{})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/-/restart", nil)
	if err != nil || !httpx.Loopback(req.URL.Hostname()) {
		return usage("demo-restart takes an address on loopback")
	}
	answer, err := httpx.Do(client, req)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusNoContent {
		return fmt.Errorf("the restart failed with status %d", answer.Status)
	}
	return nil
}

// demo plays a person, a vendor and a service on loopback around the very wiring that run uses, with a clock that moves
// when somebody would wait.
func (a *app) demo(ctx ctxt) error {
	dir, err := os.MkdirTemp("", "quarterturn-demo-*")
	if err != nil {
		return fmt.Errorf("no temporary folder can be made: %w", err)
	}
	began := time.Now()
	d := &demo{a: a, dir: dir, clock: &clock{at: began.UTC().Truncate(time.Second).Add(-demoAge)}}
	d.n = newNarrator(a.p)
	if a.p.asJSON {
		d.n = newNarrator(newPrinter(discard{}, nil, false))
	}
	err = errors.Join(d.tell(ctx), d.close(), os.RemoveAll(dir))
	if err != nil {
		return err
	}
	took := time.Since(began).Round(100 * time.Millisecond)
	return a.p.give(answer{json: map[string]any{"credential": demoName, "state": string(rotator.Closed), "seconds": took.Seconds(),
		"service_calls": d.calls, "service_failures": d.failures, "chains": d.chains},
		text: func(p *printer) {
			p.line("")
			p.line("The service made %d calls with its key meanwhile; %d failed. All of this took %s, and the", d.calls, d.failures, took)
			p.line("temporary folder is gone. With a key of your own: quarterturn init")
		}})
}

// discard takes a person's story when a machine asked for JSON.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// demo is one telling.
type demo struct {
	a               *app
	n               *narrator
	dir             string
	clock           *clock
	world           *sim.World
	service         *sim.Service
	shop            *shop
	old             sim.Shown
	fresh           sim.Shown
	calls, failures int
	chains          []chainView
}

func (d *demo) close() error {
	var errs []error
	if d.shop != nil {
		errs = append(errs, d.shop.Close())
	}
	if d.service != nil {
		errs = append(errs, d.service.Close())
	}
	if d.world != nil {
		errs = append(errs, d.world.Close())
	}
	return errors.Join(errs...)
}

// tell is the story, chapter by chapter.
func (d *demo) tell(ctx ctxt) error {
	for _, chapter := range []func(ctxt) error{d.stage, d.adopt, d.begin, d.wrongPaste, d.rightPaste, d.soak, d.revoke, d.proveDead,
		d.bury, d.end} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// say is the story-teller's voice, apart from what quarterturn prints.
func (d *demo) say(format string, args ...any) {
	d.n.p.line("")
	for _, l := range wrap(fmt.Sprintf(format, args...), width) {
		d.n.p.line("%s", d.n.p.style(faint, l))
	}
}

// adopt brings in the key that is already everywhere.
func (d *demo) adopt(ctx ctxt) error {
	d.say("A simulated Bluum runs on loopback, and a service that reads app.env. Its production key was made %d days ago; "+
		"the policy rotates at 75 days and allows 90.", int(demoAge.Hours()/24))
	pair, _, err := d.shop.rt.Adopt(ctx, rotator.Adoption{Credential: demoName, Who: "demo", Created: d.old.CreatedAt})
	if err != nil {
		return err
	}
	d.n.p.mark("ok", "adopted the key ending in %s, created %s; nothing was changed", pair.Fragment, day(pair.Created))
	return nil
}

// begin is the first pass: the policy opens a rotation, preflight passes, a person is asked.
func (d *demo) begin(ctx ctxt) error {
	d.say("$ quarterturn run")
	d.n.enter(rotator.DueState)
	return d.pass(ctx)
}

// wrongPaste: the person makes the pair in the sandbox by mistake.
func (d *demo) wrongPaste(ctx ctxt) error {
	d.say("The person creates a key, in the wrong environment, and pastes it.")
	wrong, err := d.world.Create(sim.Acme, sim.Sandbox, demoName)
	if err != nil {
		return err
	}
	return d.paste(ctx, wrong)
}

func (d *demo) rightPaste(ctx ctxt) error {
	d.say("They look again, create one in production, and paste that.")
	var err error
	if d.fresh, err = d.world.Create(sim.Acme, sim.Production, demoName); err != nil {
		return err
	}
	return d.paste(ctx, d.fresh)
}

// soak is the overlap: both keys live, and the service is watched.
func (d *demo) soak(ctx ctxt) error {
	d.say("24 hours pass. Every 15 minutes a pass looks at the place, the service and both keys.")
	return d.until(ctx, rotator.AwaitingRevocation)
}

// revoke: first the wrong key is named, which is caught; then the right one is revoked.
func (d *demo) revoke(ctx ctxt) error {
	standings, err := d.shop.rt.Status(ctx, demoName)
	if err != nil {
		return err
	}
	st := standings[0]
	d.n.p.revocation(find(st.Pairs, st.Rotation.Old), find(st.Pairs, st.Rotation.New), st.Environment)
	d.say("The person is about to revoke the wrong one, and types its last four characters.")
	if err := d.revoked(ctx, "0000"); err == nil {
		return errors.New("the demo's wrong key was not caught")
	} else {
		d.n.p.mark("STOP", "%s", err)
	}
	d.say("They look again, and revoke the old key in the portal. It goes on working for another %s.", demoBites)
	if err := d.world.Delete(d.old.ID); err != nil {
		return err
	}
	if err := d.revoked(ctx, fragmentOf(st)); err != nil {
		return err
	}
	d.n.p.mark("said", "the key ending in %s was revoked", fragmentOf(st))
	return d.pass(ctx)
}

func (d *demo) revoked(ctx ctxt, last4 string) error {
	_, err := d.shop.rt.Say(ctx, rotator.Saying{Credential: demoName, Kind: rotator.RevokedIt, Who: "demo", Fragment: last4})
	return err
}

func (d *demo) proveDead(ctx ctxt) error {
	d.say("Closed is said only when the old key is proven dead: three looks over 75 minutes, each with the new key accepted, " +
		"a made-up one refused and the old one refused.")
	return d.until(ctx, rotator.Closed)
}

// bury watches the dead pair to the end.
func (d *demo) bury(ctx ctxt) error {
	d.say("For 21 days a dead key is looked at daily: one Accepted would page. Then its sealed copy is wiped.")
	return d.untilBuried(ctx)
}

// end shows the evidence, and that the trail is whole.
func (d *demo) end(ctx ctxt) error {
	d.say("$ quarterturn evidence %s", demoName)
	rotations, err := d.shop.ledger.Rotations(ctx, demoName)
	if err != nil {
		return err
	}
	for _, r := range chosen(rotations, false) {
		events, err := d.shop.ledger.Events(ctx, r.ID)
		if err != nil {
			return err
		}
		d.chains = append(d.chains, viewChain(r, events))
	}
	calls, err := d.shop.ledger.Calls(ctx, demoName)
	if err != nil {
		return err
	}
	printEvidence(d.n.p, d.chains, len(calls))
	report, err := d.shop.ledger.Verify(ctx)
	if err != nil {
		return err
	}
	d.say("$ quarterturn audit verify")
	printReport(d.n.p, report)
	if len(report.Problems) > 0 || d.failures > 0 {
		return fmt.Errorf("the demo ends with %d problems in the trail and %d failed calls", len(report.Problems), d.failures)
	}
	return nil
}
