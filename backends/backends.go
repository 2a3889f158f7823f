// Package backends says what a place is: one configured location that holds a copy of a key, how it is written so that
// no reader can meet half a pair, and how well it can be observed afterwards. It cannot name a rotation.
package backends

import (
	"context"
	"errors"
	"time"

	"quarterturn/secret"
)

// Grade says how well a holding was seen. Higher is stronger.
type Grade int

const (
	NotSeen  Grade = iota // nothing is known
	Touched               // written, and cannot be read back
	ReadBack              // read, and its fingerprint computed
)

func (g Grade) String() string {
	return [...]string{"not seen", "touched", "read back"}[g]
}

var (
	// ErrAbsent: the place can be reached and holds none of our entries. Put will create them.
	ErrAbsent = errors.New("the place holds nothing of ours")
	// ErrChanged: the place is no longer at Write.Expect. Nothing was written: observe again and decide anew.
	ErrChanged = errors.New("the place changed since it was observed")
	// ErrForbidden: a right is missing or the configuration is refused. Never retried by itself.
	ErrForbidden = errors.New("the place refuses this access")
)

// Write is one complete pair for one place.
type Write struct {
	Material secret.Material // every field; a place writes those it is configured for, all in one write
	Rotation string          // rotation id
	Slot     string          // pair id; where the place carries a generation label, it is this
	Expect   string          // the version observed before, "" when the place was absent
	Epoch    int64           // the lease's epoch, for places that can carry it
}

// Holding is what a place holds, without the thing itself.
type Holding struct {
	Prints    secret.Prints // per field: subset places and torn pairs can be told; empty when only Touched
	Grade     Grade
	Version   string    // opaque; never repeats for one place, even when the same bytes come back
	Label     string    // generation label, "" when the place has none
	Epoch     int64     // of the last Write that changed it, 0 when unknown or when the place cannot carry one
	ChangedAt time.Time // when the place last changed, zero when it cannot tell
}

// Place is one location. Safe for concurrent use.
type Place interface {
	// Put writes the material if the place is still at w.Expect, in one step that no reader can see half of. Repeating
	// a Put whose material the place already holds returns nil and adds no version. ErrChanged: nothing was written.
	// ErrForbidden: never retry. Any other error: unknown whether it was applied; observe. Entries that are not ours
	// are never touched. When ctx ends before the write, nothing is written. A place that can carry w.Epoch does so in
	// the same step; an equal material under another epoch is no reason to write.
	Put(ctx context.Context, w Write) error
	// Observe looks. ErrAbsent: reachable, and nothing of ours there. It never returns what it read, and never changes
	// anything.
	Observe(ctx context.Context) (Holding, error)
}

// Readiness is what can be said about a place before anybody creates a key.
type Readiness struct {
	Best     Grade    // the best grade Observe can reach after a Put
	Fencing  string   // "version" | "value" | "none": what stops a late writer
	Writing  string   // "atomic" | "torn"
	Problems []string // each names the remedy; empty: ready
	Notes    []string // worth knowing, no obstacle
}

// Checker is a place that can tell beforehand whether Put would work. It changes nothing.
type Checker interface {
	Check(ctx context.Context) (Readiness, error)
}

// Reader is a place whose value can be read, used only to seal the old pair and to probe the live one.
type Reader interface {
	// Read returns every field the place is configured for. ErrAbsent as in Observe.
	Read(ctx context.Context) (secret.Material, error)
}
