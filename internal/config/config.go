// Package config turns quarterturn.yaml into credentials with everything resolved: defaults, policies, people, paths.
// It finds every problem of a file in one go, also behind others, and refuses what later versions will understand
// rather than ignoring it. It does not know what a place or a vendor is: the kinds come from outside, and their
// settings go back there undecoded.
package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"quarterturn/internal/strict"
	"quarterturn/policies"
)

// What applies where the file says nothing.
const (
	DefaultKeepCalls   = 400 * 24 * time.Hour
	MinKeepCalls       = 30 * 24 * time.Hour
	DefaultProveWithin = 10 * time.Minute
	DefaultPolicy      = "quarterly" // exists when the file names no policies
)

// Config is a file without any problem, with what it includes. All its paths are resolved against the main file's folder.
type Config struct {
	Path        string // as given to Load
	Dir         string // folder of the file, absolute
	Ledger      Ledger
	Seal        Seal
	Fingerprint Fingerprint
	KeepCalls   time.Duration
	Files       []string // all that were read, Path first
	Profiles    []string // paths of vendor profile files
	Channels    []Channel
	Credentials []Credential
	Notes       strict.Problems // worth knowing, no obstacle
}

// Ledger says where the ledger is.
type Ledger struct {
	Kind string // "sqlite"
	Path string
}

// Seal is whom submitted pairs are sealed to.
type Seal struct {
	Recipients   []string
	IdentityFile string // "" where pairs can be taken in, but not opened
}

// Fingerprint is where the keys of fingerprints are.
type Fingerprint struct{ KeyFile string }

// Credential is one key that is rotated, with its policy and people resolved.
type Credential struct {
	Name         string
	Vendor       string
	Environment  string
	Organisation string // "" when the file names none
	Policy       policies.Policy
	Owner        string
	Deputy       string // "" when there is none
	Approvers    []string
	Places       []Place // in the order in which they are written
	Consumers    []Consumer
	Digest       string // sha256, lower-case hex, of all of this; comments, order of fields and style don't matter
	// Parts tells which part of it changed without saying what: path, such as "places.env.dotenv.file", to the first 16
	// hex digits of a sha256 over the path and what it says.
	Parts map[string]string `json:"-"`
	Where string            `json:"-"` // file:line:column where it is written
}

// Place is one copy of the key.
type Place struct {
	Name     string
	Kind     string
	Settings *strict.Document
	Fields   map[string]string // the vendor's field → the entry's name in the place
	Follows  string            // the place it copies, "" when it is written

	Connection *Connection // nil when it has none
}

// Connection is a login that places and channels share.
type Connection struct {
	Name     string
	Kind     string
	Settings *strict.Document
}

// Channel is one way to tell people.
type Channel struct {
	Name       string
	Kind       string
	Settings   *strict.Document
	Connection *Connection // nil when it has none
	Only       []string    // kinds of message, as notify.Kind; nil: all
}

// Consumer reads places.
type Consumer struct {
	Name        string
	Reads       []string // names of places, in the order written
	Redeploy    *Setting // nil: a person restarts it
	Proof       *Setting // nil: a person attests
	ProveWithin time.Duration
}

// Setting is one kind with its settings, to be decoded by the kind.
type Setting struct {
	Kind     string
	Settings *strict.Document
}

// Resolve is a path from the file, made absolute.
func (c *Config) Resolve(path string) string { return resolve(c.Dir, path) }

func resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Load reads the file at path and those it includes. The error is strict.Problems with everything that is wrong, sorted,
// without any value; only kinds that are wrong themselves give another error.
func Load(path string, k Kinds) (*Config, error) {
	schema, err := compiled(k)
	if err != nil {
		return nil, err
	}
	doc, composed, err := compose(path, k)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, strict.Problems{{File: path, What: "its folder has no full path", Remedy: "give the full path"}}
	}
	l := &loading{doc: doc, dir: dir, kinds: k, problems: append(composed.problems, doc.Validate(schema)...)}
	c, err := resolveAll(l, path)
	if err != nil {
		return nil, err
	}
	c.Files = composed.files
	return c, nil
}

func compiled(k Kinds) (*strict.Schema, error) {
	whole, err := composedSchema(k)
	if err != nil {
		return nil, err
	}
	text, err := encode(whole)
	if err != nil {
		return nil, err
	}
	return strict.Compile("quarterturn.schema.json", text)
}

// asProblems passes problems on; anything else is said of the file without its words.
func asProblems(path string, err error) strict.Problems {
	var problems strict.Problems
	if errors.As(err, &problems) {
		return problems
	}
	return strict.Problems{{File: path, What: "cannot be read", Remedy: "check that it is a file, and its permissions"}}
}

// read stops a little above what Parse accepts.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, 2<<20))
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

func unreadable(path string, err error) error {
	p := strict.Problem{File: path, What: "cannot be read", Remedy: "check that it is a file, and its permissions"}
	if errors.Is(err, fs.ErrNotExist) {
		p.What, p.Remedy = "does not exist", "give its path with --config, or write one with quarterturn init"
	}
	return strict.Problems{p}
}

// resolveAll checks what the schema can't, whether or not the schema was content, so that all problems show at once.
func resolveAll(l *loading, path string) (*Config, error) {
	var decodeErr error
	l.file, decodeErr = decode(l.doc)
	l.check()
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	if decodeErr != nil {
		return nil, decodeErr
	}
	c := &Config{Path: path, Dir: l.dir, Profiles: l.profiles(), KeepCalls: time.Duration(l.file.Calls.Keep)}
	if c.KeepCalls == 0 {
		c.KeepCalls = DefaultKeepCalls
	}
	c.Ledger = Ledger{Kind: "sqlite", Path: c.Resolve(strings.TrimPrefix(l.file.Ledger, "sqlite:"))}
	c.Seal = Seal{Recipients: l.file.Seal.Recipients, IdentityFile: c.Resolve(l.file.Seal.IdentityFile)}
	c.Fingerprint = Fingerprint{KeyFile: c.Resolve(l.file.Fingerprint.KeyFile)}
	for i := range l.file.Credentials {
		c.Credentials = append(c.Credentials, l.credential(i))
	}
	for i := range l.file.Notify {
		c.Channels = append(c.Channels, l.channel(i))
	}
	c.Notes = l.notes.Sorted()
	return c, nil
}
