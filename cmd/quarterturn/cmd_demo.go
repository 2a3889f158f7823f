package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarterturn/internal/httpx"
	"quarterturn/internal/sim"
	"quarterturn/ledger"
	"quarterturn/rotator"
)

const (
	demoName  = "bluum-production"
	demoAge   = 76 * 24 * time.Hour // of the pair in use when the demo begins
	demoBites = 61 * time.Minute    // how long a revocation takes to bite in the simulated vendor
)

func (a *app) demoCmd() *cobra.Command {
	var interactive bool
	var keep string
	c := &cobra.Command{Use: "demo", Short: "the whole story on loopback; nothing is left behind", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case interactive && c.Flags().Changed("keep"):
				return usage("--interactive leaves nothing behind and --keep does: choose one")
			case interactive:
				return a.demoInteractive(c.Context())
			case c.Flags().Changed("keep"):
				return a.demoKeep(c.Context(), keep)
			}
			return a.demo(c.Context())
		}}
	c.Flags().BoolVar(&interactive, "interactive", false, "you are the person: the portal in your browser, the paste in this terminal")
	c.Flags().StringVar(&keep, "keep", "", "a folder for a world that runs until Ctrl-C, to play with in another terminal")
	return c
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
	d := &demo{n: newNarrator(a.p)}
	if a.p.asJSON {
		d.n = newNarrator(newPrinter(io.Discard, nil, false))
	}
	d.stage, err = newStage(ctx, a.w, dir, began.UTC().Truncate(time.Second).Add(-demoAge), stageOptions{Age: demoAge,
		Propagation: demoBites, Wiring: wiring{trail: d.heard}})
	if err == nil {
		err = errors.Join(d.tell(ctx), d.close())
	}
	err = errors.Join(err, os.RemoveAll(dir))
	if err != nil {
		return err
	}
	took := time.Since(began).Round(100 * time.Millisecond)
	return a.p.give(answer{json: map[string]any{"credential": demoName, "state": string(rotator.Closed), "seconds": took.Seconds(),
		"service_calls": d.calls, "service_failures": d.failures, "chains": d.chains},
		text: func(p *printer) {
			p.line("")
			p.say("The service made %d calls with its key meanwhile; %d failed. All of this took %s, and the temporary folder "+
				"is gone.", d.calls, d.failures, took)
			p.line("With a key of your own: quarterturn init") // not wrapped: a command is copied whole
		}})
}

// demo is one telling on a stage.
type demo struct {
	*stage
	n               *narrator
	fresh           sim.Shown
	calls, failures int
	chains          []chainView
}

// tell is the story, chapter by chapter.
func (d *demo) tell(ctx ctxt) error {
	for _, chapter := range []func(ctxt) error{d.adopt, d.begin, d.wrongPaste, d.rightPaste, d.soak, d.revoke, d.proveDead,
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
	wrong, err := d.vendor.Create(sim.Acme, sim.Sandbox, demoName)
	if err != nil {
		return err
	}
	return d.paste(ctx, wrong)
}

func (d *demo) rightPaste(ctx ctxt) error {
	d.say("They look again, create one in production, and paste that.")
	var err error
	if d.fresh, err = d.vendor.Create(sim.Acme, sim.Production, demoName); err != nil {
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
	st, err := d.standing(ctx)
	if err != nil {
		return err
	}
	d.n.p.revocation(find(st.Pairs, st.Rotation.Old), find(st.Pairs, st.Rotation.New), st.Environment)
	d.say("The person is about to revoke the wrong one, and types its last four characters.")
	if err := d.revoked(ctx, d.fresh.Key[len(d.fresh.Key)-4:]); err == nil {
		return errors.New("the demo's wrong key was not caught")
	} else {
		d.n.p.mark("STOP", "%s", err)
	}
	d.say("They had not clicked yet. They revoke the old key in the portal. It goes on working for another %s.", demoBites)
	if err := d.vendor.Delete(d.old.ID); err != nil {
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
	report, err := d.evidence(ctx)
	if err != nil {
		return err
	}
	if len(report.Problems) > 0 || d.failures > 0 {
		return fmt.Errorf("the demo ends with %d problems in the trail and %d failed calls", len(report.Problems), d.failures)
	}
	return nil
}

// evidence shows the page and the check of the trail.
func (d *demo) evidence(ctx ctxt) (ledger.Report, error) {
	d.say("$ quarterturn evidence %s", demoName)
	r, err := d.journey(ctx)
	if err != nil {
		return ledger.Report{}, err
	}
	events, err := d.shop.ledger.Events(ctx, r.ID)
	if err != nil {
		return ledger.Report{}, err
	}
	d.chains = append(d.chains, viewChain(r, events))
	calls, err := d.shop.ledger.Calls(ctx, demoName)
	if err != nil {
		return ledger.Report{}, err
	}
	printEvidence(d.n.p, d.chains, len(calls))
	report, err := d.shop.ledger.Verify(ctx)
	if err != nil {
		return report, err
	}
	d.say("$ quarterturn audit verify")
	printReport(d.n.p, report)
	return report, nil
}

// heard tells what a person would want to hear of this rotation, and leaves the burial's daily looks out.
func (d *demo) heard(e rotator.Event) {
	if strings.HasPrefix(string(e.Rotation), "burial") && e.Kind != "moved" {
		return
	}
	d.n.tell(e)
}

// pass runs one pass, and lets the service work with its key.
func (d *demo) pass(ctx ctxt) error {
	passed, err := d.shop.rt.Pass(ctx)
	if err != nil {
		return err
	}
	for _, o := range passed.Outcomes {
		if o.Err != nil {
			return o.Err
		}
		if o.Command != "" && o.From != o.To {
			d.n.p.mark("ask", "%s", o.Why)
		}
	}
	return d.work(ctx)
}

// work lets the service use its key once, as its users make it do.
func (d *demo) work(ctx ctxt) error {
	d.calls++
	if d.service.Work(ctx) != http.StatusOK {
		d.failures++
	}
	return ctx.Err()
}

// paste hands a pair in and lets a pass act on it.
func (d *demo) paste(ctx ctxt, shown sim.Shown) error {
	d.n.enter(rotator.Received)
	receipt, err := d.accept(ctx, shown)
	if err != nil {
		return err
	}
	printReceipt(d.n.p, receipt, nil)
	return d.pass(ctx)
}

// until runs passes, each when one is due, until the rotation is in a state.
func (d *demo) until(ctx ctxt, state rotator.State) error {
	for range 2000 {
		r, err := d.journey(ctx)
		if err != nil || r.State == state {
			return err
		}
		if err := d.next(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("the demo did not come to %s", state)
}

func (d *demo) next(ctx ctxt) error {
	if _, err := d.skip(ctx); err != nil {
		return err
	}
	return d.pass(ctx)
}

func (d *demo) untilBuried(ctx ctxt) error {
	for range 2000 {
		open, err := d.skip(ctx)
		if err != nil || !open {
			return err
		}
		if err := d.pass(ctx); err != nil {
			return err
		}
	}
	return errors.New("the demo's burial did not end")
}
