package rotator

import (
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/policies"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// The tables in decide_*_test.go are the product's meaning, told state by state. Each starts from the quiet scene: the
// look in which everything is as it should be, so that the state's last row answers. A line says what is different,
// which row answers, and what comes out. "passes" names the rows that come close and must leave the question alone.
// Every row of a state's list has at least one line where it answers and one where it is named as passing.

// ask is one line of a table.
type ask struct {
	name   string
	given  func(c *scene) // nil: the quiet scene
	row    string         // the row that answers
	passes string         // rows, separated by blanks, that are asked before it and must not answer
	want   reply
}

// reply is a Move as a table tells it: why, deny and broken by a part of their text, everything else exactly.
type reply struct {
	do      Action
	target  string
	attempt int
	tries   int
	to      State
	resume  State
	lives   map[PairID]Life
	wipe    []PairID
	bury    []Grave
	again   []string
	drops   bool
	deny    string
	why     string
	command string
	broken  string
	trouble bool
	next    time.Duration // from now; 0: any
}

// table runs the lines of one row list, and holds the list to being told completely.
func table(t *testing.T, lane Lane, state State, lines []ask) {
	t.Helper()
	told := map[string]bool{}
	for _, line := range lines {
		t.Run(line.name, func(t *testing.T) { told = line.check(t, lane, state, told) })
	}
	names := rowNames(rows(quiet(lane, state).r))
	for i, n := range names {
		if !told[n] {
			t.Errorf("%s, %s: no line in which %s answers", lane, state, n)
		}
		if i < len(names)-1 && !told["not "+n] {
			t.Errorf("%s, %s: no line that %s must leave alone", lane, state, n)
		}
	}
}

func (a ask) check(t *testing.T, lane Lane, state State, told map[string]bool) map[string]bool {
	c := quiet(lane, state)
	if a.given != nil {
		a.given(&c)
	}
	asked, answered := c.first()
	if answered != a.row {
		t.Fatalf("%s answered, want %s", answered, a.row)
	}
	for _, n := range strings.Fields(a.passes) {
		if !slices.Contains(asked, n) {
			t.Errorf("%s was not asked before %s", n, a.row)
		}
		told["not "+n] = true
	}
	told[a.row] = true
	a.want.check(t, c, decide(c.sp, c.r, c.s, c.now))
	return told
}

func (want reply) check(t *testing.T, c scene, m Move) {
	t.Helper()
	got := reply{do: m.Do, target: m.Target, attempt: m.Attempt, tries: m.Tries, to: m.To, resume: m.Resume, lives: m.Lives,
		wipe: m.Wipe, bury: m.Bury, again: m.Again, drops: m.DropNew, deny: part(m.Deny, want.deny), why: part(m.Why, want.why),
		command: m.Command, broken: part(m.Broken, want.broken), trouble: m.Trouble}
	if want.next != 0 {
		got.next = m.Next.Sub(c.now)
	}
	if want.why == "" {
		got.why = ""
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(reply{})); diff != "" {
		t.Errorf("the move differs (-want +got):\n%s", diff)
	}
	checkTotal(t, c, m)
}

// part stands for a text that contains what a line names.
func part(text, named string) string {
	if named != "" && strings.Contains(text, named) {
		return named
	}
	return text
}

// scene is everything decide is given.
type scene struct {
	sp  Spec
	r   Rotation
	s   Seen
	now time.Time
}

// first names the rows that were asked and passed, and the one that answered.
func (c scene) first() (asked []string, answered string) {
	all := rows(c.r)
	names := rowNames(all)
	for i, rw := range all {
		if _, ok := rw(view(c)); ok {
			return names[:i], names[i]
		}
	}
	return names, "nobody"
}

func rowNames(all []row) []string {
	var names []string
	for _, rw := range all {
		full := runtime.FuncForPC(reflect.ValueOf(rw).Pointer()).Name()
		names = append(names, full[strings.LastIndex(full, ".")+1:])
	}
	return names
}

// checkTotal is what every move must be, whatever was asked: an effect, a transition, a denial, or a wait with a time
// ahead and a reason.
func checkTotal(t interface{ Errorf(string, ...any) }, c scene, m Move) {
	kinds := 0
	for _, is := range []bool{m.Do != Nothing, m.To != "", m.Deny != ""} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		t.Errorf("more than one of Do, To and Deny: %+v", m)
	case m.Deny == "" && m.Why == "":
		t.Errorf("no reason: %+v", m)
	case kinds == 0 && !m.Next.After(c.now):
		t.Errorf("waits until %s, and it is %s: %s", m.Next, c.now, m.Why)
	case kinds > 0 && m.Command != "":
		t.Errorf("it acts, and asks a person as well: %+v", m)
	}
}

// ---- the quiet scene -----------------------------------------------------------------------------------------

const (
	oldID   PairID = "old"
	newID   PairID = "new"
	otherID PairID = "other"
)

// noon is when every quiet scene looks.
func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// ago is so long before noon.
func ago(d time.Duration) time.Time { return noon().Add(-d) }

// quietSpec has a place that is read and written, one that follows it, one that can't be read back, and a consumer
// behind each of the latter two.
func quietSpec() Spec {
	return Spec{Credential: "bluum", Vendor: "bluum", Environment: "production", Digest: "spec 1", Fields: []string{"key", "secret"},
		Policy: policies.Policy{MaxAge: 90 * policies.Day, RotateAt: 75 * policies.Day, Overlap: 24 * time.Hour,
			ApproveRevocation: policies.SecondPerson},
		Profile: ProfileSpec{Lifecycle: "overlap", Host: "api.example", LiveLimit: 2, Propagation: 10 * time.Minute,
			FailingProbes: true, KeyField: "key"},
		Places: []PlaceSpec{
			{Name: "vault", Fields: []string{"key", "secret"}, Readable: true},
			{Name: "ci", Fields: []string{"key", "secret"}},
			{Name: "mirror", Fields: []string{"key", "secret"}, Readable: true, Follows: "vault"}},
		Consumers: []ConsumerSpec{
			{Name: "api", Reads: []string{"mirror"}, Redeploy: true, Best: cicd.Reported, ProveIn: 10 * time.Minute},
			{Name: "jobs", Reads: []string{"ci"}, Redeploy: true, Best: cicd.RanWithNew, ProveIn: 10 * time.Minute}},
		Owner: "olga", Approvers: []string{"anna", "ben"}}
}

func oldPair() Pair {
	return Pair{ID: oldID, Credential: "bluum", Environment: "production", Life: Current, Created: ago(80 * policies.Day),
		Fragment: "OLD1", Sealed: secret.Sealed("sealed")}
}

func newPair() Pair {
	return Pair{ID: newID, Credential: "bluum", Environment: "production", Life: Candidate, Created: ago(50 * time.Hour),
		Fragment: "NEW1", Sealed: secret.Sealed("sealed")}
}

func accepted() *vendors.Reading {
	return &vendors.Reading{Verdict: vendors.Accepted, Host: "api.example", Status: 200, At: noon(), Environment: "production",
		Subjects: []string{"account 1"}}
}

func refused() *vendors.Reading {
	return &vendors.Reading{Verdict: vendors.Refused, Host: "api.example", Status: 401, Code: "X-401-3", At: noon(), Why: "X-401-3"}
}

func unclear() *vendors.Reading {
	return &vendors.Reading{Verdict: vendors.Unclear, Host: "api.example", At: noon(), Why: "timeout"}
}

// quiet is the scene in which the last row of the state's list answers.
func quiet(lane Lane, state State) scene {
	c := scene{sp: quietSpec(), now: noon(), r: Rotation{ID: "rot", Credential: "bluum", Lane: lane, State: state, Old: oldID,
		Rev: 7, Epoch: 3, Spec: "spec 1", OpenedAt: ago(60 * time.Hour), EnteredAt: ago(48 * time.Hour)}}
	c.s = Seen{At: noon(), Old: accepted(), OldPair: oldPair(), OldHeld: true, Opened: Opened{Able: true}, Live: 1}
	switch {
	case lane == Burial:
		c.burial()
	case state == DueState:
		c.s.Checked, c.s.Source = true, "vault"
		c.places(HoldsOld)
	case state == AwaitingKey:
		c.s.Checked, c.s.Source, c.s.Old = true, "vault", nil
		c.places(HoldsOld)
	default:
		c.underWay()
	}
	return c
}

// underWay: the new pair is here, and everything holds and uses it.
func (c *scene) underWay() {
	c.r.New, c.s.New, c.s.NewPair, c.s.NewHeld, c.s.NewAway, c.s.Live = newID, accepted(), newPair(), true, true, 2
	f := &c.r.Facts
	f.SubmittedBy, f.Seen, f.Tenant, f.Wrote = "sam", "production", "shared account", c.r.State != Received
	f.Approvals = []Word{{Kind: Approved, Who: "anna", Spec: "spec 1", At: ago(time.Hour)}}
	f.Resume, f.Reason = Staged, "place vault: the place refuses this access"
	holds, target := HoldsNew, newID
	if c.r.State == RollingBack {
		holds, target = HoldsOld, oldID
	}
	c.places(holds)
	c.held(target)
	c.proven(target, holds)
	switch c.r.State {
	case AwaitingRevocation, RevocationProven:
		c.s.OldPair.Life, c.s.NewPair.Life = Previous, Current
		c.s.Old, c.s.Random = refused(), refused()
		f.Triples = triples(10*time.Minute, 5*time.Minute, 0)
	}
}

// burial: the pair is refused, nobody holds it, and the death proof is complete.
func (c *scene) burial() {
	c.s.OldPair.Life, c.s.Old, c.s.Random = Orphan, refused(), refused()
	c.s.New, c.s.NewPair = accepted(), newPair()
	c.s.NewPair.Life = Current
	c.r.Facts = Facts{}.copy()
	if c.r.State == RevocationProven {
		c.s.OldPair.Life, c.r.Facts.DeadAt = Dead, ago(48*time.Hour)
		return
	}
	c.places(HoldsNew)
	c.r.Facts.Triples = triples(10*time.Minute, 5*time.Minute, 0)
}

// places: every place was seen so; the one that can't be read back is hidden.
func (c *scene) places(h Holds) {
	c.s.Places = map[string]PlaceSeen{}
	for _, p := range c.sp.Places {
		c.s.Places[p.Name] = PlaceSeen{Holds: h, Grade: backends.ReadBack}
		if !p.Readable {
			c.s.Places[p.Name] = PlaceSeen{Holds: HoldsHidden, Grade: backends.Touched}
		}
	}
}

func (c *scene) held(target PairID) {
	c.r.Facts.Places = map[string]PlaceFact{}
	for _, p := range c.sp.Places {
		c.r.Facts.Places[p.Name] = PlaceFact{Pair: target, Grade: backends.ReadBack, Since: ago(50 * time.Hour)}
	}
}

// proven: every consumer was redeployed after the write and proved itself in this very look.
func (c *scene) proven(target PairID, names Holds) {
	c.s.Uses, c.r.Facts.Runs, c.r.Facts.Proofs = map[string]UseSeen{}, map[string]RunFact{}, map[string]Proof{}
	for _, k := range c.sp.Consumers {
		c.s.Uses[k.Name] = UseSeen{Use: k.Best, Names: names, At: noon()}
		c.r.Facts.Runs[k.Name] = ran(target, cicd.Succeeded)
		c.r.Facts.Proofs[k.Name] = Proof{Pair: target, Use: k.Best, At: noon()}
	}
}

// ran is a first attempt, asked after the write.
func ran(pair PairID, state cicd.RunState) RunFact {
	f := RunFact{Pair: pair, Once: "once 1", Attempt: 1, Tries: 1, Asked: ago(49 * time.Hour),
		Run: cicd.Run{Once: "once 1", State: state}}
	if state == cicd.Succeeded || state == cicd.Failed {
		f.Run.EndedAt, f.Run.Note = ago(48*time.Hour), "exit code 3"
	}
	return f
}

// triples is a death proof with looks so long before noon.
func triples(before ...time.Duration) []Triple {
	var all []Triple
	for _, d := range before {
		all = append(all, Triple{At: ago(d), Host: "api.example", New: "200", Random: "X-401-3", Old: "X-401-3"})
	}
	return all
}

func (c *scene) wish(w Wish, who string) {
	c.r.Facts.Wish, c.r.Facts.WishWord = w, &Word{Who: who, At: ago(time.Minute)}
}

func (c *scene) waive(target string, lasts time.Duration) {
	c.r.Facts.Waivers = append(c.r.Facts.Waivers, Word{Kind: WaiveIt, Target: target, Who: "olga", Text: "known",
		Expires: c.now.Add(lasts)})
}

func (c *scene) see(place string, h Holds) {
	c.s.Places[place] = PlaceSeen{Holds: h, Err: "timeout"}
	if h != HoldsUnknown {
		c.s.Places[place] = PlaceSeen{Holds: h, Grade: backends.ReadBack}
	}
}

// unheld: place does not hold the target, as learn would have found out.
func (c *scene) unheld(place string, h Holds) {
	delete(c.r.Facts.Places, place)
	c.see(place, h)
}

// run changes what is known of a consumer's redeployment.
func (c *scene) run(consumer string, change func(*RunFact)) {
	f := c.r.Facts.Runs[consumer]
	change(&f)
	c.r.Facts.Runs[consumer] = f
}

// consumer changes how a consumer is configured.
func (c *scene) consumer(name string, change func(*ConsumerSpec)) {
	for i := range c.sp.Consumers {
		if c.sp.Consumers[i].Name == name {
			change(&c.sp.Consumers[i])
		}
	}
}

// ---- the rows that hold in many states -----------------------------------------------------------------------

// The lines below are the same in several states, so they are told once and added to each table that has the row.

func abandonDenied() []ask {
	return []ask{
		{name: "abandon is wished after a write: the way back is rollback", row: "denyAbandon",
			given: func(c *scene) { c.wish(WishAbandon, "sam") }, want: reply{deny: "quarterturn rollback bluum"}},
	}
}

func rollbackLines() []ask {
	return []ask{
		{name: "rollback is wished and the old pair works", row: "heedRollback", passes: "denyAbandon",
			given: func(c *scene) { c.wish(WishRollback, "sam"); c.s.Old = accepted() },
			want:  reply{to: RollingBack, why: "as sam asked"}},
		{name: "I-1, I-12: rollback is wished and the vendor refuses the old pair", row: "heedRollback",
			given: func(c *scene) { c.wish(WishRollback, "sam"); c.s.Old = refused() },
			want:  reply{deny: "the vendor refuses the old pair"}},
		{name: "rollback is wished and whether the old pair lives is unclear: the wish waits", row: "heedRollback",
			given: func(c *scene) { c.wish(WishRollback, "sam"); c.s.Old = unclear() },
			want:  reply{trouble: true, why: "unclear: timeout", next: soon}},
		{name: "I-12: rollback is wished and no sealed copy exists, as was waived", row: "heedRollback",
			given: func(c *scene) {
				c.wish(WishRollback, "sam")
				c.s.OldHeld = false
				c.r.Facts.NoRollback = "olga: laptop"
			},
			want: reply{deny: "(waived: olga: laptop)"}},
	}
}

func openLines(passes string) []ask {
	return []ask{
		{name: "this machine has no sealing identity", row: "cannotOpen", passes: passes,
			given: func(c *scene) { c.s.Opened = Opened{} },
			want:  reply{why: "holds no sealing identity", command: "quarterturn check", next: tick}},
		{name: "a sealed copy does not open", row: "cannotOpen",
			given: func(c *scene) { c.s.Opened.Err = "sealed for others" },
			want:  reply{why: "sealed for others", command: "quarterturn check"}},
	}
}

// deadLines: one pair, or both, refused by the vendor.
func deadLines() []ask {
	third := reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan},
		bury: []Grave{{Pair: newID, State: AwaitingRevocation}}, broken: "no pair works", why: "create a third one"}
	return []ask{
		{name: "both pairs are refused: a third key, in the same rotation", row: "bothDead", passes: "cannotOpen",
			given: func(c *scene) { c.s.New, c.s.Old = refused(), refused() }, want: third},
		{name: "the new pair is refused and no old one is held", row: "bothDead",
			given: func(c *scene) { c.s.New, c.s.Old, c.s.OldHeld = refused(), nil, false }, want: third},
		{name: "the new pair is refused and the old one works: one way back", row: "newDead", passes: "bothDead",
			given: func(c *scene) { c.s.New, c.s.Old = refused(), accepted() },
			want: reply{command: "quarterturn rollback bluum", why: "refuses the NEW pair", broken: "already use the new pair",
				next: soon}},
		{name: "I-1: the new pair is refused and the old one unclear: nobody is sent back on a guess", row: "newDead",
			given: func(c *scene) { c.s.New, c.s.Old = refused(), unclear() },
			want:  reply{trouble: true, why: "is unclear: timeout", broken: "already use the new pair"}},
	}
}

// lostLines: a place or a consumer that came back.
func lostLines(withdrawn string) []ask {
	return []ask{
		{name: "a place was emptied: fall back to what is proven", row: "placeLost", passes: "newDead",
			given: func(c *scene) { c.unheld("vault", HoldsNothing) },
			want:  reply{to: Staged, why: "(nothing instead)" + withdrawn}},
		{name: "a place was overwritten with the old pair", row: "placeLost",
			given: func(c *scene) { c.unheld("mirror", HoldsOld) },
			want:  reply{to: Staged, why: "(old instead)" + withdrawn}},
	}
}

func TestEveryRowListEndsInARowThatAlwaysAnswers(t *testing.T) {
	for _, k := range stateKeys() {
		c := quiet(k.lane, k.state)
		names := rowNames(rows(c.r))
		if _, answered := c.first(); answered != names[len(names)-1] {
			t.Errorf("%s, %s: in the quiet scene %s answers, want the last row, %s", k.lane, k.state, answered, names[len(names)-1])
		}
	}
}

func TestLanesThatAreNotBuiltChangeNothing(t *testing.T) {
	for _, lane := range []Lane{Compromised, Replace, "unheard of"} {
		for _, k := range stateKeys() {
			c := quiet(Routine, k.state)
			c.r.Lane = lane
			reply{why: "the " + string(lane) + " lane is not built yet; nothing was changed", command: "quarterturn abandon bluum"}.
				check(t, c, decide(c.sp, c.r, c.s, c.now))
		}
	}
}

func TestAnUnknownStateWaits(t *testing.T) {
	c := quiet(Routine, Staged)
	c.r.State = "from a later version"
	reply{why: "nothing to do", next: tick}.check(t, c, decide(c.sp, c.r, c.s, c.now))
}

func TestAWaitNeverEndsBeforeAProbeIsAllowed(t *testing.T) {
	c := quiet(Routine, Received)
	c.s.New, c.s.ProbeAt, c.s.ProbeWhy = nil, noon().Add(time.Hour), "budget: 3 failing calls in 10 minutes"
	reply{trouble: true, why: "budget: 3 failing", next: time.Hour}.check(t, c, decide(c.sp, c.r, c.s, c.now))
}

// key is a lane and a state that a rotation can be in.
type key struct {
	lane  Lane
	state State
}

func stateKeys() []key {
	keys := []key{{Burial, AwaitingRevocation}, {Burial, RevocationProven}}
	for _, s := range []State{DueState, AwaitingKey, Received, Staged, Distributed, Redeployed, Verified, AwaitingRevocation,
		RevocationProven, RollingBack, FailedState} {
		keys = append(keys, key{Routine, s})
	}
	return keys
}

func join(lists ...[]ask) []ask { return slices.Concat(lists...) }

// lives is shorthand for what pairs become.
func lives(more ...map[PairID]Life) map[PairID]Life {
	all := map[PairID]Life{}
	for _, m := range more {
		maps.Copy(all, m)
	}
	return all
}
