package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"quarterturn/rotator"
)

// The world that is kept lives by the machine's clock, so its spans fit a person's patience.
const (
	keptBites   = 4 // seconds until a revocation bites; the profile says 6
	keptOverlap = "overlap: 20s"
)

// keptState is world.json: where things listen, and the vendor's tables. There is no key or secret in it.
type keptState struct {
	Addresses addresses       `json:"addresses"`
	Vendor    json.RawMessage `json:"vendor"`
}

// kept is a world in a folder that outlives its process.
type kept struct {
	*stage
	dir  string
	lock io.Closer

	mu    sync.Mutex // people click while the world begins and ends
	state keptState
}

// demoKeep runs a world in dir until a signal: a new one in an empty folder, or the one that was left there.
func (a *app) demoKeep(ctx ctxt, dir string) error {
	k, fresh, err := openKept(ctx, a, dir)
	if err != nil {
		return gone(ctx, err)
	}
	err = a.p.give(k.hello(fresh))
	if err == nil {
		<-ctx.Done()
	}
	if err := errors.Join(err, k.leave()); err != nil {
		return err
	}
	return &farewell{fmt.Sprintf("stopped by a signal; the world is saved, and quarterturn demo --keep %s goes on with it", dir)}
}

func openKept(ctx ctxt, a *app, dir string) (k *kept, fresh bool, err error) {
	fresh, err = emptyFolder(dir)
	if err != nil {
		return nil, false, err
	}
	k = &kept{dir: dir}
	if k.lock, err = lockFolder(dir); err != nil {
		return nil, false, err
	}
	if fresh {
		err = k.make(ctx, a)
	} else {
		err = k.goOn(a)
	}
	if err == nil {
		err = k.save(k.vendor.State())
	}
	if err != nil {
		return nil, false, errors.Join(err, k.undo(fresh))
	}
	return k, fresh, nil
}

// emptyFolder makes dir, or says whether a world is in it. Anything else in it is refused.
func emptyFolder(dir string) (fresh bool, err error) {
	if dir == "" {
		return false, usage("--keep takes a folder that is empty or not there yet, or one that it made before")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, usage("the folder cannot be made: %w", errors.Unwrap(err))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, usage("the folder cannot be read: %w", errors.Unwrap(err))
	}
	if len(entries) == 0 {
		return true, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "world.json")); err != nil {
		return false, usage("the folder is not empty, and not one that demo --keep made; nothing was changed")
	}
	return false, nil
}

// lockFolder keeps two worlds out of one folder.
func lockFolder(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, "world.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, usage("the folder cannot be written: %w", errors.Unwrap(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(usage("a world runs in this folder already: stop it first"), f.Close())
	}
	return f, nil
}

func (k *kept) options() stageOptions {
	return stageOptions{Age: demoAge, Propagation: keptBites * time.Second, Pages: true, Quick: true, Restart: []string{"./restart"},
		At: k.state.Addresses, Resume: k.state.Vendor, Save: k.save,
		Amend: func(_ *stage, text string) (string, error) {
			return strings.Replace(text, "overlap: 24h", keptOverlap, 1), nil
		}}
}

// make builds a new world whose pair in use is old enough to be rotated, and brings that pair in.
func (k *kept) make(ctx ctxt, a *app) error {
	if err := k.linkRestart(); err != nil {
		return err
	}
	var err error
	k.stage, err = newStage(ctx, a.w, k.dir, a.w.now().UTC().Truncate(time.Second).Add(-demoAge), k.options())
	if err != nil {
		return err
	}
	k.clock.run(a.w.now)
	_, _, err = k.shop.rt.Adopt(ctx, rotator.Adoption{Credential: demoName, Who: a.as, Created: k.old.CreatedAt})
	err = errors.Join(err, k.shop.Close())
	k.shop = nil
	return err
}

// goOn starts what the folder describes. Where a port is taken by now, the files are told the new one.
func (k *kept) goOn(a *app) error {
	text, err := os.ReadFile(filepath.Join(k.dir, "world.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &k.state); err != nil {
		return usage("world.json cannot be understood; nothing was changed: begin anew in an empty folder")
	}
	k.stage = &stage{o: k.options(), w: a.w, dir: k.dir, clock: &clock{live: a.w.now}}
	for _, step := range []func() error{k.linkRestart, k.openVendor, k.serve, k.readdress} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// linkRestart lets the configuration name this program by a path that stays, wherever the program is next time.
func (k *kept) linkRestart() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	link := filepath.Join(k.dir, "restart")
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(exe, link)
}

// listening is where the parts of the world can be reached now.
func (k *kept) listening() addresses {
	at := func(url string) string { return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/v1") }
	return addresses{Sandbox: at(k.vendor.URL("sandbox")), Production: at(k.vendor.URL("production")), Portal: at(k.pages.URL()),
		Service: at(k.service.URL()), Restart: at(k.service.ControlURL())}
}

// readdress replaces the addresses that changed, and nothing else that a person may have written into the files.
func (k *kept) readdress() error {
	was, is := k.state.Addresses, k.listening()
	if was == is {
		return nil
	}
	moved := map[string]string{was.Sandbox: is.Sandbox, was.Production: is.Production, was.Portal: is.Portal,
		was.Service: is.Service, was.Restart: is.Restart}
	for _, name := range []string{"quarterturn.yaml", "bluum-demo.yaml"} {
		if err := rewrite(k.path(name), moved); err != nil {
			return err
		}
	}
	return nil
}

func rewrite(path string, moved map[string]string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fresh := regexp.MustCompile(`127\.0\.0\.1:[0-9]+`).ReplaceAllStringFunc(string(text), func(at string) string {
		if to, known := moved[at]; known {
			return to
		}
		return at
	})
	return replaceFile(path, []byte(fresh))
}

// save keeps the vendor's tables before an act in the portal is answered: a secret that was shown is one that will work.
func (k *kept) save(vendor []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state.Vendor = vendor
	if k.stage != nil && k.service != nil && k.pages != nil {
		k.state.Addresses = k.listening()
	}
	text, err := json.MarshalIndent(k.state, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(k.dir, "world.json"), append(text, '\n'))
}

// replaceFile writes all of it or leaves what was there.
func replaceFile(path string, text []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}

// leave stops everything, and keeps what the API noticed last.
func (k *kept) leave() error {
	err := k.close()
	return errors.Join(err, k.save(k.vendor.State()), k.lock.Close())
}

// undo leaves a folder as it was found.
func (k *kept) undo(fresh bool) error {
	var errs []error
	if k.stage != nil {
		errs = append(errs, k.close())
	}
	if fresh {
		entries, err := os.ReadDir(k.dir)
		errs = append(errs, err)
		for _, e := range entries {
			errs = append(errs, os.RemoveAll(filepath.Join(k.dir, e.Name())))
		}
	}
	return errors.Join(append(errs, k.lock.Close())...)
}

// hello says what runs where, and what to do with it.
func (k *kept) hello(fresh bool) answer {
	config, at := filepath.Join(k.dir, "quarterturn.yaml"), k.listening()
	next := "quarterturn --config " + config + " status"
	if fresh {
		next = "quarterturn --config " + config + " rotate " + demoName
	}
	return answer{next: next,
		json: map[string]any{"config": config, "fresh": fresh, "portal": k.pages.URL(), "service": k.service.URL() + "/healthz",
			"sandbox": "http://" + at.Sandbox + "/v1", "production": "http://" + at.Production + "/v1", "next": next},
		text: func(p *printer) {
			p.say("A simulated Bluum, its portal and a service run on loopback until Ctrl-C here. Everything is in %s; the world "+
				"is kept there, and the same command goes on with it.", k.dir)
			p.line("")
			p.line("  portal    %s   (Ada Moss is of Acme Trading)", p.style(bold, k.pages.URL()))
			p.line("  service   %s/healthz", k.service.URL())
			p.line("")
			p.say("In another terminal, in this folder, every command works on it: status, rotate, submit, run, " +
				"revoked, evidence.")
			p.line("")
			p.line("    export QUARTERTURN_CONFIG=%s", config)
			p.line("")
			p.say("The clock is your machine's, and the spans are short: both keys live 20 s after everything is verified, and a " +
				"revocation bites after 4. Kill a pass with kill -9 and run again: what it held is free after twelve seconds, after " +
				"twice that when it was redeploying (with a real vendor: two minutes, and ten).")
		}}
}
