// Package cicd says how one deployment is asked for once, found again after a crash, and how a consumer proves which
// generation of a key it runs with. It cannot name a rotation.
package cicd

import (
	"context"
	"errors"
	"time"

	"quarterturn/secret"
)

// Use grades the evidence that a consumer runs with a pair, weakest first.
type Use int

const (
	Unproven     Use = iota // nothing counts
	Attested                // a person's word
	Healthy                 // a 2xx: true with the old pair as well
	StartedAfter            // every process started after the pair was seen where that process reads it
	RanWithNew              // a run queued and started after the write made the vendor's smoke call
	Reported                // it named the fingerprint or the generation label it runs with
)

func (u Use) String() string {
	return [...]string{"unproven", "attested", "healthy", "started after", "ran with new", "reported"}[u]
}

// Counts reports whether the grade stands without a waiver.
func (u Use) Counts() bool { return u >= StartedAfter }

// RunState is where one deployment stands.
type RunState string

const (
	Queued    RunState = "queued"    // asked for, not begun
	Running   RunState = "running"   // begun, not ended
	Succeeded RunState = "succeeded" // ended, and the new processes serve
	Failed    RunState = "failed"    // ended otherwise; Note says how
)

// Run is one deployment.
type Run struct {
	ID        string // the pipeline's own id, "" when it has none
	Once      string // the once-key it was asked with
	State     RunState
	StartedAt time.Time // UTC, zero when unknown
	EndedAt   time.Time // UTC, zero while running
	Link      string    // where a person can look, "" when nowhere
	Note      string    // value-free, e.g. "exit code 3"
}

var (
	// ErrNoRun: no run with this once-key is known. A pipeline without a memory always answers so.
	ErrNoRun = errors.New("no run with this once-key")
	// ErrForbidden: a right is missing or the pipeline is disabled. Never retried by itself.
	ErrForbidden = errors.New("the pipeline refuses this access")
)

// Pipeline redeploys one consumer.
type Pipeline interface {
	// Redeploy asks for one deployment. once is stable across crashes: repeating a call with the same once must not
	// harm, and adds no second run where the pipeline can tell. A deployment that ran and failed is a Run in state
	// Failed with a nil error; an error means that it is unknown whether one was started: Find, then repeat.
	Redeploy(ctx context.Context, once string) (Run, error)
	// Find looks for the run. ErrNoRun: none is known.
	Find(ctx context.Context, once string) (Run, error)
}

// Want is the generation a consumer should prove.
type Want struct {
	Prints secret.Prints // includes the whole print under the consumer's derived keys ("@id/consumer")
	Label  string        // generation label: the pair id
}

// Fact is what a consumer showed.
type Fact struct {
	Use    Use           // graded against Want: Reported only when it names Want
	Prints secret.Prints // what it named, whichever generation that is; empty when it names none
	Label  string        // the label it named, "" when it names none
	At     time.Time     // UTC, when it was seen
	Note   string        // value-free
}

// Prover gets a proof of use from one consumer. It changes nothing.
type Prover interface {
	// Best is the best grade this prover can ever reach.
	Best() Use
	// Prove looks now. A proof not younger than since does not count. An error means that the consumer could not be
	// reached or understood: no evidence either way.
	Prove(ctx context.Context, want Want, since time.Time) (Fact, error)
}

// Drainer names every reader of a CI place between two times, not only declared consumers.
type Drainer interface {
	Stale(ctx context.Context, from, to time.Time) ([]Run, error)
}

// Readiness is what can be said about a pipeline or prover before anybody creates a key.
type Readiness struct {
	Problems []string // each names the remedy; empty: ready
	Notes    []string // worth knowing, no obstacle
}

// Checker is a pipeline or prover that can tell beforehand whether it would work. It changes nothing.
type Checker interface {
	Check(ctx context.Context) (Readiness, error)
}
