package rotator

import (
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/vendors"
)

// Seen is one look: everything decide needs of the outside, classified, without any value. What the state does not
// need is nil.
type Seen struct {
	At       time.Time
	Places   map[string]PlaceSeen // by name
	Runs     map[string]RunSeen   // by consumer
	Uses     map[string]UseSeen   // by consumer
	Old      *vendors.Reading
	New      *vendors.Reading
	Random   *vendors.Reading
	OldPair  Pair // zero when there is none
	NewPair  Pair
	Opened   Opened
	Orphans  []OrphanSeen // of the credential, not dead and not attested, other than this rotation's pairs
	Changed  bool         // preflight: the places agree on another pair than the sealed one
	Live     int          // pairs of the credential that may be alive at the vendor, as far as the ledger knows
	Unfit    int          // how many of Problems, the first ones, are about places and what they hold
	Problems []string     // preflight: each names its remedy
	Waivable []string     // what of Problems a waiver would settle, as its target
	Checked  bool         // preflight was looked at
	Source   string       // preflight: the place the old pair can be read from, "" when none holds it
	Nowhere  bool         // preflight: every place was reached and none holds anything
	OldHeld  bool         // a sealed copy of the old pair exists
	NewHeld  bool         // a sealed copy of the new pair exists
	NewAway  bool         // some readable place can return the new pair
	NewOpen  bool         // the new pair's material is at hand, from its sealed copy or a place
	Control  string       // retire: the credential whose pair in use stands for New in a triple, "" when there is none
	ProbeAt  time.Time    // a probe was not made: due again then
	ProbeWhy string       // why it was not made
}

// OrphanSeen is a pair that nobody should use, with what its burial waits for.
type OrphanSeen struct {
	Pair         PairID
	Why, Command string
	Sealed       bool // a copy is here
	Whole        Pair
	InPlace      bool // a place holds it, or may, where none can be read back
}

// Opened says whether this process can open sealed copies.
type Opened struct {
	Able bool
	Err  string // value-free: why a sealed copy could not be opened, "" when it could
}

// Holds is which generation a place holds.
type Holds string

const (
	HoldsNothing Holds = "nothing" // reached, and absent
	HoldsOld     Holds = "old"     //
	HoldsNew     Holds = "new"     //
	HoldsTorn    Holds = "torn"    // fields of different generations, or half a pair
	HoldsOther   Holds = "other"   // another generation of this credential that the ledger knows
	HoldsForeign Holds = "foreign" // a pair this ledger has never seen, or another credential's
	// HoldsIncomparable: the fingerprint key under which the ledger's pairs have their prints is lost: the same or another
	HoldsIncomparable Holds = "incomparable"
	HoldsHidden       Holds = "hidden"      // it cannot be read back
	HoldsUnknown      Holds = "not reached" // Observe failed
)

// PlaceSeen is one place as it was found.
type PlaceSeen struct {
	Holds   Holds
	Grade   backends.Grade
	Version string
	Err     string // value-free, for HoldsUnknown
	Pair    PairID // for HoldsOther: which; for HoldsForeign: which of another credential, "" for a pair this ledger has never seen
	Epoch   int64  // of the write that changed it last, 0 when unknown
}

// RunSeen is a consumer's deployment as its pipeline tells it.
type RunSeen struct {
	Run   cicd.Run
	Known bool   // false: the pipeline knows no such run
	Err   string // value-free: it could not be asked
}

// UseSeen is what a consumer showed.
type UseSeen struct {
	Use   cicd.Use
	Names Holds // HoldsNew, HoldsOld, HoldsForeign when it named a generation; "" when it named none
	At    time.Time
	Note  string
	Err   string // it could not be reached: no evidence either way
}

// Action is an effect outside the ledger.
type Action string

const (
	Nothing  Action = ""         // decide waits, or moves
	SealOld  Action = "seal_old" // read the old pair from a place and seal it
	Put      Action = "put"      // write the target pair to one place
	Redeploy Action = "redeploy" // ask for one deployment of one consumer
)

// Move is decide's answer. Do and To are never both set: an effect is followed by another look.
type Move struct {
	Do      Action
	Target  string // the place or consumer Do concerns
	Attempt int    // redeploy: which attempt
	Tries   int    // redeploy: how many in this episode, this one included

	To      State           // "" stays
	Lives   map[PairID]Life // what pairs become with the transition
	Wipe    []PairID        // sealed copies deleted with it
	Bury    []Grave         // burials opened with it
	DropNew bool            // the rotation forgets its new pair
	DropOld bool            // the rotation forgets its old pair
	Unheld  bool            // the old pair was never held here: it gets a place in the inventory
	Again   []string        // consumers whose last run no longer counts
	Rewrite []string        // places that cannot be read back, and are not believed any more
	Spare   bool            // with DropNew: another pair still works
	TakeNew PairID          // the rotation takes this pair, which is sealed here, for its new one
	Skips   []string        // what this lane leaves out, each with its reason: recorded with the transition
	Hurry   bool            // a rotation in the compromised lane is opened with it
	Retires bool            // the credential ends with it
	Resume  State           // entering failed: where to go on
	Deny    string          // a person's wish is answered with no, and why

	Next    time.Time // when to look again
	Why     string    // one sentence
	Command string    // the one command a person is awaited for
	Broken  string    // what is broken now, "" when nothing is
	Trouble bool      // it waits for something that should have worked
	Stop    bool      // the ledger itself is not to be relied on: trying again is wrong
}

// Grave is a burial to be opened.
type Grave struct {
	Pair      PairID
	State     State // AwaitingRevocation, or RevocationProven for a dead pair to be watched
	NotBefore time.Time
	DeadAt    time.Time
	Used      bool // consumers may have run with it
}
