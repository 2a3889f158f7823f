package rotator

import (
	"slices"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/policies"
)

// The model: one credential with three places, three consumers and three pairs that the vendor can issue, worked on by
// two runners, as small numbers. The production learn, decide and apply turn the ledger's row; what is outside follows
// the contracts' words. Times are kept as ages in steps of modelTick and end at two, beyond which no rule of the modelled
// spec tells them apart.

const (
	modelTick  = 5 * time.Minute
	modelPairs = 4 // the fourth is the placeholder of a pair that was never held here
)

// What a place holds or a consumer runs with: 0 nothing, 1-3 the pair of that number, or:
const (
	mTorn    = 5 // the key of pair 1 with the secret of pair 2
	mForeign = 6 // a pair that nobody knows
)

// How a pair stands at the vendor.
const (
	mUnborn = iota
	mAlive
	mDying  // revoked a moment ago: it may be refused from now on, and is after two ticks
	mDying1 // one tick later
	mGone
)

// What is wrong with a pair that a person created.
const (
	mOtherEnvironment = 1 + iota
	mOtherTenant
	mMistyped // its host never accepts it
)

type mPair struct {
	life   uint8 // index into modelLives; 0: the ledger does not know it
	sealed bool
	truth  uint8
	flaw   uint8
	byHand bool // revoked without having been asked for, or put somewhere by a person
	fickle bool // the vendor lied about it, or a person enabled it again
	told   bool // a claim has heard that it was revoked, and it may be dying
}

type mApp struct {
	holds   uint8
	started bool // after the end of its last run
	excused bool // an approval or a waiver named it when a revocation was asked for, or a key that ends another
}

type mRun struct {
	pair, tries, state, ended uint8 // ended: 0 never, else 1+age
	stale, early              bool  // early: asked before the copy it reads was seen to hold the pair
}

type mProof struct {
	pair, age uint8
	waived    bool
	before    bool // it is older than the end of the last run
}

// Bits of mRow.
const (
	bOldDead = 1 << iota
	bNoOld
	bWrote
	bTenant
	bSeen
	bSubmitted
	bPortal
	bBothDead
	bNewDead
	bTaken
	bUsed
	bStop
	bStuck
	bEndWord
)

// mRow is a rotation as the ledger has it.
type mRow struct {
	lane, state, old, new uint8
	entered               uint8
	wish, resume          uint8
	do, target, pair      uint8 // Intent
	revoked, revokedAge   uint8 // pair whose last characters were typed
	joint                 uint8 // 0 none, else 1+age
	triples, lastTriple   uint8
	places                [3]uint8 // pair held
	vers                  [3]uint8 // of a touched place: 0 not seen, 1 as first seen, 2 another one
	runs                  [3]mRun
	proofs                [3]mProof
	approved, alone       bool
	named, namedAlone     uint8 // masks of consumers
	window                uint8
	soak                  uint8 // 0 no miss, 1 too many for the looks, 2 enough looks since
	waivers               uint8
	dead                  uint8 // DeadAt: 0 none, 1 lately, 2 three weeks ago
	grace                 uint8 // NotBefore, as graceTimes
	asks                  uint8
	bits                  [2]uint8 // of the constants above, low byte first
}

// mRunner is a process: at the beginning of a claim nothing, later between two steps or before an effect.
type mRunner struct {
	phase            uint8
	do, target, pair uint8
	fresh            bool // put: nobody wrote the place since the look; redeploy: its once-key is the row's
}

const (
	mIdle = iota
	mWorking
	mActing
)

// mState is one state of the model.
type mState struct {
	pairs   [modelPairs]mPair
	places  [3]uint8
	apps    [3]mApp
	jobs    [3]uint8 // what each pipeline knows of the row's once-key, as in mRun.state
	row     mRow
	graves  [modelPairs]mRow // the burial of the pair of that number
	words   [2]uint8         // said on row and not yet heard
	gwords  [modelPairs]uint8
	waivers uint8 // live ones of the credential
	holder  mRunner
	lost    mRunner // its lease ran out; it does not know yet
	snap    mRow    // the row as lost knows it; used only when the ledger is planted not to compare
	stopped bool    // a process died with the lease
	luck    uint8   // faults and wrong acts that may still happen
	again   uint8   // journeys that may still be opened
}

func (s *mState) is(bit uint16) bool { return s.row.has(bit) }

// ---- names ---------------------------------------------------------------------------------------------------

func modelStates() []State {
	return []State{"", DueState, AwaitingKey, Received, Staged, Distributed, Redeployed, Verified, AwaitingRevocation,
		RevocationProven, RollingBack, FailedState, Closed, RolledBack, Abandoned}
}

func modelLanes() []Lane { return []Lane{"", Routine, Burial, Compromised, Replace, Retire} }

func modelLives() []Life {
	return []Life{"", Candidate, Current, Previous, Orphan, Refused, Dead, Ended, Lost}
}

func modelWishes() []Wish { return []Wish{"", WishRollback, WishAbandon, WishResume, WishHurry} }

func modelActions() []Action { return []Action{Nothing, SealOld, Put, Redeploy} }

// runStates: "" with a once-key is a run whose outcome is unknown.
func modelRuns() []cicd.RunState {
	return []cicd.RunState{"", cicd.Running, cicd.Succeeded, cicd.Failed}
}

func modelWaivers() []string {
	return []string{"rollback", "tenant", "consumer:api", "consumer:jobs", "consumer:desk", "place:vault", "place:ci", "place:mirror"}
}

func indexOf[T comparable](all []T, x T) uint8 { return uint8(slices.Index(all, x)) }

func pairID(n uint8) PairID {
	switch n {
	case 0:
		return ""
	case 1:
		return "pair-1"
	case 2:
		return "pair-2"
	case 3:
		return "pair-3"
	}
	return "pair-4"
}

func pairNo(id PairID) uint8 {
	if id == "" {
		return 0
	}
	return id[len(id)-1] - '0'
}

func fragmentOf(n uint8) string { return "K00" + string('0'+rune(n)) }

// ---- the spec ------------------------------------------------------------------------------------------------

// modelSpec is the quiet spec with times of one or two ticks: a place that is read and written, one that cannot be read
// back, one that follows; a consumer behind each: one names its pair, one can be seen to start, one has no pipeline.
func modelSpec() Spec {
	sp := quietSpec()
	sp.Policy.Overlap, sp.Profile.Propagation, sp.Profile.LiveLimit = modelTick, modelTick, 3
	sp.Consumers = []ConsumerSpec{
		{Name: "api", Reads: []string{"mirror"}, Redeploy: true, Best: cicd.Reported, ProveIn: modelTick},
		{Name: "jobs", Reads: []string{"ci"}, Redeploy: true, Best: cicd.StartedAfter, ProveIn: modelTick},
		{Name: "desk", Reads: []string{"vault"}, Best: cicd.Reported, ProveIn: modelTick}}
	return sp
}

const (
	mVault = iota
	mCI
	mMirror
)

// reads is the place a consumer reads.
func reads(consumer int) int { return [3]int{mMirror, mCI, mVault}[consumer] }

// model is what one worker of the search has at hand. plant is nil, or what is wrong on purpose.
type model struct {
	sp        Spec
	now       time.Time
	states    []State
	lanes     []Lane
	lives     []Life
	wishes    []Wish
	actions   []Action
	runStates []cicd.RunState
	waivable  []string
	rowsOf    map[key][]namedRow
	plant     *plant
	setting   *setting
	rt        *Rotator
	broken    []string // what does not hold in the step being made
}

// ---- from small numbers to a rotation ------------------------------------------------------------------------

// aged is an instant so many ticks ago, d before their beginning: what is recorded in this step comes after all of it.
func (m *model) aged(n uint8, d time.Duration) time.Time {
	return m.now.Add(-time.Duration(n)*modelTick - d)
}

func (m *model) age(t time.Time) uint8 { return uint8(min(m.now.Sub(t)/modelTick, 2)) }

func (m *model) graceTime(n uint8) time.Time {
	switch n {
	case 1:
		return m.now.Add(2 * modelTick)
	case 2:
		return m.now.Add(modelTick)
	case 3:
		return m.now.Add(-time.Second)
	case 4:
		return m.now.Add(-modelTick - time.Second)
	case 5:
		return m.now.Add(watchEvery)
	}
	return time.Time{}
}

func (m *model) graceNo(t time.Time) uint8 {
	switch d := t.Sub(m.now); {
	case t.IsZero():
		return 0
	case d > 2*modelTick:
		return 5
	case d > modelTick:
		return 1
	case d > 0:
		return 2
	case d > -modelTick:
		return 3
	}
	return 4
}

// rotation is the row as production code knows it. Words are those a claim returns, if this is the step after one.
func (m *model) rotation(s *mState, r *mRow) Rotation {
	rot := Rotation{ID: "rot", Credential: "bluum", Lane: m.lanes[r.lane], State: m.states[r.state], Old: pairID(r.old), New: pairID(r.new),
		Rev: 1, Epoch: 3, Spec: m.sp.Digest, OpenedAt: m.aged(9, 0), EnteredAt: m.aged(r.entered, time.Second), NextAt: m.now}
	if rot.Lane == Burial {
		rot.ID = "burial-" + ID(pairID(r.old))
	}
	f := &rot.Facts
	f.OldDead, f.NoOld, f.Wrote, f.BothDead = r.has(bOldDead), r.has(bNoOld), r.has(bWrote), r.has(bBothDead)
	f.NewDead, f.Taken, f.Used = r.has(bNewDead), r.has(bTaken), r.has(bUsed)
	f.Tenant, f.Seen, f.SubmittedBy = said1(r.has(bTenant), "shared"), said1(r.has(bSeen), m.sp.Environment), said1(r.has(bSubmitted), "anna")
	f.Stop = said1(r.has(bStop), "stopped: forbidden")
	if r.has(bStuck) {
		f.Stuck = 1
	}
	if r.has(bPortal) {
		f.Portal = &Word{Kind: AttestIt, Who: "anna", Text: "Acme"}
	}
	if r.has(bEndWord) {
		f.EndWord = &Word{Kind: AttestIt, Who: "anna", Pair: pairID(r.old), At: m.aged(0, time.Second)}
	}
	if f.Wish = m.wishes[r.wish]; f.Wish != "" {
		f.WishWord = &Word{Who: "anna"}
	}
	f.Resume = m.states[r.resume]
	f.Reason = said1(r.resume != 0, "a reason")
	if r.do != 0 {
		f.Intent = &Intent{Do: m.actions[r.do], Target: m.targetName(r.do, r.target), Pair: pairID(r.pair)}
	}
	if r.revoked != 0 {
		f.Revoked = &Word{Kind: RevokedIt, Who: "anna", Fragment: fragmentOf(r.revoked), At: m.aged(r.revokedAge, time.Second)}
	}
	if r.joint != 0 {
		f.JointSince = m.aged(r.joint-1, time.Second)
	}
	f.NotBefore = m.graceTime(r.grace)
	if r.dead != 0 {
		f.DeadAt = m.now.Add(-time.Minute)
		if r.dead == 2 {
			f.DeadAt = m.now.Add(-watchFor)
		}
	}
	m.triplesOf(r, f)
	m.spread(r, f)
	m.agreed(s, r, f)
	return rot
}

func said1(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func (r *mRow) has(bit uint16) bool { return (uint16(r.bits[0])|uint16(r.bits[1])<<8)&bit != 0 }

func (r *mRow) set(bit uint16, is bool) {
	if is {
		r.bits[0] |= uint8(bit)
		r.bits[1] |= uint8(bit >> 8)
	}
}

func (m *model) targetName(do, target uint8) string {
	if m.actions[do] == Redeploy {
		return m.sp.Consumers[target].Name
	}
	return m.sp.Places[target].Name
}

func (m *model) triplesOf(r *mRow, f *Facts) {
	for i := r.triples; i > 0; i-- {
		f.Triples = append(f.Triples, Triple{At: m.aged(r.lastTriple+i-1, time.Second), Until: m.now, Host: m.sp.Profile.Host})
	}
}

// spread is what is known of places, runs and proofs.
func (m *model) spread(r *mRow, f *Facts) {
	f.Places, f.Runs, f.Proofs = map[string]PlaceFact{}, map[string]RunFact{}, map[string]Proof{}
	for i, p := range m.sp.Places {
		if r.places[i] != 0 {
			grade := backends.ReadBack
			if !p.Readable {
				grade = backends.Touched
			}
			f.Places[p.Name] = PlaceFact{Pair: pairID(r.places[i]), Grade: grade, Since: m.now.Add(-2 * time.Hour), Version: [3]string{"", "1", "0"}[r.vers[i]]}
		}
	}
	for i, c := range m.sp.Consumers {
		if x := r.runs[i]; x.pair != 0 {
			run := RunFact{Pair: pairID(x.pair), Once: "once", Attempt: 1, Tries: int(x.tries), Stale: x.stale,
				Asked: m.now.Add(-time.Hour), Run: cicd.Run{Once: "once", State: m.runStates[x.state]}}
			if x.early {
				run.Asked = m.now.Add(-3 * time.Hour)
			}
			if x.ended > 0 {
				run.Run.EndedAt = m.aged(x.ended-1, 3*time.Second)
			}
			f.Runs[c.Name] = run
		}
		if x := r.proofs[i]; x.pair != 0 {
			p := Proof{Pair: pairID(x.pair), Use: c.Best, At: m.aged(x.age, 2*time.Second)}
			if x.before {
				p.At = m.aged(x.age, 4*time.Second)
			}
			if x.waived {
				p.Use, p.By = cicd.Unproven, "olga: because"
			}
			f.Proofs[c.Name] = p
		}
	}
	f.Looks, f.Misses = [3]int{0, 1, soakBudget}[r.soak], int(min(r.soak, 1))
}

// agreed is what people have agreed to.
func (m *model) agreed(s *mState, r *mRow, f *Facts) {
	say := func(who string, alone bool, mask uint8) {
		f.Approvals = append(f.Approvals, Word{Kind: Approved, Who: who, Alone: alone, Spec: m.sp.Digest, Consumers: m.consumersOf(mask)})
	}
	if r.approved {
		say("ben", false, 0)
	}
	if r.alone {
		say("anna", true, 0)
	}
	if r.named != 0 {
		say("ben", false, r.named)
	}
	if r.namedAlone != 0 {
		say("anna", true, r.namedAlone)
	}
	if r.window != 0 {
		f.Window = m.windowWord(r.window)
		f.Approvals = append(f.Approvals, *f.Window)
	}
	for i, target := range m.waivable {
		if r.waivers&(1<<i) != 0 {
			f.Waivers = append(f.Waivers, m.waiver(i, target, s.waivers&(1<<i) != 0))
		}
	}
	f.NoRollback = said1(r.waivers&1 != 0, "olga: because")
}

func (m *model) waiver(i int, target string, live bool) Word {
	w := Word{Seq: int64(i) + 1, Credential: "bluum", Kind: WaiveIt, Who: "olga", Target: target, Text: "because", Expires: m.now.Add(policies.Day)}
	if !live {
		w.Expires = m.now.Add(-time.Second)
	}
	return w
}

func (m *model) consumersOf(mask uint8) []string {
	var names []string
	for i, c := range m.sp.Consumers {
		if mask&(1<<i) != 0 {
			names = append(names, c.Name)
		}
	}
	return names
}

func (m *model) windowWord(n uint8) *Word {
	w := Word{Kind: Approved, Who: "ben", Spec: m.sp.Digest, Consumers: m.consumersOf(7), From: m.aged(0, time.Minute), To: m.now.Add(time.Hour)}
	switch n {
	case 1:
		w.From = m.now.Add(modelTick)
	case 3:
		w.From, w.To = m.now.Add(-2*time.Hour), m.now.Add(-time.Hour)
	}
	return &w
}
