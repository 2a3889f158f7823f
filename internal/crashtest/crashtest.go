// Package crashtest is for tests: it stands between the rotator and everything that lasts (the ledger, places,
// pipelines, proofs, the vendor), counts the calls, and at one chosen point of one chosen call lets the process die or
// the call fail. A story that is told once for every point shows that nothing depends on surviving one.
//
// A process dies by a panic with a private sentinel that only Process recovers. From then on every call of the parts
// that were wired for that process fails without being applied, so that nothing deferred or retried can save it.
package crashtest

import (
	"errors"
	"fmt"
	"sync"

	"quarterturn/rotator"
)

// Position says where in a call something goes wrong.
type Position string

// The stops, where the process dies, and the faults, where it lives on.
const (
	Before     Position = "before"                     // stop: nothing was applied
	Unanswered Position = "after-before-answer"        // stop: applied, and the answer never arrived
	Unrecorded Position = "after-answer-before-record" // stop: answered, and the ledger's next write never began
	Recorded   Position = "after-record"               // stop: right after the ledger recorded (a write of its own: that one)
	Failed     Position = "fails"                      // fault: not applied, and an error comes back
	Lost       Position = "answer-lost"                // fault: applied, and an error comes back
)

// Stops reports whether the process dies there.
func (p Position) Stops() bool { return p != Failed && p != Lost }

// Point is one place in one story where something goes wrong.
type Point struct {
	Call string   // what is called, e.g. "put env", "record intent redeploy app", "probe"
	N    int      // which call of this name, from 1
	At   Position //

	External bool // the call reaches outside: a place is written, a consumer redeployed, the vendor asked
}

// String is how reports name it, e.g. "put env#1 after-before-answer".
func (p Point) String() string { return fmt.Sprintf("%s#%d %s", p.Call, p.N, p.At) }

var (
	// ErrFault is what a call that was chosen to fail returns.
	ErrFault = errors.New("crashtest: this call was chosen to fail")
	// ErrDead is what every call of a dead process returns. Nothing was applied.
	ErrDead = errors.New("crashtest: the process that calls is dead")
)

// stop is the sentinel. It is no error, so that no code can mistake it for one.
type stop struct{ at Point }

// kind says at which positions a call is worth a point.
type kind int

const (
	effect kind = iota // changes, or may change, something outside the ledger
	write              // changes the ledger
	look               // changes nothing outside
	glance             // reads the ledger: a stop there is the stop after whatever came before
	check              // reads back what was just written, with nothing recorded afterwards
)

func (k kind) positions() []Position {
	return map[kind][]Position{
		effect: {Before, Unanswered, Unrecorded, Recorded, Failed, Lost},
		write:  {Before, Unanswered, Recorded, Failed, Lost},
		look:   {Before, Failed},
		glance: {Failed},
		check:  {Before, Unanswered, Recorded, Failed},
	}[k]
}

// life is one process: everything wired for it dies with it.
type life struct{ dead bool }

// Stopper counts calls over all processes of one telling, and makes one of them go wrong. Safe for concurrent use.
type Stopper struct {
	mu      sync.Mutex
	target  *Point
	counts  map[string]int
	points  []Point
	asleep  bool     // calls are not counted yet
	life    *life    // the process that is wired now
	pending Position // the target answered: die before or after the ledger's next write
	hit     bool
	journal journal
}

// New makes a Stopper for a telling in which everything goes well, or in which target happens.
func New(target *Point) *Stopper {
	return &Stopper{target: target, counts: map[string]int{}, life: &life{}, journal: newJournal()}
}

// Pause stops counting until Begin: what comes before is another story's business.
func (s *Stopper) Pause() { s.set(func() { s.asleep = true }) }

// Begin counts from here on.
func (s *Stopper) Begin() { s.set(func() { s.asleep = false }) }

// Restart begins the next process: call it before wiring anew. What was wired before stays dead.
func (s *Stopper) Restart() {
	s.set(func() { s.life.dead, s.life, s.pending = true, &life{}, "" })
}

func (s *Stopper) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// Hit reports whether the target happened.
func (s *Stopper) Hit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hit
}

// Stopping reports whether the target is a stop: then nothing but a death may go wrong.
func (s *Stopper) Stopping() bool { return s.target == nil || s.target.At.Stops() }

// Points are those of the calls so far, in order.
func (s *Stopper) Points() []Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Point(nil), s.points...)
}

// Process runs f as the present process. died: it ended at the target, and whatever f wanted to say was never heard. A
// process that was to die at its next record and made none dies at its end.
func (s *Stopper) Process(f func() error) (died bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(stop); !ours {
				panic(r)
			}
			died, err = true, nil
		}
	}()
	err = f()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != "" {
		s.end()
	}
	if s.life.dead {
		return true, nil
	}
	return false, err
}

func (s *Stopper) end() { s.life.dead, s.pending, s.hit = true, "", true }

// call makes one call of l's process, or lets it go wrong. do is the call itself.
func (s *Stopper) call(l *life, k kind, name string, do func() error) error {
	at, err := s.enter(l, k, name)
	if err != nil {
		return err
	}
	err = do()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case at == Unanswered, err == nil && k == write && at == "" && s.pending == Recorded:
		s.die()
	case at == Lost:
		return ErrFault
	case at != "":
		s.pending = at
		if k != effect {
			s.pending = Before // its own record is made: die at whatever comes next
		}
	}
	return err
}

// enter counts a call and says what is to happen after it: a Position, or "".
func (s *Stopper) enter(l *life, k kind, name string) (Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.dead {
		return "", ErrDead
	}
	if s.pending == Before || s.pending == Unrecorded && k == write {
		s.die()
	}
	if s.asleep {
		return "", nil
	}
	s.counts[name]++
	p := Point{Call: name, N: s.counts[name]}
	for _, at := range k.positions() {
		s.points = append(s.points, Point{Call: p.Call, N: p.N, At: at, External: k == effect})
	}
	if s.target == nil || s.hit || s.target.Call != p.Call || s.target.N != p.N {
		return "", nil
	}
	s.hit = true
	switch s.target.At {
	case Before:
		s.die()
	case Failed:
		return "", ErrFault
	}
	return s.target.At, nil
}

// die ends the process. The lock is given back by the callers' deferred Unlock.
func (s *Stopper) die() {
	s.end()
	panic(stop{at: *s.target})
}

// Ledger stands before a ledger, for the present process.
func (s *Stopper) Ledger(inner rotator.Ledger) rotator.Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &ledger{s: s, life: s.life, inner: inner}
}
