package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"quarterturn/backends"
	"quarterturn/backends/dotenv"
	"quarterturn/cicd"
	"quarterturn/cicd/command"
	"quarterturn/cicd/httpproof"
	"quarterturn/internal/config"
	"quarterturn/internal/httpx"
	"quarterturn/internal/strict"
	"quarterturn/notify"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// outside is what every adapter is built with.
type outside struct {
	dir    string // of the configuration
	keys   secret.Keys
	now    func() time.Time
	client *http.Client // without credentials or redirects
	log    io.Writer
}

// The wiring list: a new adapter is one line in one of these maps.
func placeKinds() map[string]placeKind {
	return map[string]placeKind{
		"dotenv": {schema: dotenv.Schema(), target: dotenvTarget, build: buildDotenv, finder: dotenv.Finder{}},
	}
}

func redeployKinds() map[string]redeployKind {
	return map[string]redeployKind{
		"command": {schema: command.Schema(), build: buildCommand},
	}
}

func proofKinds() map[string]proofKind {
	return map[string]proofKind{
		"http": {schema: httpproof.Schema(), build: buildHTTPProof},
	}
}

type connectionKind struct{ schema []byte }

type channelKind struct {
	schema []byte
	on     string // the kind of connection that it needs, "" for none
	build  func(o outside, c config.Channel) (notify.Notifier, error)
}

type placeKind struct {
	on       string // the kind of connection that it needs, "" for none
	ownNames bool   // its fields may stand under the vendor's names for them
	schema   []byte
	target   func(dir string, settings *strict.Document) string
	build    func(o outside, p config.Place) (backends.Place, error)
	finder   backends.Finder // nil: it cannot be searched
}

type redeployKind struct {
	schema []byte
	build  func(o outside, settings *strict.Document) (cicd.Pipeline, error)
}

type proofKind struct {
	schema []byte
	build  func(o outside, consumer string, settings *strict.Document) (cicd.Prover, error)
}

// kinds is the wiring list as the configuration wants to know it.
func kinds() config.Kinds { return kindsOf(&catalogue{}) }

func kindsOf(c *catalogue) config.Kinds {
	k := config.Kinds{Vendors: c.facts}
	for name, p := range inOrder(placeKinds()) {
		k.Places = append(k.Places, config.Kind{Name: name, Schema: p.schema, Target: p.target, On: p.on, OwnNames: p.ownNames})
	}
	for name, r := range inOrder(redeployKinds()) {
		k.Redeploys = append(k.Redeploys, config.Kind{Name: name, Schema: r.schema})
	}
	for name, p := range inOrder(proofKinds()) {
		k.Proofs = append(k.Proofs, config.Kind{Name: name, Schema: p.schema})
	}
	for name, c := range inOrder(connectionKinds()) {
		k.Connections = append(k.Connections, config.Kind{Name: name, Schema: c.schema})
	}
	for name, c := range inOrder(channelKinds()) {
		k.Channels = append(k.Channels, config.Kind{Name: name, Schema: c.schema, On: c.on})
	}
	return k
}

// inOrder goes through kinds by name, so that problems list them the same way every time.
func inOrder[T any](kinds map[string]T) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			if !yield(name, kinds[name]) {
				return
			}
		}
	}
}

func dotenvTarget(dir string, settings *strict.Document) string {
	var c dotenv.Config
	if settings.Decode(&c) != nil || c.File == "" {
		return ""
	}
	path := c.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

func buildDotenv(o outside, p config.Place) (backends.Place, error) {
	var c dotenv.Config
	if err := p.Settings.Decode(&c); err != nil {
		return nil, err
	}
	return dotenv.New(c, dotenv.Options{Dir: o.dir, Fields: p.Fields, Prints: o.keys.Prints, Now: o.now})
}

func buildCommand(o outside, settings *strict.Document) (cicd.Pipeline, error) {
	var argv []string
	if err := settings.Decode(&argv); err != nil {
		return nil, err
	}
	return command.New(argv, command.Options{Dir: o.dir, Now: o.now})
}

func buildHTTPProof(o outside, consumer string, settings *strict.Document) (cicd.Prover, error) {
	var c httpproof.Config
	if err := settings.Decode(&c); err != nil {
		return nil, err
	}
	return httpproof.New(c, httpproof.Options{Client: o.client, Consumer: consumer, Now: o.now})
}

// profiles are the built-in vendor profiles and those of the files, by name.
func profiles(files []string) (map[string]vendors.Profile, error) {
	builtin, err := vendors.Builtin()
	if err != nil {
		return nil, err
	}
	known := map[string]vendors.Profile{}
	for _, p := range builtin {
		known[p.Name] = p
	}
	var problems strict.Problems
	for _, f := range files {
		if err := addProfile(known, f); err != nil {
			var more strict.Problems
			if !errors.As(err, &more) {
				return known, err
			}
			problems = append(problems, more...)
		}
	}
	if len(problems) > 0 {
		return known, problems
	}
	return known, nil
}

func addProfile(known map[string]vendors.Profile, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return strict.Problems{{File: file, What: "the vendor profile cannot be read", Remedy: "check the path and its mode"}}
	}
	p, err := vendors.Parse(file, data, func(name string) (vendors.Profile, bool) {
		p, ok := known[name]
		return p, ok
	})
	if err != nil {
		return err
	}
	if _, taken := known[p.Name]; taken {
		return fmt.Errorf("%s: a profile of this name exists already: give it another", file)
	}
	known[p.Name] = p
	return nil
}

// catalogue keeps the profiles that a configuration was checked against, so that they are read once.
type catalogue struct{ profiles map[string]vendors.Profile }

func (c *catalogue) facts(files []string) (map[string]config.Vendor, error) {
	var err error
	c.profiles, err = profiles(files)
	facts := map[string]config.Vendor{}
	for name, p := range c.profiles {
		v := config.Vendor{Fields: p.FieldNames()}
		for env := range p.Environments {
			v.Environments = append(v.Environments, env)
		}
		facts[name] = v
	}
	return facts, err
}

// proofClient asks consumers: it carries no credentials and follows nothing.
func proofClient() (*http.Client, error) { return httpx.NewClient(httpx.Options{}) }
