package rotator

import (
	"context"
	"errors"
	"time"

	"quarterturn/notify"
	"quarterturn/secret"
)

var (
	// ErrStale: rev or epoch moved on. Nothing was recorded; what was learned must be looked at again.
	ErrStale = errors.New("somebody else recorded first")
	// ErrHeld: another worker holds the lease.
	ErrHeld = errors.New("another pass is working on this rotation")
	// ErrNotFound: no such rotation, pair or credential.
	ErrNotFound = errors.New("not in the ledger")
	// ErrOpen: the credential already has an open rotation.
	ErrOpen = errors.New("a rotation is already open")
	// ErrExists: a pair with one of these prints, or an unfinished one, is already there.
	ErrExists = errors.New("this pair is already known")
)

// Ledger keeps pairs, rotations and their trail. It alone may have more than three methods. Every write is one
// transaction with its events. Times come from the clock it was built with.
type Ledger interface {
	// Open stores a new rotation (Rev 1, Epoch 0) and its first events. ErrOpen when the credential has an open
	// rotation that is not a burial and r is not one either; a pair has at most one open burial (ErrOpen too).
	Open(ctx context.Context, r Rotation, e ...Event) error
	// Ready finds what a pass has to do, at most limit rotations and limit credentials, oldest first. One query, whose cost
	// follows what is due and not what exists.
	Ready(ctx context.Context, now time.Time, limit int) (Agenda, error)
	// Inventory lists what is or was configured, by name; named ones only when names are given.
	Inventory(ctx context.Context, names ...string) ([]Item, error)
	// Stock changes the inventory. A credential's LookAt is set to now by everything else that changes its pairs, or ends
	// its rotation.
	Stock(ctx context.Context, s Stock) error
	// Outbox lists at most limit messages that have NextAt <= now and are not over, oldest first.
	Outbox(ctx context.Context, now time.Time, limit int) ([]Parcel, error)
	// Posted stores how far a parcel's delivery has come.
	Posted(ctx context.Context, p Parcel) error
	// Claim takes the lease for ttl, gives it the credential's next Epoch, and returns the rotation with the words after Facts.Heard on
	// the rotation, and the unexpired waivers said on the credential (Rotation ""). ErrHeld, ErrNotFound (also when it
	// has ended).
	Claim(ctx context.Context, id ID, owner string, ttl time.Duration) (Rotation, error)
	// Record applies c in one transaction if c.Rotation still has the Rev and Epoch it was claimed with and the lease
	// is not over; it adds one to Rev, extends the lease by c.Lease (or releases it when c.Release), and returns the
	// new Rev. ErrStale: nothing happened. A word said since the claim keeps NextAt at now or earlier, and a Record that
	// would end the rotation past such a word is ErrStale: no word is ever lost.
	Record(ctx context.Context, c Change) (int64, error)
	// Say appends a word and wakes the rotation (NextAt = now), or every open one of the credential when the word names
	// none. It never fails on Rev. Returns the word's Seq. ErrNotFound: the rotation has ended.
	Say(ctx context.Context, w Word, e ...Event) (int64, error)
	// Keep stores a newly accepted pair and the word that says so in one transaction, and wakes the rotation. The
	// rotation must be in AwaitingKey; for w.Target "old", the pair in use, in DueState. A Candidate that is there
	// already, under the same id, is sealed again, also in Received, without another word. ErrExists otherwise, and when
	// another pair of the credential has p's Life, or another credential's pair, unless refused, has p's whole print.
	Keep(ctx context.Context, p Pair, w Word, e ...Event) error
	// Sealed reads one pair's ciphertext back through a second connection, from committed data only.
	Sealed(ctx context.Context, id PairID) (secret.Sealed, error)
	// Adopt stores or updates the current pair of a credential that has no open rotation. With an event on the
	// credential's own chain (Rotation "credential:NAME").
	Adopt(ctx context.Context, p Pair, e ...Event) error
	// Pairs lists a credential's pairs, oldest first; credential "" lists all.
	Pairs(ctx context.Context, credential string) ([]Pair, error)
	// Find lists pairs of every credential that share a whole print, or one field's print, with p.
	Find(ctx context.Context, p secret.Prints) ([]Pair, error)
	// Epoch is the highest epoch a credential was ever given, 0 before the first: a place with a later one was written by
	// somebody whom this ledger does not know.
	Epoch(ctx context.Context, credential string) (int64, error)
	// Rotations lists a credential's rotations without words, oldest first; credential "" lists all.
	Rotations(ctx context.Context, credential string) ([]Rotation, error)
	// Words lists what was said on a credential, oldest first.
	Words(ctx context.Context, credential string) ([]Word, error)
	// Events lists one chain's events in order.
	Events(ctx context.Context, id ID) ([]Event, error)
	// Chains lists the ids of every chain, oldest first.
	Chains(ctx context.Context) ([]ID, error)
	// Log stores one smoke call at once, whether or not a Record follows. Digests of calls go into the trail.
	Log(ctx context.Context, c Call) error
	// Calls lists a credential's kept calls, oldest first.
	Calls(ctx context.Context, credential string) ([]Call, error)
}

// Change is everything one Record makes true.
type Change struct {
	Rotation Rotation         // as it shall be, with the Rev and Epoch it was claimed with
	Events   []Event          // appended to the rotation's chain in order; Seq, Prev and Hash are the ledger's
	Pairs    []Pair           // stored whole by ID (Life, Sealed nil = wiped, ...)
	Opens    []Rotation       // opened in the same transaction, with an "opened" event each: burials, and one journey when this one ends
	Messages []notify.Message // put into the outbox
	Retires  bool             // the credential is retired with it
	Behind   bool             // the ledger is older than the world: it is to be Agenda.Restored, until it was reconciled
	Lease    time.Duration    // extends the lease from now
	Release  bool             // gives the lease back
}
