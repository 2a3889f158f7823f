package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// stage builds the world: vendor, service, a configuration like a user's, and the wiring that run uses.
func (d *demo) stage(ctx ctxt) error {
	var err error
	if d.world, err = sim.New(sim.Options{Now: d.clock.now, Propagation: demoBites, Newer: true}); err != nil {
		return err
	}
	if d.old, err = d.world.Create(sim.Acme, sim.Production, demoName); err != nil {
		return err
	}
	d.clock.advance(demoAge)
	env := fmt.Sprintf("# the service's environment\nPORT=8080\nBLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", d.old.Key, d.old.Secret)
	if err := os.WriteFile(d.path("app.env"), []byte(env), 0o600); err != nil {
		return err
	}
	recipient, err := newKeyFiles(d.path("seal.key"), d.path("fingerprint.key"))
	if err != nil {
		return err
	}
	if err := d.serve(); err != nil {
		return err
	}
	if err := d.configure(recipient); err != nil {
		return err
	}
	w := d.a.w
	w.now, w.wait = d.clock.now, d.clock.wait
	d.shop, err = open(ctx, w, d.path("quarterturn.yaml"), wiring{trail: d.heard})
	return err
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// serve starts the service with its own print key.
func (d *demo) serve() error {
	keys, err := secret.LoadKeys(d.path("fingerprint.key"))
	if err != nil {
		return err
	}
	if err := secret.CreateFile(d.path("print.key"), keys.Derive("app")); err != nil {
		return err
	}
	text, err := os.ReadFile(d.path("print.key"))
	if err != nil {
		return err
	}
	d.service, err = sim.NewService(sim.ServiceOptions{EnvFile: d.path("app.env"), KeyEntry: "BLUUM_API_KEY",
		SecretEntry: "BLUUM_API_SECRET", PrintKey: trim(string(text)), API: d.world.URL(sim.Production), Now: d.clock.now})
	return err
}

func (d *demo) configure(recipient string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	profile := fmt.Sprintf("name: bluum-demo\nextends: bluum\nenvironments:\n  sandbox: {base: %q, aliases: []}\n"+
		"  production: {base: %q, aliases: []}\n", d.world.URL(sim.Sandbox), d.world.URL(sim.Production))
	cfg := initial{Name: demoName, Vendor: "bluum-demo", Environment: sim.Production, Organisation: "Acme Trading", EnvFile: "app.env",
		Key: "BLUUM_API_KEY", Secret: "BLUUM_API_SECRET", Consumer: "app", Restart: []string{exe, "demo-restart", d.service.ControlURL()},
		Health: d.service.URL() + "/healthz", Print: "$.print", Owner: "owner@acme.example", Recipients: []string{recipient},
		Profiles: []string{"bluum-demo.yaml"}}
	return errors.Join(os.WriteFile(d.path("bluum-demo.yaml"), []byte(profile), 0o600), cfg.write(d.path("quarterturn.yaml")))
}

// heard tells what a person would want to hear of this rotation, and leaves the burial's daily looks out.
func (d *demo) heard(e rotator.Event) {
	if len(e.Rotation) > 6 && e.Rotation[:6] == "burial" && e.Kind != "moved" {
		return
	}
	d.n.tell(e)
}

// pass runs one pass, and lets the service work with its key.
func (d *demo) pass(ctx ctxt) error {
	outs, err := d.shop.rt.Pass(ctx)
	if err != nil {
		return err
	}
	for _, o := range outs {
		if o.Err != nil {
			return o.Err
		}
		if o.Command != "" && o.From != o.To {
			d.n.p.mark("ask", "%s", o.Why)
		}
	}
	return d.work(ctx)
}

// work is the service doing what it is for.
func (d *demo) work(ctx ctxt) error {
	d.calls++
	if status := d.service.Work(ctx); status != 200 {
		d.failures++
	}
	return ctx.Err()
}

// paste hands a pair in as a person would, and lets passes run until nothing moves.
func (d *demo) paste(ctx ctxt, shown sim.Shown) error {
	m := secret.Material{"key": secret.New(shown.Key), "secret": secret.New(shown.Secret)}
	d.n.enter(rotator.Received)
	receipt, err := d.shop.rt.Accept(ctx, rotator.Paste{Credential: demoName, Material: m, Who: "demo", How: "the terminal",
		Organisation: "Acme Trading", Environment: sim.Production})
	if err != nil {
		return err
	}
	printReceipt(d.n.p, receipt, nil)
	return d.pass(ctx)
}

// until runs passes, moving the clock to when each asks to look again, until the rotation is in a state.
func (d *demo) until(ctx ctxt, state rotator.State) error {
	for range 2000 {
		rotations, err := d.shop.ledger.Rotations(ctx, demoName)
		if err != nil {
			return err
		}
		r := chosen(rotations, false)[0]
		if r.State == state {
			return nil
		}
		d.clock.advance(r.NextAt.Sub(d.clock.now()))
		if err := d.pass(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("the demo did not come to %s", state)
}

func (d *demo) untilBuried(ctx ctxt) error {
	for range 2000 {
		rotations, err := d.shop.ledger.Rotations(ctx, demoName)
		if err != nil {
			return err
		}
		open := false
		for _, r := range rotations {
			if !r.State.Over() {
				open = true
				d.clock.advance(r.NextAt.Sub(d.clock.now()))
			}
		}
		if !open {
			return nil
		}
		if err := d.pass(ctx); err != nil {
			return err
		}
	}
	return errors.New("the demo's burial did not end")
}
