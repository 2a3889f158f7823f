package rotator

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/vendors"
)

// The tables in decide_*_test.go are the product's meaning, told state by state. Each starts from the quiet scene: the
// look in which everything is as it should be, so that the state's last row answers. A line says what is different,
// which row answers, and what comes out. "passes" names the rows that come close and must leave the question alone; a
// question mark before one says: where this state asks it.
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
	lives   map[PairID]Life
	wipe    []PairID
	bury    []Grave
	again   []string
	drops   bool
	dropOld bool
	rewrite []string
	unheld  bool
	deny    string
	why     string
	command string
	broken  string
	trouble bool
	next    time.Duration // from now; 0: any

	spare   bool
	takeNew PairID
	skips   []string
	retires bool

	resumeHere bool // failed: resuming goes on in the state it failed in
}

// skipping is the same with what the lane leaves out.
func (want reply) skipping(what ...string) reply {
	want.skips = what
	return want
}

// table runs the lines of one row list, and holds the list to being told completely.
func table(t *testing.T, lane Lane, state State, lines []ask) {
	t.Helper()
	told := map[string]bool{}
	for _, line := range lines {
		t.Run(line.name, func(t *testing.T) { told = line.check(t, lane, state, told) })
	}
	crossed(t, lane, state, lines)
	names := rowNames(laneRows(quiet(lane, state).r))
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
	here := rowNames(laneRows(c.r))
	for _, n := range strings.Fields(a.passes) {
		n, shared := strings.CutPrefix(n, "?") // of a line that several states share: where the row is asked
		if shared && !slices.Contains(here, n) {
			continue
		}
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
	got := reply{do: m.Do, target: m.Target, attempt: m.Attempt, tries: m.Tries, to: m.To, lives: m.Lives,
		resumeHere: m.Resume != "" && m.Resume == c.r.State, wipe: m.Wipe, bury: m.Bury, again: m.Again, drops: m.DropNew, dropOld: m.DropOld, rewrite: m.Rewrite, unheld: m.Unheld, deny: part(m.Deny, want.deny), why: part(m.Why, want.why),
		spare: m.Spare, takeNew: m.TakeNew, skips: m.Skips, retires: m.Retires,
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
		{name: "I-4: rollback is wished and the old pair answers for another environment", row: "heedRollback",
			given: func(c *scene) { c.wish(WishRollback, "sam"); c.s.Old = accepted(); c.s.Old.Environment = "sandbox" },
			want:  reply{deny: "answers for sandbox, not for production"}},
		{name: "I-1: rollback is wished, and a moment ago somebody said that the old pair was revoked", row: "heedRollback",
			given: saidThenBack(time.Minute, accepted()), want: reply{deny: "the old pair was revoked, as sam said"}},
		{name: "I-1: the same, and whether the new one works is unclear", row: "heedRollback",
			given: saidThenBack(19*time.Minute, unclear()), want: reply{deny: "the old pair was revoked, as sam said"}},
		{name: "the same, and it should have died by now", row: "heedRollback",
			given: saidThenBack(20*time.Minute, unclear()), want: reply{to: RollingBack}},
		{name: "the same, and the new one is refused: nothing to lose", row: "heedRollback",
			given: saidThenBack(time.Minute, refused()), want: reply{to: RollingBack}},
		{name: "the same, and no pair works: nothing to lose", row: "heedRollback",
			given: func(c *scene) { saidThenBack(time.Minute, nil)(c); c.r.Facts.BothDead = true }, want: reply{to: RollingBack}},
		{name: "I-12: rollback is wished and no sealed copy exists, as was waived", row: "heedRollback",
			given: func(c *scene) {
				c.wish(WishRollback, "sam")
				c.s.OldHeld = false
				c.r.Facts.NoRollback = "olga: laptop"
			},
			want: reply{deny: "(waived: olga: laptop)"}},
	}
}

// saidThenBack: the vendor accepts the old pair, which somebody said so long ago was revoked, and rollback is wished.
func saidThenBack(before time.Duration, rd *vendors.Reading) func(c *scene) {
	return func(c *scene) {
		c.s.Old, c.s.New = accepted(), rd
		c.r.Facts.Revoked = &Word{Kind: RevokedIt, Who: "sam", Fragment: "OLD1", At: ago(before)}
		c.wish(WishRollback, "sam")
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

// newRefusedFor: the vendor refuses the new pair, and old is what it says of the old one. Both have been refused for so long.
func newRefusedFor(old *vendors.Reading, both time.Duration) func(c *scene) {
	return func(c *scene) {
		c.s.New, c.s.Old, c.r.Facts.NewDead = refused(), old, true
		if verdict(old) == vendors.Refused || !c.s.OldHeld {
			c.r.Facts.JointSince = ago(both)
		}
	}
}

// thirdKey is what comes out when no pair works.
func thirdKey() reply {
	return reply{to: AwaitingKey, drops: true, lives: map[PairID]Life{newID: Orphan},
		bury: []Grave{{Pair: newID, State: AwaitingRevocation, NotBefore: noon().Add(graceBurial), Used: true}}, broken: "no pair works", why: "create a third one"}
}

// deadLines: one pair, or both, refused by the vendor.
func deadLines() []ask {
	return []ask{
		{name: "both pairs are refused, for five minutes: a third key, in the same rotation", row: "bothDead", passes: "?cannotOpen ?newGone",
			given: newRefusedFor(refused(), sureDead), want: thirdKey()},
		{name: "the new pair is refused and no old one is held", row: "bothDead",
			given: func(c *scene) { c.s.OldHeld = false; newRefusedFor(nil, sureDead)(c) }, want: thirdKey()},
		{name: "both pairs are refused for less: one lying answer must not cost a pair", row: "newDead", passes: "bothDead",
			given: newRefusedFor(refused(), sureDead-time.Second),
			want:  reply{trouble: true, why: "looking again, to be sure", broken: "already use the new pair", next: soon}},
		{name: "both were refused, and now the new one is unclear", row: "newDead", passes: "bothDead",
			given: func(c *scene) { newRefusedFor(refused(), time.Hour)(c); c.s.New = unclear() },
			want:  reply{trouble: true, why: "refused the NEW pair when it last answered", broken: "already use the new pair"}},
		{name: "the new pair is refused and the old one works: one way back", row: "newDead", passes: "bothDead",
			given: newRefusedFor(accepted(), 0),
			want: reply{command: "quarterturn rollback bluum", why: "refuses the NEW pair", broken: "already use the new pair",
				next: soon}},
		{name: "I-1: the new pair is refused and the old one unclear: nobody is sent back on a guess", row: "newDead",
			given: newRefusedFor(unclear(), 0),
			want:  reply{trouble: true, why: "is unclear: timeout", broken: "already use the new pair"}},
	}
}

// goneLines: the new pair's only copy was sealed for an identity that is lost.
func goneLines(passes string) []ask {
	gone := func(c *scene) { c.s.NewHeld, c.s.NewOpen = false, false }
	return []ask{
		{name: "L-1: nothing here can return the new pair any more: another is asked for, and it is buried", row: "newGone", passes: passes,
			given: func(c *scene) { gone(c); c.s.Old = accepted(); c.r.Facts.Wrote = false },
			want: reply{to: AwaitingKey, drops: true, spare: true, lives: map[PairID]Life{newID: Orphan},
				bury: []Grave{{Pair: newID, State: AwaitingRevocation}}, why: "create another, and revoke that one"}},
		{name: "L-1, I-6: the same after a write: consumers may use it, and a writer may be late", row: "newGone",
			given: func(c *scene) { gone(c); c.s.Old = accepted(); c.r.Facts.Wrote = true },
			want: reply{to: AwaitingKey, drops: true, spare: true, lives: map[PairID]Life{newID: Orphan},
				bury: []Grave{{Pair: newID, State: AwaitingRevocation, NotBefore: noon().Add(graceBurial), Used: true}}, why: "create another"}},
		{name: "I-16: a place that may return it cannot be reached: it is not given up", row: "newGone",
			given: func(c *scene) { gone(c); c.see("vault", HoldsUnknown) },
			want:  reply{trouble: true, why: "place vault, which may return it, cannot be reached", next: soon}},
	}
}

// clockLines: a clock that is far from the vendor's measures nothing.
func clockLines(passes string) []ask {
	return []ask{
		{name: "the vendor's clock is ten minutes ahead: nothing that depends on time goes on", row: "clockOff", passes: passes,
			given: func(c *scene) { c.s.New.ServerTime = c.s.New.At.Add(10 * time.Minute) },
			want:  reply{why: "this machine's clock is 10m0s behind the vendor's", command: "quarterturn check", next: tick}},
		{name: "the vendor's clock is ten minutes behind", row: "clockOff",
			given: func(c *scene) { c.s.New.ServerTime = c.s.New.At.Add(-10 * time.Minute) },
			want:  reply{why: "10m0s ahead of the vendor's", command: "quarterturn check"}},
	}
}

// lostLines: a place or a consumer that came back.
func lostLines(withdrawn string) []ask {
	return []ask{
		{name: "a place was emptied: fall back to what is proven", row: "placeLost", passes: "?newDead ?newDeadOnly ?clockOff",
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

func TestALaneFromALaterReleaseChangesNothing(t *testing.T) {
	for _, k := range stateKeys() {
		c := quiet(Routine, k.state)
		c.r.Lane = "unheard of"
		reply{why: "this release does not know the unheard of lane; nothing was changed", command: "quarterturn abandon bluum"}.
			check(t, c, decide(c.sp, c.r, c.s, c.now))
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
		if s != RollingBack {
			keys = append(keys, key{Compromised, s}, key{Replace, s})
		}
	}
	return append(keys, key{Retire, DueState}, key{Retire, AwaitingRevocation})
}

func join(lists ...[]ask) []ask { return slices.Concat(lists...) }
