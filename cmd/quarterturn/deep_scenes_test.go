package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quarterturn/cicd"
	"quarterturn/policies"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// deepScenes are the stories that are told with one and with two things going wrong in them.
func deepScenes(tb testing.TB) []*deepScene {
	keys, err := secret.ParseKeys(strings.NewReader("qtf-00000001:" + strings.Repeat("5a", 32)))
	if err != nil {
		tb.Fatal(err)
	}
	all := slices.Concat(deepRoutine(), deepBack(), deepStopped(), deepHurried(), deepReplaced(), deepBuried(), deepTwo())
	for _, sc := range all {
		sc.keys = keys
	}
	return all
}

func oldDies() map[int]rotator.Life {
	return map[int]rotator.Life{0: rotator.Dead, 1: rotator.Current}
}

func deepRoutine() []*deepScene {
	return []*deepScene{
		{name: "fresh", spec: deepSpec(), state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "two places", spec: deepSpec(deepSecond), state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "write-only place", spec: deepSpec(deepBlind), state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "following place", spec: deepSpec(deepMirror), state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "slow pipeline with a memory", spec: deepSpec(), slow: true, memory: true, state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "first key", spec: deepSpec(), start: deepNone, state: rotator.Closed, holds: 0,
			lives: map[int]rotator.Life{0: rotator.Current}},
		{name: "second person", spec: deepSpec(deepApproved), state: rotator.Closed, holds: 1, lives: oldDies()},
	}
}

func deepBack() []*deepScene {
	back := map[int]rotator.Life{0: rotator.Current, 1: rotator.Orphan}
	return []*deepScene{
		{name: "rollback", spec: deepSpec(), from: deepIn(rotator.AwaitingRevocation), wishes: []deepWish{deepSays(rotator.RollBack, deepIn(rotator.AwaitingRevocation))},
			state: rotator.RolledBack, holds: 0, lives: back, deploy: 2},
		{name: "rollback of two places", spec: deepSpec(deepSecond), from: deepIn(rotator.Verified), wishes: []deepWish{deepSays(rotator.RollBack, deepIn(rotator.Verified))},
			state: rotator.RolledBack, holds: 0, lives: back, deploy: 2},
		{name: "abandon", spec: deepSpec(), from: deepPasted, wishes: []deepWish{deepSays(rotator.Abandon, deepPasted)},
			state: rotator.Abandoned, holds: 0, lives: back, deploy: 2},
	}
}

// deepStopped: something stays broken from the beginning, until the person who is asked mends it.
func deepStopped() []*deepScene {
	barred := func(what string, how deepAt) func(*deepState, rotator.Spec) {
		return func(s *deepState, _ rotator.Spec) {
			s.outages, s.excuses = []deepOutage{{what, how, s.now.Add(1000 * time.Hour)}}, 1
		}
	}
	failed := deepIn(rotator.FailedState)
	return []*deepScene{
		{name: "resume after a right came back", spec: deepSpec(), change: barred("put env", deepBarred), from: failed,
			state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "resume after failed deployments", spec: deepSpec(), change: barred("redeploy app", deepBreaks), from: deepPasted,
			state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "rollback after failed deployments", spec: deepSpec(), change: barred("redeploy app", deepBreaks), from: failed,
			wishes: []deepWish{{what: "going back", when: failed, act: func(s *deepState) { s.mend("") }, say: deepSaying(rotator.RollBack)}},
			state:  rotator.RolledBack, holds: 0, deploy: 2, lives: map[int]rotator.Life{0: rotator.Current, 1: rotator.Orphan}},
	}
}

func deepHurried() []*deepScene {
	third := map[int]rotator.Life{0: rotator.Dead, 1: rotator.Dead, 2: rotator.Current}
	many := func(sp *rotator.Spec) { sp.Profile.LiveLimit = 4 }
	return []*deepScene{
		{name: "compromised", spec: deepSpec(), wishes: []deepWish{deepHurry(deepAtOnce)}, state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "compromised while a pair is received", spec: deepSpec(many), from: deepPasted, wishes: []deepWish{deepHurry(deepPasted)},
			burial: true, state: rotator.Closed, holds: 2, lives: third},
		{name: "compromised while a place holds the new pair", spec: deepSpec(), from: deepIn(rotator.Verified),
			wishes: []deepWish{deepHurry(deepIn(rotator.Verified))}, state: rotator.Closed, holds: 1, lives: oldDies(), deploy: 2},
		{name: "compromised with a second person", spec: deepSpec(deepApproved), wishes: []deepWish{deepHurry(deepAtOnce)},
			state: rotator.Closed, holds: 1, lives: oldDies()},
	}
}

func deepReplaced() []*deepScene {
	named := func(s *deepState) bool { return len(s.keys) > 1 }
	return []*deepScene{
		{name: "replace", spec: deepSpec(deepReplaces), broken: named, state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "replace in an emergency", spec: deepSpec(deepReplaces), broken: named, wishes: []deepWish{deepHurry(deepAtOnce)},
			state: rotator.Closed, holds: 1, lives: oldDies()},
	}
}

func deepBuried() []*deepScene {
	return []*deepScene{
		{name: "burial of an abandoned pair", spec: deepSpec(), wishes: []deepWish{deepSays(rotator.Abandon, deepPasted)},
			from: deepIn(rotator.Abandoned), burial: true, state: rotator.Abandoned, holds: 0,
			lives: map[int]rotator.Life{0: rotator.Current, 1: rotator.Dead}},
		{name: "burial of a rolled-back pair", spec: deepSpec(), wishes: []deepWish{deepSays(rotator.RollBack, deepIn(rotator.Verified))},
			from: deepIn(rotator.RolledBack), burial: true, state: rotator.RolledBack, holds: 0, deploy: 2,
			lives: map[int]rotator.Life{0: rotator.Current, 1: rotator.Dead}},
	}
}

// deepTwo: a runner sleeps in the middle, another takes over its lease, and then the first wakes up.
func deepTwo() []*deepScene {
	back := map[int]rotator.Life{0: rotator.Current, 1: rotator.Orphan}
	return []*deepScene{
		{name: "two runners", spec: deepSpec(), two: true, state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "two runners and a pipeline with a memory", spec: deepSpec(), two: true, memory: true, slow: true, state: rotator.Closed, holds: 1, lives: oldDies()},
		{name: "two runners going back", spec: deepSpec(), two: true, from: deepIn(rotator.Verified), wishes: []deepWish{deepSays(rotator.RollBack, deepIn(rotator.Verified))},
			state: rotator.RolledBack, holds: 0, lives: back, deploy: 2},
		{name: "two runners in an emergency", spec: deepSpec(), two: true, from: deepIn(rotator.Verified),
			wishes: []deepWish{deepHurry(deepIn(rotator.Verified))},
			fits:   deepFresher, deploy: 3},
		{name: "two runners at a burial", spec: deepSpec(), two: true, wishes: []deepWish{deepSays(rotator.RollBack, deepIn(rotator.Verified))},
			from: deepIn(rotator.RolledBack), burial: true, state: rotator.RolledBack, holds: 0, deploy: 2,
			lives: map[int]rotator.Life{0: rotator.Current, 1: rotator.Dead}},
	}
}

// deepFresher: while the cry was not heard yet, the pair in use may have become the new one, which then is the compromised
// one. Either way the journey ends closed, on one pair that is current and younger than the first.
func deepFresher(s *deepState) error {
	row, _ := s.journey()
	k := s.places[0].key
	if row.state != rotator.Closed || k < 1 || s.apps[0].key != k || s.life(k) != rotator.Current || s.keys[0].alive(s.now) {
		return fmt.Errorf("%w: %s, with pair %d, which is %q", errDeepUnended, row.state, k, s.life(k))
	}
	return nil
}

// ---- how specs differ ------------------------------------------------------------------------------------------------

func deepSecond(sp *rotator.Spec) {
	sp.Places = append(sp.Places, rotator.PlaceSpec{Name: "worker-env", Fields: sp.Fields, Readable: true, Where: "worker.env"})
	sp.Consumers = append(sp.Consumers, rotator.ConsumerSpec{Name: "worker", Reads: []string{"worker-env"}, Redeploy: true,
		Best: cicd.StartedAfter, ProveIn: 10 * time.Minute})
}

func deepBlind(sp *rotator.Spec) {
	sp.Places = append(sp.Places, rotator.PlaceSpec{Name: "ci", Fields: sp.Fields, Where: "ci"})
	sp.Consumers = append(sp.Consumers, rotator.ConsumerSpec{Name: "jobs", Reads: []string{"ci"}, Redeploy: true,
		Best: cicd.Reported, ProveIn: 10 * time.Minute})
}

func deepMirror(sp *rotator.Spec) {
	sp.Places = append(sp.Places, rotator.PlaceSpec{Name: "mirror", Fields: sp.Fields, Readable: true, Follows: "env", Where: "mirror"})
	sp.Consumers[0].Reads = []string{"mirror"}
}

func deepApproved(sp *rotator.Spec) { sp.Policy.ApproveRevocation = policies.SecondPerson }

func deepReplaces(sp *rotator.Spec) {
	sp.Profile.Lifecycle, sp.Profile.LiveLimit = string(rotator.Replace), 1
}

// ---- when people wish something --------------------------------------------------------------------------------------

func deepAtOnce(*deepState) bool { return true }

// deepIn: the journey is settled in a state.
func deepIn(state rotator.State) func(*deepState) bool {
	return func(s *deepState) bool {
		row, ok := s.journey()
		return ok && row.state == state && !row.lease.After(s.now) && (row.next.After(s.now) || state.Over())
	}
}

func (s *deepState) journey() (last deepRow, ok bool) {
	for _, row := range s.book.rows {
		if row.lane != rotator.Burial {
			last, ok = row, true
		}
	}
	return last, ok
}

// deepPasted: Accept has answered, and no pass has looked at the pair.
func deepPasted(s *deepState) bool {
	row, ok := s.journey()
	return ok && row.state == rotator.AwaitingKey && s.person.answered
}

func deepSays(kind rotator.WordKind, when func(*deepState) bool) deepWish {
	return deepWish{what: "the wish " + string(kind), when: when, say: deepSaying(kind)}
}

func deepSaying(kind rotator.WordKind) func(context.Context, *rotator.Rotator, *deepState) error {
	return func(ctx context.Context, rt *rotator.Rotator, _ *deepState) error {
		_, err := rt.Say(ctx, rotator.Saying{Credential: deepName, Kind: kind, Who: "olga", Text: "so wished"})
		return err
	}
}

func deepHurry(when func(*deepState) bool) deepWish {
	return deepWish{what: "the cry that the pair is compromised", when: when,
		say: func(ctx context.Context, rt *rotator.Rotator, s *deepState) error {
			_, err := rt.Hurry(ctx, deepName, "olga", "it stood in a chat")
			if err == nil {
				s.person.answered = false // another pair is asked for
			}
			return err
		}}
}
