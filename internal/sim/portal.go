package sim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// What the portal refuses with.
var (
	ErrLimit    = errors.New("sim: the organisation has as many pairs in this environment as it may have")
	ErrNotFound = errors.New("sim: no such organisation, environment or pair")
	ErrStatus   = errors.New("sim: the pair's status does not allow this")
	ErrPortal   = errors.New("sim: the portal broke; whether it did what was asked is for the list of pairs to say")
)

// The portal's own paths, for faults: an empty Fault.Path never matches them.
const (
	portalCreate  = "/portal/create"
	portalDisable = "/portal/disable"
	portalEnable  = "/portal/enable"
	portalDelete  = "/portal/delete"
)

// Shown is the one page that ever shows a secret. Printing it shows the pair's id alone.
type Shown struct {
	ID        string    // e.g. key_ and 24 hex digits; not secret
	Key       string    `json:"-"` // user name: test_bluum_ (sandbox) or bluum_ (production) and 32 hex digits
	Secret    string    `json:"-"` // password: 64 hex digits
	CreatedAt time.Time // UTC, whole seconds, never later than the true moment
}

// Format answers every fmt verb with the id.
func (s Shown) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.ID) }

// Listed is a pair as the portal lists it: never its secret, and of its key no more than a person needs to pick it.
type Listed struct {
	ID       string
	Name     string
	LastFour string // of the key
	Created  time.Time
	LastUsed time.Time // by an accepted request; zero: never
	Status   Status    // as the person left it; the API follows after the propagation time
}

// Create makes a pair. It fails with ErrNotFound for an unknown organisation or environment, ErrLimit at the live-pair
// limit (disabled, expired and not yet dead pairs count), and ErrPortal under a fault: after FailAfter the pair exists
// and nobody has seen its secret.
func (w *World) Create(organisation, environment, name string) (Shown, error) {
	if !slices.Contains([]string{Acme, Globex}, organisation) || w.servers[environment] == nil {
		return Shown{}, ErrNotFound
	}
	now := w.now().UTC()
	w.mu.Lock()
	defer w.mu.Unlock()
	fault, hit := w.take(environment, portalCreate, "")
	if hit && fault.Do == FailBefore {
		return Shown{}, ErrPortal
	}
	shown, err := w.create(organisation, environment, name, now)
	if err == nil && (w.keep() != nil || hit) {
		return Shown{}, ErrPortal
	}
	return shown, err
}

func (w *World) create(organisation, environment, name string, now time.Time) (Shown, error) {
	if !w.replaces && w.occupied(organisation, environment, now) >= w.liveLimit {
		return Shown{}, ErrLimit
	}
	shown, err := w.mint(environment, now)
	if err != nil {
		return Shown{}, err
	}
	if w.replaces {
		w.end(organisation, environment, now)
	}
	w.pairs = append(w.pairs, &pair{
		id: shown.ID, organisation: organisation, environment: environment, name: name,
		lastFour: shown.Key[len(shown.Key)-4:], created: shown.CreatedAt,
		key: sha256.Sum256([]byte(shown.Key)), secret: sha256.Sum256([]byte(shown.Secret)),
		acts: []act{{Active, now}},
	})
	return shown, nil
}

// end is what creating a pair does to the others where only one may be.
func (w *World) end(organisation, environment string, now time.Time) {
	for _, p := range w.pairs {
		if p.organisation == organisation && p.environment == environment && p.inPortal(now) != Deleted {
			p.acts = append(p.acts, act{Deleted, now.Add(w.propagation)})
		}
	}
}

func (w *World) mint(environment string, now time.Time) (Shown, error) {
	key, err := w.hex(16)
	secret, err2 := w.hex(32)
	id, err3 := w.hex(12)
	if w.newValue != nil {
		key, secret = w.newValue(), w.newValue()
	}
	prefix := map[string]string{Sandbox: "test_bluum_", Production: "bluum_"}[environment]
	return Shown{ID: "key_" + id, Key: prefix + key, Secret: secret, CreatedAt: now.Truncate(time.Second)},
		errors.Join(err, err2, err3)
}

func (w *World) occupied(organisation, environment string, now time.Time) int {
	n := 0
	for _, p := range w.pairs {
		if p.organisation == organisation && p.environment == environment && p.occupies(now) {
			n++
		}
	}
	return n
}

// Slots says how many pairs count against the limit of an organisation in an environment now, and the limit.
func (w *World) Slots(organisation, environment string) (taken, limit int) {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.occupied(organisation, environment, now), w.liveLimit
}

// Keys lists an organisation's pairs in an environment, oldest first; deleted ones stay listed.
func (w *World) Keys(organisation, environment string) []Listed {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []Listed
	for _, p := range w.pairs {
		if p.organisation == organisation && p.environment == environment {
			list = append(list, Listed{p.id, p.name, p.lastFour, p.created, p.used, p.inPortal(now)})
		}
	}
	return list
}

// Disable makes a pair inactive: the API refuses it with BLUM-401-004 once the propagation time is over. ErrNotFound,
// ErrStatus unless it is active, ErrPortal under a fault.
func (w *World) Disable(id string) error { return w.change(id, portalDisable, Disabled, Active) }

// Enable takes Disable back, after the same delay. ErrNotFound, ErrStatus unless it is disabled, ErrPortal.
func (w *World) Enable(id string) error { return w.change(id, portalEnable, Active, Disabled) }

// Delete revokes a pair: the API refuses it with BLUM-401-003 once the propagation time is over, and until then it
// works and counts. ErrNotFound, ErrStatus when it is deleted, ErrPortal under a fault.
func (w *World) Delete(id string) error {
	return w.change(id, portalDelete, Deleted, Active, Disabled, Expired)
}

func (w *World) change(id, path string, to Status, from ...Status) error {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.byID(id)
	if p == nil {
		return ErrNotFound
	}
	fault, hit := w.take(p.environment, path, id)
	if hit && fault.Do == FailBefore {
		return ErrPortal
	}
	if !slices.Contains(from, p.inPortal(now)) {
		return ErrStatus
	}
	p.acts = append(p.acts, act{to, now.Add(w.propagation)})
	if w.keep() != nil || hit {
		return ErrPortal
	}
	return nil
}

// Revive makes a deleted pair live again at once, whatever the limit: a vendor's restored backup, or a support desk that
// meant well. ErrNotFound, ErrStatus when the pair is not deleted, ErrPortal.
func (w *World) Revive(id string) error {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.byID(id)
	switch {
	case p == nil:
		return ErrNotFound
	case p.inPortal(now) != Deleted:
		return ErrStatus
	}
	p.acts = []act{{Active, now}}
	return w.keep()
}

// Expire sets the moment from which the API refuses the pair with BLUM-401-005; it bites without delay. ErrNotFound,
// ErrPortal.
func (w *World) Expire(id string, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.byID(id)
	if p == nil {
		return ErrNotFound
	}
	p.expires = at
	return w.keep()
}

func (w *World) byID(id string) *pair {
	for _, p := range w.pairs {
		if p.id == id {
			return p
		}
	}
	return nil
}

func (w *World) byKey(key string) *pair {
	sum := sha256.Sum256([]byte(key))
	for _, p := range w.pairs {
		if p.key == sum {
			return p
		}
	}
	return nil
}
