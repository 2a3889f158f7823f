package rotator

import (
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/policies"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// ID names a rotation, PairID one generation of a key. Both are random, printable and not secret; a pair's id is also
// its generation label.
type (
	ID     string
	PairID string
)

// Life is where a pair stands.
type Life string

const (
	Candidate Life = "candidate" // sealed here, not yet the one in use
	Current   Life = "current"   // the one the consumers should use; carries the age
	Previous  Life = "previous"  // still alive beside its successor, to be revoked
	Orphan    Life = "orphan"    // alive as far as anybody knows, and used by nobody: stays listed until dead or attested
	Refused   Life = "refused"   // never accepted by its host, wiped; may be submitted again
	Dead      Life = "dead"      // proven dead by triples; never written again
	Ended     Life = "attested"  // a person's word that it is revoked; never proven
	Lost      Life = "lost"      // never held here
)

// Pair is one generation of a credential. It outlives rotations.
type Pair struct {
	ID           PairID
	Credential   string
	Environment  string
	Life         Life
	Created      time.Time     // by the vendor's clock or a person's word, UTC; zero: unknown, hence overdue
	CreatedBy    string        // where Created comes from: "vendor", "person", "submission", "" unknown
	Fragment     string        // last four characters of the public key field: what a portal shows; never of a secret field
	Prints       secret.Prints // per field and whole, and whole under every consumer's derived key
	Sealed       secret.Sealed // nil once wiped or when never held
	Digest       string        // of the sealed bytes; stays after the wipe
	BornAt       time.Time     // when this ledger first saw it
	EndedAt      time.Time     // when proven dead or attested
	Organisation string        // what the person saw in the portal, "" when not said
}

// Lane is the kind of a rotation.
type Lane string

const (
	Routine     Lane = "routine"     // by policy, both keys alive for a while
	Burial      Lane = "burial"      // one pair on its way to proven dead, or a dead pair watched
	Compromised Lane = "compromised" // the pair in use is known to others: no waiting, no way back to it
	Replace     Lane = "replace"     // creating the new key ends the old one: in an approved maintenance window
	Retire      Lane = "retire"      // the credential ends without successor
)

// Rotation is one journey: what has been proven so far, and what can't be seen again. Everything else is looked at
// again. Old and New are pairs; a burial's pair is Old and its New is the credential's current pair when it looks.
type Rotation struct {
	ID         ID
	Credential string
	Lane       Lane
	State      State
	Old, New   PairID // "" while unknown
	Rev        int64  // compare-and-swap
	Epoch      int64  // of the lease that may record
	Spec       string // digest of the spec it was opened or last recorded with
	OpenedAt   time.Time
	EnteredAt  time.Time // when State was entered
	NextAt     time.Time // no pass looks before, unless a word wakes it
	Why        string    // why it stands still, one sentence
	Command    string    // the one command a person is awaited for, "" when nobody is
	Facts      Facts
	Words      []Word // everything said since Facts.Heard, and the credential's live waivers; filled by Claim only
}

// Facts is the evidence that can't be seen again, or that must not be forgotten between two looks.
type Facts struct {
	Heard       int64                // sequence of the last word taken in
	Preflight   time.Time            // when preflight last passed
	OldDead     bool                 // the old pair was seen refused before anybody was asked to revoke it
	NoOld       bool                 // a first key: there was no old pair anywhere
	NoRollback  string               // reason of the waiver that allows going on without a sealed old pair
	Wrote       bool                 // a first Put of the new pair was intended
	Places      map[string]PlaceFact // places that hold the target now
	Runs        map[string]RunFact   // by consumer, for the current target and attempt
	Proofs      map[string]Proof     // by consumer, for the current target
	Looks       int                  // soak: looks since verified
	Misses      int                  // soak: looks in which a consumer did not prove itself
	Tenant      string               // how the tenant was proven: "shared account", or who attested which organisation
	Seen        string               // environment the vendor named for the new pair, or "attested"
	Approvals   []Word               // for this spec
	Waivers     []Word               // live ones
	Revoked     *Word                // the person's word that the old pair was revoked
	Triples     []Triple             // of the death proof, oldest first; emptied by an Accepted old
	Unwatched   int                  // death proofs in a row that began anew because looks lay too far apart
	DeadAt      time.Time            // when death was proven; a burial watches from here
	Wish        Wish                 // a person's unfulfilled wish
	WishWord    *Word
	Resume      State             // failed: the state to resume at
	Intent      *Intent           // declared before an effect, cleared after its answer was recorded
	NotBefore   time.Time         // burial of a rolled-back pair: grace before the first look
	Attested    map[string]Word   // by consumer: a person's word that it uses the target
	SubmittedBy string            // who brought the new pair in
	Portal      *Word             // who attested which organisation and environment the portal showed
	EndWord     *Word             // a person's word that the pair to be revoked is revoked: closes as attested
	BothDead    bool              // old and new were refused together: a third key is asked for
	Rejected    string            // why the last pair was turned away, "" when none was
	Reason      string            // failed: why
	Stuck       int               // failed tries of the same effect in a row, for the wait between them
	Stop        string            // an effect failed for good: why; cleared by a transition
	NewDead     bool              // the new pair was refused when the vendor last answered about it
	JointSince  time.Time         // since when no pair is left to go on or back with, zero when one is
	Parts       map[string]string // of the spec it was last looked at with
	Window      *Word             // replace: the approved maintenance window
	Lone        *Word             // compromised: one person approved alone, which is to be reviewed
	Used        bool              // burial: consumers may have run with the pair
	Taken       bool              // compromised: the new pair is the unfinished one of a rotation before, which a place holds
	Told        Told              // what people were last told
}

// Wish is what a person asked for and decide has not answered yet.
type Wish string

const (
	WishRollback Wish = "rollback" // back to the old pair
	WishAbandon  Wish = "abandon"  // stop before anything is written
	WishResume   Wish = "resume"   // go on after what failed was mended
	WishHurry    Wish = "hurry"    // the pair in use is known to others: start over in the compromised lane
)

// PlaceFact says that a place held Pair from Since on.
type PlaceFact struct {
	Pair    PairID
	Grade   backends.Grade
	Since   time.Time
	Version string // of a touched place, as first seen after the write: another one means that somebody else wrote
}

// RunFact is a consumer's redeployment for Pair.
type RunFact struct {
	Pair    PairID
	Once    string
	Attempt int       // over the whole rotation: part of Once
	Tries   int       // in this episode: three failures end it
	Asked   time.Time // when the intent was recorded
	Stale   bool      // it succeeded, and the consumer still did not prove itself: another attempt is needed
	Run     cicd.Run  // State "" while its outcome is unknown
}

// Proof is a consumer's evidence of use of Pair.
type Proof struct {
	Pair PairID
	Use  cicd.Use
	At   time.Time
	Note string
	By   string // waiver's author when it stands by a waiver, "" otherwise
}

// Triple is one look of the death proof: three calls on one host within 60 s.
type Triple struct {
	At                     time.Time
	Until                  time.Time // from At until then looks found the old pair refused and the new one accepted, and no two lay too far apart
	Host                   string
	New, Random, Old       string // the vendor's codes or statuses, e.g. "200", "BLUM-401-003"
	NewID, RandomID, OldID string // trace or request ids
}

// Intent is an effect that was declared before it was tried.
type Intent struct {
	Do     Action
	Target string
	Pair   PairID
	At     time.Time
}

// Word is something a person said. Words are appended, never changed.
type Word struct {
	Seq        int64
	Credential string
	Rotation   ID // "" for a word on the credential
	Kind       WordKind
	Who        string
	At         time.Time
	Pair       PairID    // submitted: the accepted pair; revoked, attested: which pair
	Target     string    // waive, attest: "rollback", "consumer:NAME", "place:NAME", "tenant", "environment", "pair:ID"
	Text       string    // reason, organisation
	Fragment   string    // revoked: last four characters of the key that was revoked
	Expires    time.Time // waivers
	Spec       string    // approvals: digest of the spec approved
	Consumers  []string  // approvals: the consumers that may be left without proof, or without a working key meanwhile
	From, To   time.Time // approvals of a maintenance window: From <= t < To, UTC; zero otherwise
	Alone      bool      // approvals: no second person answered, and the emergency could not wait
}

// WordKind is what a person can say.
type WordKind string

const (
	Submitted  WordKind = "submitted"   // a pair came in through Accept
	Approved   WordKind = "approved"    // the revocation may be asked for
	RevokedIt  WordKind = "revoked"     // the old pair was revoked in the portal
	AttestIt   WordKind = "attested"    // a fact that nothing can show
	WaiveIt    WordKind = "waived"      // go on without one piece of evidence, until Expires
	RollBack   WordKind = "rollback"    // as WishRollback
	Abandon    WordKind = "abandon"     // as WishAbandon
	Resume     WordKind = "resume"      // as WishResume
	Compromise WordKind = "compromised" // the pair in use is known to others: another rotation takes over
	Reviewed   WordKind = "reviewed"    // on the credential: an approval that somebody gave alone was looked at
)

// Event is one line of the trail: chained per rotation, value-free.
type Event struct {
	Rotation ID
	Seq      int64
	At       time.Time
	Kind     string            // e.g. "opened", "intent", "wrote", "proved", "moved"
	Who      string            // "quarterturn" or a person
	From, To State             // for moves
	Text     string            // one sentence
	Data     map[string]string // value-free details: place, version, run id, trace ids, call digests
	Prev     string            // hash of the event before, "" for the first
	Hash     string
}

// Call is one smoke call as it is kept for audits.
type Call struct {
	ID         string
	Credential string
	Pair       PairID // "" for the random pair of a triple
	Reading    vendors.Reading
}

// Spec is what the configuration says about one credential: data only, so that decide stays pure.
type Spec struct {
	Credential   string
	Vendor       string
	Environment  string
	Organisation string // the portal's organisation, "" when the configuration does not name it
	Digest       string // of the whole spec, policy included
	Policy       policies.Policy
	Profile      ProfileSpec
	Fields       []string // material fields, sorted
	Places       []PlaceSpec
	Consumers    []ConsumerSpec
	Owner        string
	Deputy       string // "" when there is none
	Approvers    []string
	Parts        map[string]string // of the whole spec, path → digest: what a change touched can be named without a value
}

// ProfileSpec is what decide needs of a vendor profile.
type ProfileSpec struct {
	Lifecycle        string        // "overlap" or "replace"; "two_slots" is not built
	Host             string        // pinned host of the environment
	LiveLimit        int           // how many pairs may live at once; 0 unknown
	Propagation      time.Duration // how long a revocation may take to bite
	Pace             time.Duration // bounds every span waited for a vendor simulated on this machine; 0: a real one, no bound
	FailingProbes    bool          // false: the profile forbids probes that fail: death is attested, never proven
	NamesEnvironment bool          // the answer says which environment it is
	CanDisable       bool          // the portal can disable before it deletes
	KeyField         string        // the public half, whose last four characters a portal shows
}

// PlaceSpec is a place as decide sees it.
type PlaceSpec struct {
	Name     string
	Fields   []string // the material fields it holds, sorted
	Follows  string   // the place it copies: observed and awaited, never written; "" otherwise
	Readable bool     // it can be read back
	Where    string   // for people, e.g. "app.env"
}

// ConsumerSpec is a consumer as decide sees it.
type ConsumerSpec struct {
	Name     string
	Reads    []string // places
	Redeploy bool     // it has a pipeline
	Best     cicd.Use
	ProveIn  time.Duration // how long after a redeploy a proof is awaited before another attempt; 10m
}
