package main

import (
	"fmt"
	"slices"
	"testing"

	"quarterturn/cicd"
	"quarterturn/rotator"
)

// tookOver calls the scene's plant when r was claimed from a dead process.
func (p *deepProcess) tookOver(before deepBook, r *rotator.Rotation) {
	i := slices.IndexFunc(before.rows, func(row deepRow) bool { return row.id == r.ID })
	if row := before.rows[i]; row.lease.IsZero() || row.lease.After(p.s.now) {
		return
	}
	p.s.overs = min(p.s.overs+1, 2)
	if p.sc.plant.claimed != nil {
		p.sc.plant.claimed(p.s, i, r)
	}
}

// forget changes what a row remembers, behind the back of whoever claimed it.
func (s *deepState) forget(row int, change func(*rotator.Rotation)) {
	r := s.book.rows[row].rotation()
	change(&r)
	next := s.book.rows[row]
	next.kept, next.heard = &deepKept{r: r}, r.Facts.Heard
	s.book.rows = set(s.book.rows, row, next)
}

// deepPlants are bugs that one crash does not show: each lies in what taking over from a dead process does.
func deepPlants() map[string]struct {
	scene   deepScene
	claimed func(s *deepState, row int, r *rotator.Rotation)
} {
	return map[string]struct {
		scene   deepScene
		claimed func(s *deepState, row int, r *rotator.Rotation)
	}{
		"what was written is forgotten before it is looked for again": {deepGivesUp(), func(s *deepState, row int, _ *rotator.Rotation) {
			s.forget(row, func(r *rotator.Rotation) { r.Facts.Intent, r.Facts.Wrote = nil, false })
		}},
		"words count as heard before they are heeded": {deepGoesBack(), func(s *deepState, row int, _ *rotator.Rotation) {
			s.forget(row, func(r *rotator.Rotation) { r.Facts.Heard = int64(len(s.book.words)) })
		}},
		"the pair that killed two passes is wiped": {deepPlain(false), func(s *deepState, row int, _ *rotator.Rotation) {
			i := slices.IndexFunc(s.book.pairs, func(p rotator.Pair) bool { return p.ID == s.book.rows[row].pair })
			if s.overs > 1 && i >= 0 {
				p := s.book.pairs[i]
				p.Sealed = nil
				s.book.pairs = set(s.book.pairs, i, p)
			}
		}},
		"what nobody confirmed twice is taken out of the trail": {deepPlain(false), func(s *deepState, _ int, _ *rotator.Rotation) {
			if s.overs > 1 {
				s.book.events = s.book.events.before
			}
		}},
		"the second try is another deployment": {deepPlain(true), func(s *deepState, row int, r *rotator.Rotation) {
			if i := r.Facts.Intent; s.overs > 1 && i != nil && i.Do == rotator.Redeploy {
				f := r.Facts.Runs[i.Target]
				f.Stale, f.Run.State = true, cicd.Succeeded
				r.Facts.Runs[i.Target] = f
			}
		}},
	}
}

// deepGivesUp: a person gives up when they see that a pass was taken over. Whatever they are told, the places
// are at one with how it ends.
func deepGivesUp() deepScene {
	return deepScene{name: "giving up", spec: deepSpec(), from: deepPasted,
		wishes: []deepWish{deepSays(rotator.Abandon, func(s *deepState) bool {
			row, ok := s.journey()
			return ok && row.state == rotator.Staged && s.overs > 0
		})},
		fits: func(s *deepState) error {
			row, _ := s.journey()
			holds := map[rotator.State]int{rotator.Closed: 1, rotator.Abandoned: 0}
			if want, ok := holds[row.state]; !ok || s.places[0].key != want || s.apps[0].key != want {
				return fmt.Errorf("%w: %s, and the place holds pair %d", errDeepUnended, row.state, s.places[0].key)
			}
			return nil
		}}
}

func deepGoesBack() deepScene {
	at := deepIn(rotator.AwaitingRevocation)
	return deepScene{name: "going back", spec: deepSpec(), from: at, wishes: []deepWish{deepSays(rotator.RollBack, at)},
		state: rotator.RolledBack, holds: 0, deploy: 2}
}

func deepPlain(memory bool) deepScene {
	return deepScene{name: "from the paste on", spec: deepSpec(), from: deepPasted, memory: memory, state: rotator.Closed, holds: 1, lives: oldDies()}
}

// TestCrashTwiceFindsPlants: with one thing going wrong each planted bug stays hidden, with two it is found, and without it
// the same story ends well.
func TestCrashTwiceFindsPlants(t *testing.T) {
	keys := deepScenes(t)[0].keys
	for name, p := range deepPlants() {
		t.Run(name, func(t *testing.T) {
			sc := p.scene
			sc.keys = keys
			deepFinds(t, "without the plant", sc, 2, false)
			sc.plant = deepPlant{name, p.claimed}
			deepFinds(t, "at depth 1", sc, 1, false)
			deepFinds(t, "at depth 2", sc, 2, true)
		})
	}
}

// deepFinds searches stops alone, and stops at the first finding.
func deepFinds(t *testing.T, what string, sc deepScene, depth int, want bool) {
	t.Helper()
	d := &deepSearch{sc: &sc, depth: depth, merges: true, limit: 1, pick: func(steps []deepStep) bool {
		return steps[len(steps)-1].fault.at.stops()
	}}
	if _, err := d.start(); err != nil {
		t.Fatal(err)
	}
	if got := len(d.findings) > 0; got != want {
		t.Errorf("%s: found %v, want %v: %v", what, got, want, d.findings)
	}
	if want && len(d.findings) > 0 {
		t.Logf("found: %s", d.findings[0])
		again := sc.again(d.findings[0].steps, nil)
		if again == nil {
			t.Errorf("%s is not found again", deepWhere(&sc, d.findings[0].steps))
		}
	}
}
