// Package sim is a small hostile world on loopback: a vendor of Bluum's documented shape with its portal, and a service
// that lives off one of its pairs. It shares no line with the product, so that both can't make the same mistake, and
// wherever the documentation leaves a choice it takes the one that is harder on the caller.
package sim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The two environments. Each has its own address, its own pairs and its own data.
const (
	Sandbox    = "sandbox"
	Production = "production"
)

// The two organisations (tenants). Both have accounts in both environments and never see each other's.
const (
	Acme   = "acme-trading"
	Globex = "globex-capital"
)

// Options are how a world is made.
type Options struct {
	Now         func() time.Time // required: the clock everything in a story shares; safe for concurrent use
	Rand        io.Reader        // where keys and secrets come from; nil: crypto/rand
	LiveLimit   int              // pairs an organisation may have at once in one environment; 0: two
	Propagation time.Duration    // from a person's act in the portal until the API knows; 0: at once
	Replaces    bool             // creating a pair ends the organisation's others in that environment, after Propagation
	Mint        func() string    // makes a key without its prefix, or a secret: printable ASCII without colons; nil: hex digits
	Newer       bool             // list envelope, livemode, request ids in headers; false: bare arrays and older errors

	At     map[string]string  // address of an environment, e.g. 127.0.0.1:8080, if that is free; else any port
	Resume []byte             // a former world's State, which this one goes on from; nil: a new world
	Save   func([]byte) error // keeps the State before an act in the portal is answered; must not call the world; nil: nowhere
}

// World is the vendor: an API on two loopback addresses, and the portal as methods. Safe for concurrent use.
type World struct {
	now         func() time.Time
	random      io.Reader
	liveLimit   int
	propagation time.Duration
	newer       bool
	replaces    bool
	newValue    func() string
	seed        string // makes ids of accounts and requests differ between worlds
	servers     map[string]*server
	save        func([]byte) error

	mu       sync.Mutex
	pairs    []*pair // in order of creation; deleted ones stay, as a vendor's own tables would
	faults   []Fault
	windows  windows
	requests []Request
}

// New makes a world and listens on 127.0.0.1, one free port for each environment. It fails without a clock, with a
// negative limit or delay, on a State it can't read, when the random source fails, or when no port can be had.
func New(o Options) (*World, error) {
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	for _, environment := range []string{Sandbox, Production} {
		s, err := listen(w.host(environment), o.At[environment])
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.servers[environment] = s
	}
	return w, nil
}

func newWorld(o Options) (*World, error) {
	switch {
	case o.Now == nil:
		return nil, errors.New("sim: a world needs a clock")
	case o.LiveLimit < 0 || o.Propagation < 0:
		return nil, errors.New("sim: the live-pair limit and the propagation time can't be negative")
	case o.LiveLimit == 0:
		o.LiveLimit = 2
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	w := &World{now: o.Now, random: o.Rand, liveLimit: o.LiveLimit, propagation: o.Propagation, newer: o.Newer, replaces: o.Replaces, newValue: o.Mint,
		servers: map[string]*server{}, windows: windows{}, save: o.Save}
	if o.Resume != nil {
		return w, w.resume(o.Resume)
	}
	var err error
	w.seed, err = w.hex(16)
	return w, err
}

// Close stops listening, cuts every connection and returns when no handler runs any more. It may be repeated.
func (w *World) Close() error {
	var errs []error
	for _, s := range w.servers {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// URL is an environment's base address with its version, e.g. http://127.0.0.1:41234/v1; "" when there is no such
// environment.
func (w *World) URL(environment string) string {
	s := w.servers[environment]
	if s == nil {
		return ""
	}
	return s.url() + "/v1"
}

// Request is one request as the vendor logged it: nothing in it was chosen by the caller, so no value can be in it.
type Request struct {
	At          time.Time
	Environment string // whose address was called
	Method      string // "(other)" when the vendor does not know it
	Path        string // a path the vendor knows, else "(unknown)"
	Status      int    // what was answered, 0 when the connection was cut instead
	Code        string // the vendor's error code, "" on success or when something else answered
	KeyID       string // the pair that was named, whatever the environment and the secret; "" when unknown
	RequestID   string // told to the caller only in the places its generation of the API has for it
}

// Requests returns the log so far, oldest first.
func (w *World) Requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Request(nil), w.requests...)
}

func (w *World) host(environment string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.answer(environment, r).deliver(rw, r)
	})
}

// hex reads n bytes of the random source. Callers hold the lock or are alone.
func (w *World) hex(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(w.random, b); err != nil {
		return "", fmt.Errorf("sim: the random source failed: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// derived makes an id that is stable in this world, and different in any other.
func (w *World) derived(prefix string, of ...string) string {
	sum := sha256.Sum256([]byte(w.seed + "\x00" + prefix + strings.Join(of, "\x00")))
	return prefix + hex.EncodeToString(sum[:12])
}
