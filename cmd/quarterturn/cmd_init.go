package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"quarterturn/internal/config"
	"quarterturn/internal/seal/age"
	"quarterturn/internal/strict"
	"quarterturn/secret"
)

//go:embed init.yaml.tmpl
var initTemplate string

// initial is what a first configuration is made of.
type initial struct {
	Name, Vendor, Environment, Organisation string
	EnvFile, Key, Secret                    string
	Consumer, Health, Print                 string
	Label, LabelAt                          string // entry of the generation label, and where the health answer shows it
	Restart                                 []string
	Owner                                   string
	Recipients                              []string
	Profiles                                []string
}

// question is one value that init needs, by flag or by asking.
type question struct {
	flag, ask, fallback string
	into                *string
	required            bool
}

func (a *app) initCmd() *cobra.Command {
	var in initial
	var restart, breakGlass string
	questions := []question{
		{"name", "What should the credential be called?", "bluum-production", &in.Name, true},
		{"vendor", "Which vendor profile?", "bluum", &in.Vendor, true},
		{"environment", "Which environment, sandbox or production? (there is no default)", "", &in.Environment, true},
		{"organisation", "Which organisation does the vendor's portal show?", "", &in.Organisation, false},
		{"env-file", "Which .env file holds the key?", "app.env", &in.EnvFile, true},
		{"key-entry", "Which entry of it holds the key?", "BLUUM_API_KEY", &in.Key, true},
		{"secret-entry", "Which entry holds the secret?", "BLUUM_API_SECRET", &in.Secret, true},
		{"consumer", "What is the service called that reads it?", "app", &in.Consumer, true},
		{"restart", "Which command restarts it? (program and arguments, no shell)", "systemctl restart app", &restart, true},
		{"health", "Which address answers with its health?", "http://127.0.0.1:8080/healthz", &in.Health, true},
		{"print", "Where in that answer is its fingerprint? (docs/recipes/fingerprint.md; - for none)", "$.print", &in.Print, true},
		{"owner", "Whose key is it? (e-mail)", "", &in.Owner, true},
	}
	c := &cobra.Command{Use: "init", Short: "write a commented configuration and its key files, by asking", Args: names(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.answers(c.Context(), questions); err != nil {
				return err
			}
			in.Restart = strings.Fields(restart)
			if in.Print == "-" {
				in.Print = ""
			}
			if breakGlass != "" {
				in.Recipients = []string{breakGlass}
			}
			return a.init(in)
		}}
	for _, q := range questions {
		c.Flags().StringVar(q.into, q.flag, "", q.ask)
	}
	c.Flags().StringVar(&breakGlass, "break-glass", "", "a second age recipient, whose identity is kept offline")
	return c
}

// answers fills what no flag gave: by asking at a terminal, from the fallback elsewhere. What has none must be given.
func (a *app) answers(ctx ctxt, questions []question) error {
	for _, q := range questions {
		if *q.into != "" {
			continue
		}
		if a.w.terminal != nil {
			typed, err := a.ask(ctx, promptFor(q))
			if err != nil {
				return err
			}
			*q.into = typed
		}
		if *q.into == "" {
			*q.into = q.fallback
		}
		if *q.into == "" && q.required {
			return usage("--%s is needed; nothing was written", q.flag)
		}
	}
	return nil
}

func promptFor(q question) string {
	if q.fallback == "" {
		return q.ask + " "
	}
	return q.ask + " [" + q.fallback + "] "
}

// made is what init found or made: paths.
type made struct{ written, kept []string }

// init writes key files and a configuration beside each other, and nothing over anything. Only one at a time works in a folder.
func (a *app) init(in initial) error {
	dir := filepath.Dir(a.config)
	unlock, err := lockAlone(dir)
	if err != nil {
		return usage("the folder of the configuration cannot be locked: %w; nothing was written", err)
	}
	defer unlock()
	if there, err := begun(a.config); there || err != nil {
		return usage("%w; nothing was written", cmp.Or(err, fmt.Errorf("%s exists already", a.config)))
	}
	if err := in.sound(dir); err != nil {
		return err
	}
	m, err := in.create(a.config, filepath.Join(dir, "seal.key"), filepath.Join(dir, "fingerprint.key"))
	if err != nil {
		return err
	}
	return a.p.give(in.answer(m))
}

// answer says what was made, and what to do with it.
func (in initial) answer(m made) answer {
	next := "quarterturn check " + in.Name
	return answer{json: map[string]any{"written": m.written, "kept": m.kept, "next": next}, next: next, text: func(p *printer) {
		for _, f := range m.written {
			p.mark("ok", "wrote %s", f)
		}
		for _, f := range m.kept {
			p.mark("note", "kept %s, which was here already: the configuration uses it", f)
		}
		p.mark("note", "seal.key opens every sealed pair, and fingerprint.key recognises them: keep copies where you keep "+
			"such keys, and never in a repository")
		if in.Print != "" {
			p.mark("note", "let %s report which pair it runs with: quarterturn fingerprint key %s --file print.key, and "+
				"docs/recipes/fingerprint.md", in.Consumer, in.Consumer)
		}
	}}
}

// create writes sealing identity, fingerprint key and configuration, in this order: without a configuration nothing is done
// yet, so that an init that was killed is simply begun again. Key files that are here already are used and never touched.
func (in initial) create(config, seal, fingerprint string) (made, error) {
	m := made{written: []string{}, kept: []string{}}
	recipient, err := m.key(seal, age.Recipient, age.NewIdentity)
	if err == nil {
		_, err = m.key(fingerprint, loadable, newFingerprintKey)
	}
	if err != nil {
		return m, usage("the key files cannot be used: %w", errors.Join(err, m.undo()))
	}
	in.Recipients = append([]string{recipient}, in.Recipients...)
	if err := in.write(config); err != nil {
		return m, usage("%w; nothing was left behind", errors.Join(err, m.undo()))
	}
	m.written = append([]string{config}, m.written...)
	return m, nil
}

// key uses the key file at path, or makes it.
func (m *made) key(path string, use, create func(string) (string, error)) (string, error) {
	there, err := begun(path)
	if err != nil {
		return "", err
	}
	if there {
		m.kept = append(m.kept, path)
		return use(path)
	}
	text, err := create(path)
	if err == nil {
		m.written = append(m.written, path)
	}
	return text, err
}

func (m *made) undo() (err error) {
	for _, path := range m.written {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// begun says whether something is at path. A file without a byte is what a killed init leaves between creating a file and
// writing it, and goes: only call it under the lock.
func begun(path string) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return false, os.Remove(path)
	}
	return true, err
}

// lockAlone locks a folder itself, so that no lock file is left behind.
func lockAlone(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// sound checks the answers as the configuration would, before anything is written.
func (in initial) sound(dir string) error {
	tmp, err := os.MkdirTemp("", "quarterturn-init-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	path := filepath.Join(tmp, "quarterturn.yaml")
	in.Recipients = append([]string{"age1placeholder"}, in.Recipients...)
	if err := in.write(path); err != nil {
		return err
	}
	_, err = config.Load(path, kinds())
	var problems strict.Problems
	if errors.As(err, &problems) {
		return usage("the answers do not make a configuration (%s); nothing was written", problems[0].Field+": "+problems[0].What)
	}
	return err
}

// write renders the configuration into a new file.
func (in initial) write(path string) error {
	t, err := template.New("init").Parse(initTemplate)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, in); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("the configuration cannot be written: %w", err)
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		err = fmt.Errorf("the configuration cannot be written: %w", errors.Join(err, os.Remove(path)))
	}
	return err
}

// newKeyFiles makes a sealing identity and a fingerprint key, and returns the identity's recipient.
func newKeyFiles(seal, fingerprint string) (string, error) {
	recipient, err := age.NewIdentity(seal)
	if err != nil {
		return "", err
	}
	if _, err := newFingerprintKey(fingerprint); err != nil {
		return "", errors.Join(err, os.Remove(seal))
	}
	return recipient, nil
}

func newFingerprintKey(path string) (string, error) {
	return "", secret.CreateFile(path, secret.New(secret.NewKey()+"\n"))
}

// loadable is nil for a file of fingerprint keys.
func loadable(path string) (string, error) {
	_, err := secret.LoadKeys(path)
	return "", err
}
