package rotator

// State names what has been proven, never what is being tried: a crash can lose work, not a fact. decide alone moves a
// rotation; what a person may say in each state is in the comment.
type State string

const (
	// DueState: the policy says rotate. Leaves when preflight passes and the old pair is sealed and probed. abandon.
	DueState State = "due"
	// AwaitingKey: everything needed to finish was ready. Leaves when Accept took a pair in. submit, abandon.
	AwaitingKey State = "awaiting_key"
	// Received: a pair is sealed here, committed and read back. Leaves when its host accepted it and environment and
	// tenant are known. attest, abandon.
	Received State = "received"
	// Staged: the pinned host accepted the new pair. Leaves when every place holds it. rollback, abandon before the
	// first write, waive place.
	Staged State = "staged"
	// Distributed: every place holds the new pair. Leaves when every consumer was redeployed. rollback.
	Distributed State = "distributed"
	// Redeployed: every deployment succeeded. Leaves when every consumer proved its use. rollback, attest, waive.
	Redeployed State = "redeployed"
	// Verified: every consumer uses the new pair. Leaves when the overlap is over and approved. rollback, approve.
	Verified State = "verified"
	// AwaitingRevocation: a person was asked to revoke. Leaves when triples show the old pair dead. rollback, revoked.
	AwaitingRevocation State = "awaiting_revocation"
	// RevocationProven: the old pair is dead. Leaves after one more look at everything. A burial watches here.
	RevocationProven State = "revocation_proven"
	// RollingBack: a person asked for the way back. Leaves when places and consumers are back on the old pair.
	RollingBack State = "rolling_back"
	// FailedState: an effect failed for good. resume, rollback.
	FailedState State = "failed"

	Closed     State = "closed"      // ended: the old pair is proven dead, or attested
	RolledBack State = "rolled_back" // ended: everything is back on the old pair
	Abandoned  State = "abandoned"   // ended before anything was written
)

// Over reports whether the journey has ended.
func (s State) Over() bool { return s == Closed || s == RolledBack || s == Abandoned }
