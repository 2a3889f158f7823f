package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// stage is a whole world on loopback around the wiring that run uses: a vendor, a service that lives off a .env file, a
// configuration like a user's, and a clock that moves when somebody would wait. The demo plays on it, and so do tests.
type stage struct {
	o       stageOptions
	w       world
	dir     string
	clock   *clock
	vendor  *sim.World
	service *sim.Service
	pages   *sim.Portal // the portal in a browser, nil when nobody looks
	shop    *shop
	old     sim.Shown // the pair in use at the beginning, zero when there is none
}

// stageOptions shape a stage. The zero value has no pair in use and a revocation that bites at once.
type stageOptions struct {
	Age         time.Duration // of the pair in use; 0: a first key
	Propagation time.Duration
	Older       bool          // the vendor's older generation of answers, which does not name the environment
	LiveLimit   int           // 0: two
	Replaces    bool          // creating a pair ends the one before
	Pages       bool          // the portal can be clicked through
	Quick       bool          // the profile's propagation time fits a person's patience: allowed on loopback alone
	Label       bool          // the .env file carries the generation label, and the service reports it instead of a print
	Mint        func() string // how the vendor makes keys and secrets; nil: its own way
	Wiring      wiring
	At          addresses          // where things listen, as far as those ports are free
	Restart     []string           // how the service is restarted, before the address; nil: by this program
	Resume      []byte             // the vendor goes on from there
	Save        func([]byte) error // keeps the vendor's tables
	// Amend changes the configuration before it is first read, for what the template does not ask; nil leaves it.
	Amend func(st *stage, text string) (string, error)
}

// addresses are where the parts of a stage listen, as 127.0.0.1:port. "": on any free port.
type addresses struct {
	Sandbox    string `json:"sandbox"`
	Production string `json:"production"`
	Portal     string `json:"portal"`
	Service    string `json:"service"`
	Restart    string `json:"restart"`
}

func (a addresses) vendor() map[string]string {
	return map[string]string{sim.Sandbox: a.Sandbox, sim.Production: a.Production}
}

// newStage builds it in dir. began is when the pair in use is created; the clock stands Age later.
func newStage(ctx context.Context, w world, dir string, began time.Time, o stageOptions) (*stage, error) {
	st := &stage{o: o, w: w, dir: dir, clock: &clock{at: began}}
	st.w.now, st.w.wait = st.clock.now, st.clock.wait
	for _, build := range []func() error{st.openVendor, st.writeEnv, st.writeConfig, func() error { return st.reopen(ctx) }} {
		if err := build(); err != nil {
			return st, errors.Join(err, st.close())
		}
	}
	return st, nil
}

func (st *stage) openVendor() error {
	var err error
	st.vendor, err = sim.New(sim.Options{Now: st.clock.now, Propagation: st.o.Propagation, Newer: !st.o.Older, LiveLimit: st.o.LiveLimit,
		Replaces: st.o.Replaces, Mint: st.o.Mint, At: st.o.At.vendor(), Resume: st.o.Resume, Save: st.o.Save})
	if err == nil && st.o.Pages {
		st.pages, err = sim.NewPortal(st.vendor, sim.PortalOptions{At: st.o.At.Portal})
	}
	if err != nil || st.o.Age == 0 || st.o.Resume != nil {
		return err
	}
	st.old, err = st.vendor.Create(sim.Acme, sim.Production, demoName)
	st.clock.advance(st.o.Age)
	return err
}

func (st *stage) writeEnv() error {
	env := "# the service's environment\nPORT=8080\n"
	if st.o.Age > 0 {
		env += fmt.Sprintf("BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%s\n", st.old.Key, st.old.Secret)
	}
	return os.WriteFile(st.path("app.env"), []byte(env), 0o600)
}

func (st *stage) writeConfig() error {
	recipient, err := newKeyFiles(st.path("seal.key"), st.path("fingerprint.key"))
	if err != nil {
		return err
	}
	for _, step := range []func() error{st.makePrintKey, st.serve} {
		if err := step(); err != nil {
			return err
		}
	}
	return st.configure(recipient)
}

func (st *stage) path(name string) string { return filepath.Join(st.dir, name) }

// makePrintKey gives the service a print key of its own.
func (st *stage) makePrintKey() error {
	keys, err := secret.LoadKeys(st.path("fingerprint.key"))
	if err != nil {
		return err
	}
	return secret.CreateFile(st.path("print.key"), keys.Derive("app"))
}

// serve starts the service with its print key. Without a pair there is nothing it could start with.
func (st *stage) serve() error {
	text, err := os.ReadFile(st.path("print.key"))
	if err != nil || st.o.Age == 0 {
		return err
	}
	so := sim.ServiceOptions{EnvFile: st.path("app.env"), KeyEntry: "BLUUM_API_KEY", SecretEntry: "BLUUM_API_SECRET",
		PrintKey: trim(string(text)), API: st.vendor.URL(sim.Production), Now: st.clock.now,
		At: st.o.At.Service, ControlAt: st.o.At.Restart}
	if st.o.Label {
		so.PrintKey, so.LabelEntry = "", "BLUUM_GENERATION"
	}
	st.service, err = sim.NewService(so)
	return err
}

func (st *stage) configure(recipient string) error {
	command, err := st.restartCommand()
	if err != nil {
		return err
	}
	profile, err := st.profile()
	if err != nil {
		return err
	}
	cfg := initial{Name: demoName, Vendor: "bluum-demo", Environment: sim.Production, Organisation: "Acme Trading", EnvFile: "app.env",
		Key: "BLUUM_API_KEY", Secret: "BLUUM_API_SECRET", Consumer: "app", Print: "$.print", Owner: "owner@acme.example",
		Recipients: []string{recipient}, Profiles: []string{"bluum-demo.yaml"}}
	if st.o.Label {
		cfg.Print, cfg.Label, cfg.LabelAt = "", "BLUUM_GENERATION", "$.label"
	}
	if st.service != nil {
		cfg.Restart, cfg.Health = append(command, "demo-restart", st.service.ControlURL()), st.service.URL()+"/healthz"
	}
	return errors.Join(os.WriteFile(st.path("bluum-demo.yaml"), []byte(profile), 0o600), cfg.write(st.path("quarterturn.yaml")),
		st.amend(st.path("quarterturn.yaml")))
}

func (st *stage) restartCommand() ([]string, error) {
	if st.o.Restart != nil {
		return st.o.Restart, nil
	}
	exe, err := os.Executable()
	return []string{exe}, err
}

// profile is the vendor's, at the addresses of this stage. Where there are pages, its steps say where they are.
func (st *stage) profile() (string, error) {
	text := fmt.Sprintf("name: bluum-demo\nextends: bluum\nenvironments:\n  sandbox: {base: %q, aliases: []}\n"+
		"  production: {base: %q, aliases: []}\n", st.vendor.URL(sim.Sandbox), st.vendor.URL(sim.Production))
	switch {
	case st.o.Replaces:
		text += "lifecycle: {kind: replace, live_pairs: 1}\n"
	case st.o.LiveLimit > 2:
		text += fmt.Sprintf("lifecycle: {live_pairs: %d}\n", st.o.LiveLimit)
	case st.o.Quick:
		text += "lifecycle: {propagation: 6s}   # a real host needs at least 10m\n"
	}
	if st.pages == nil {
		return text, nil
	}
	known, err := profiles(nil)
	if err != nil {
		return "", err
	}
	text += "portal:\n"
	text += st.stepsAt("create", known["bluum"].Portal.Create) + st.stepsAt("revoke", known["bluum"].Portal.Revoke)
	return text, nil
}

func (st *stage) stepsAt(which string, steps []string) string {
	text := "  " + which + ":\n"
	for _, step := range steps {
		text += fmt.Sprintf("    - %q\n", strings.Replace(step, "the Bluum dashboard", "the Bluum dashboard at "+st.pages.URL(), 1))
	}
	return text
}

func (st *stage) amend(path string) error {
	if st.o.Amend == nil {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	amended, err := st.o.Amend(st, string(text))
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(amended), 0o600)
}

// reopen wires everything anew, as the next process would.
func (st *stage) reopen(ctx context.Context) error {
	if st.shop != nil {
		if err := st.shop.Close(); err != nil {
			return err
		}
	}
	var err error
	st.shop, err = open(ctx, st.w, st.path("quarterturn.yaml"), st.o.Wiring)
	return err
}

func (st *stage) close() error {
	var errs []error
	if st.shop != nil {
		errs = append(errs, st.shop.Close())
	}
	if st.service != nil {
		errs = append(errs, st.service.Close())
	}
	if st.pages != nil {
		errs = append(errs, st.pages.Close())
	}
	if st.vendor != nil {
		errs = append(errs, st.vendor.Close())
	}
	return errors.Join(errs...)
}

// accept hands a pair in as a person would who saw Acme's production in the portal.
func (st *stage) accept(ctx context.Context, shown sim.Shown) (rotator.Receipt, error) {
	m := secret.Material{"key": secret.New(shown.Key), "secret": secret.New(shown.Secret)}
	return st.shop.rt.Accept(ctx, rotator.Paste{Credential: demoName, Material: m, Who: "demo", How: "the terminal",
		Organisation: "Acme Trading", Environment: sim.Production})
}

// standing is where the credential stands now.
func (st *stage) standing(ctx context.Context) (rotator.Standing, error) {
	standings, err := st.shop.rt.Status(ctx, demoName)
	if err != nil {
		return rotator.Standing{}, err
	}
	return standings[0], nil
}

// journey is the newest rotation that is no burial.
func (st *stage) journey(ctx context.Context) (rotator.Rotation, error) {
	rotations, err := st.shop.ledger.Rotations(ctx, demoName)
	if err != nil {
		return rotator.Rotation{}, err
	}
	if last := chosen(rotations, false); len(last) == 1 {
		return last[0], nil
	}
	return rotator.Rotation{}, rotator.ErrNotFound
}

// skip moves the clock to when the earliest open rotation wants to be looked at, and says whether one is open.
func (st *stage) skip(ctx context.Context) (bool, error) {
	rotations, err := st.shop.ledger.Rotations(ctx, demoName)
	if err != nil {
		return false, err
	}
	var next time.Time
	for _, r := range rotations {
		if !r.State.Over() && (next.IsZero() || r.NextAt.Before(next)) {
			next = r.NextAt
		}
	}
	if next.IsZero() {
		return false, nil
	}
	st.clock.advance(next.Sub(st.clock.now()))
	return true, nil
}
