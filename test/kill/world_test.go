package kill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"quarterturn/internal/sim"
)

const (
	credential = "bluum-production"
	says       = 3 * time.Second // the profile's propagation time
	bites      = 2 * time.Second // how long a revocation really takes
)

// pair is what the portal showed.
type pair struct {
	id, key, secret string
	revoked         time.Time // zero: never
}

func (p pair) lastFour() string { return p.key[len(p.key)-4:] }

// world is one folder with a configuration like a user's, a vendor, and three services that live off two .env files.
type world struct {
	seed     uint64
	bin, dir string
	vendor   *sim.World
	services map[string]*sim.Service
	lives    *lives
	tally    *tally
	shape    func(*exec.Cmd) // how processes differ: another user, a limit; nil: not at all

	mu     sync.Mutex
	random *rand.Rand
	pairs  []pair // in order of creation
	kills  []time.Time
	wrong  []string // what must not be, in order
	armed  bool     // processes are killed
}

// consumers are three services and the file that each reads.
func consumers() map[string]string {
	return map[string]string{"api": "api.env", "settlement": "jobs.env", "reports": "jobs.env"}
}

// fixed is what stands in every .env file beside the pair, and must stay.
const fixed = "# the service's own\nPORT=8080\n"

// raise builds a world whose pair in use is adopted.
func raise(dir, bin string, seed uint64, l *lives, n *tally) (*world, error) {
	w := &world{seed: seed, bin: bin, dir: dir, services: map[string]*sim.Service{}, lives: l, tally: n,
		random: rand.New(rand.NewPCG(seed, 4))}
	for _, step := range []func() error{w.openVendor, w.writePlaces, w.configure, w.startle, w.serve, w.adopt} {
		if err := step(); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}

func (w *world) openVendor() (err error) {
	w.vendor, err = sim.New(sim.Options{Now: time.Now, Propagation: bites, Newer: true})
	if err == nil {
		_, err = w.create()
	}
	return err
}

// create makes a pair in the portal, as a person does.
func (w *world) create() (pair, error) {
	shown, err := w.vendor.Create(sim.Acme, sim.Production, credential)
	p := pair{id: shown.ID, key: shown.Key, secret: shown.Secret}
	if err == nil {
		w.locked(func() { w.pairs = append(w.pairs, p) })
	}
	return p, err
}

// revoke deletes in the portal the pair whose key ends so. Doing it again changes nothing.
func (w *world) revoke(lastFour string) error {
	for i, p := range w.known() {
		if p.lastFour() != lastFour || !p.revoked.IsZero() {
			continue
		}
		if err := w.vendor.Delete(p.id); err != nil {
			return err
		}
		w.locked(func() { w.pairs[i].revoked = time.Now() })
	}
	return nil
}

func (w *world) locked(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

func (w *world) known() (pairs []pair) {
	w.locked(func() { pairs = append(pairs, w.pairs...) })
	return pairs
}

// violation keeps what must not be, once.
func (w *world) violation(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	w.locked(func() {
		for _, known := range w.wrong {
			if known == what {
				return
			}
		}
		if len(w.wrong) < 20 {
			w.wrong = append(w.wrong, what)
		}
	})
}

func (w *world) violations() (all []string) {
	w.locked(func() { all = append(all, w.wrong...) })
	return all
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *world) writePlaces() error {
	err := os.Mkdir(w.path("places"), 0o700)
	for _, name := range []string{"api.env", "jobs.env"} {
		text := fixed + "BLUUM_API_KEY=" + w.pairs[0].key + "\nBLUUM_API_SECRET=" + w.pairs[0].secret + "\n"
		err = errors.Join(err, os.WriteFile(w.path("places", name), []byte(text), 0o600))
	}
	return err
}

// configure lets the program make its key files, and writes a configuration with more places and consumers than it asks for.
func (w *world) configure() error {
	if err := w.begin(); err != nil {
		return err
	}
	profile := fmt.Sprintf("name: simulated\nextends: bluum\nlifecycle: {propagation: %s}\nenvironments:\n"+
		"  sandbox: {base: %q, aliases: []}\n  production: {base: %q, aliases: []}\n", says, w.vendor.URL(sim.Sandbox), w.vendor.URL(sim.Production))
	if err := os.WriteFile(w.path("simulated.yaml"), []byte(profile), 0o600); err != nil {
		return err
	}
	return w.writeConfig(func(string) (web, control string) { return "http://127.0.0.1:1", "http://127.0.0.1:1" })
}

// begin kills init twice, and lets it go through. What it checks its answers with lies in the system's folder for such files,
// which is this one's here, and is the system's to clear.
func (w *world) begin() error {
	first := []string{"init", "--name", credential, "--environment", sim.Production, "--owner", "owner@acme.example"}
	for range 2 {
		w.run("", blow{w.lives.draw("init", w.random), syscall.SIGKILL}, first)
		_ = os.Remove(w.path("quarterturn.yaml")) // it may have come to its end
	}
	if o := w.calm("", first...); o.code != 0 {
		return fmt.Errorf("init: %s", o.said)
	}
	left, err := filepath.Glob(w.path("quarterturn-init-*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// startle kills the very first commands, which make the ledger.
func (w *world) startle() error {
	for range 3 {
		w.run("", blow{w.lives.draw("init", w.random), syscall.SIGKILL}, []string{"status"})
	}
	return nil
}

func placeName(file string) string { return strings.Replace(file, ".", "-", 1) }

func (w *world) writeConfig(at func(consumer string) (web, control string)) error {
	made, err := os.ReadFile(w.path("quarterturn.yaml"))
	if err != nil {
		return err
	}
	recipient := regexp.MustCompile(`age1[a-z0-9]+`).FindString(string(made))
	text := "ledger: sqlite:quarterturn.db\nseal: {recipients: [" + recipient + "], identity_file: seal.key}\n" +
		"fingerprint: {key_file: fingerprint.key}\nprofiles: [simulated.yaml]\npeople: {team: {owner: owner@acme.example}}\n" +
		"policies: {quick: {max_age: 90d, rotate_at: 75d, overlap: 1s, approve_revocation: none}}\n" +
		"defaults: {policy: quick, people: team}\ncredentials:\n  - name: " + credential +
		"\n    vendor: simulated\n    environment: production\n    organisation: Acme Trading\n    places:\n"
	for _, file := range []string{"api.env", "jobs.env"} {
		text += fmt.Sprintf("      - {name: %q, dotenv: {file: %q}, fields: {key: BLUUM_API_KEY, secret: BLUUM_API_SECRET}}\n",
			placeName(file), "places/"+file)
	}
	text += "    consumers:\n"
	for name, file := range consumers() {
		web, control := at(name)
		text += fmt.Sprintf("      - {name: %s, reads: [%s], redeploy: {command: [%q, demo-restart, %q]}, proof: {http: {url: %q, "+
			"fingerprint: \"$.print\"}}}\n", name, placeName(file), w.bin, control, web+"/healthz")
	}
	return os.WriteFile(w.path("quarterturn.yaml"), []byte(text), 0o600)
}

// serve starts the services with their print keys and writes where they are.
func (w *world) serve() error {
	for name, file := range consumers() {
		if o := w.calm("", "fingerprint", "key", name, "--file", name+".print"); o.code != 0 {
			return fmt.Errorf("fingerprint key: %s", o.said)
		}
		key, err := os.ReadFile(w.path(name + ".print"))
		if err != nil {
			return err
		}
		w.services[name], err = sim.NewService(sim.ServiceOptions{EnvFile: w.path("places", file), KeyEntry: "BLUUM_API_KEY",
			SecretEntry: "BLUUM_API_SECRET", PrintKey: strings.TrimSpace(string(key)), API: w.vendor.URL(sim.Production), Now: time.Now})
		if err != nil {
			return err
		}
	}
	return w.writeConfig(func(name string) (web, control string) {
		return w.services[name].URL(), w.services[name].ControlURL()
	})
}

func (w *world) adopt() error {
	if o := w.calm("", "adopt", credential, "--created", time.Now().UTC().Format(time.DateOnly)); o.code != 0 {
		return fmt.Errorf("adopt: %s", o.said)
	}
	return nil
}

func (w *world) close() error {
	var errs []error
	for _, s := range w.services {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if w.vendor != nil {
		errs = append(errs, w.vendor.Close())
	}
	return errors.Join(errs...)
}

// nap waits a random part of d, or until ctx is over.
func (w *world) nap(ctx context.Context, d time.Duration) {
	w.locked(func() { d = time.Duration(w.random.Int64N(int64(d)) + 1) })
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
