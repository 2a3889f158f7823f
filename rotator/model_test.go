package rotator

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"quarterturn/cicd"
	"quarterturn/policies"
)

// settings are the worlds that are searched. The luck that each is given is what the small search has: the full one has more.
func settings() []*setting {
	old, young := 80*policies.Day, 10*policies.Day
	replace := func(sp *Spec) { sp.Profile.Lifecycle, sp.Profile.LiveLimit = string(Replace), 1 }
	return []*setting{
		{name: "routine", begin: adopted, old: old},
		{name: "routine, limit of two", begin: adopted, old: old, spec: func(sp *Spec) { sp.Profile.LiveLimit = 2 }},
		{name: "routine, unknown pair in the places", begin: everywhere, old: old},
		{name: "routine, first key", begin: nothing, old: old},
		{name: "routine, nothing can be read back", begin: everywhere, old: old, spec: blindSpec},
		{name: "routine, answers name nothing", begin: adopted, old: old, mute: true},
		{name: "routine, probes that fail are forbidden", begin: adopted, old: old,
			spec: func(sp *Spec) { sp.Profile.FailingProbes = false }},
		{name: "routine, a freeze", begin: adopted, old: young, frozen: true, spec: func(sp *Spec) {
			sp.Policy.Freezes = []policies.Freeze{{From: noon().Add(-time.Hour), To: noon().Add(time.Hour), Reason: "sale"}}
		}},
		{name: "routine, another lifecycle", begin: adopted, old: old, spec: func(sp *Spec) { sp.Profile.Lifecycle = "two_slots" }},
		{name: "compromised", begin: hurried(adopted), old: old},
		{name: "compromised, limit of two", begin: hurried(adopted), old: old, spec: func(sp *Spec) { sp.Profile.LiveLimit = 2 }},
		{name: "compromised, creating a key ends the other", begin: hurried(adopted), old: old, kills: true, spec: replace},
		{name: "replace", begin: laned(Replace, adopted), old: old, kills: true, spec: replace},
		{name: "replace, but creating a key ends nothing", begin: laned(Replace, adopted), old: old, spec: replace},
		{name: "replace, first key", begin: laned(Replace, nothing), old: old, kills: true, spec: replace},
		{name: "retire", begin: laned(Retire, adopted), old: old, control: true},
		{name: "retire, nothing to compare with", begin: laned(Retire, everywhere), old: old},
	}
}

// blindSpec: no place can be read back, and one consumer can show nothing that counts.
func blindSpec(sp *Spec) {
	for i := range sp.Places {
		sp.Places[i].Readable, sp.Places[i].Follows = false, ""
	}
	sp.Consumers[2].Best = cicd.Healthy
}

func laned(lane Lane, begin func(*model, *mState)) func(*model, *mState) {
	return func(m *model, s *mState) {
		begin(m, s)
		s.row.lane = indexOf(m.lanes, lane)
	}
}

func hurried(begin func(*model, *mState)) func(*model, *mState) { return laned(Compromised, begin) }

// nothing: there is no key yet.
func nothing(*model, *mState) {}

// adopted: pair 1 is everywhere, and the ledger knows it.
func adopted(m *model, s *mState) {
	everywhere(m, s)
	s.pairs[0].life, s.row.old = indexOf(m.lives, Current), 1
}

// everywhere: pair 1 is in every place and used by everybody.
func everywhere(m *model, s *mState) {
	s.pairs[0].truth = mAlive
	for i := range m.sp.Places {
		s.places[i] = 1
	}
	for i := range m.sp.Consumers {
		s.apps[i] = mApp{holds: 1, started: true}
	}
}

// TestModelState: the digest reads the struct's bytes, so it must have no padding.
func TestModelState(t *testing.T) {
	if n := sizeOf(reflect.TypeFor[mState]()); n != unsafe.Sizeof(mState{}) {
		t.Fatalf("%d bytes of fields in %d", n, unsafe.Sizeof(mState{}))
	}
	t.Logf("%d bytes", unsafe.Sizeof(mState{}))
}

func sizeOf(typ reflect.Type) uintptr {
	switch typ.Kind() {
	case reflect.Struct:
		var n uintptr
		for i := range typ.NumField() {
			n += sizeOf(typ.Field(i).Type)
		}
		return n
	case reflect.Array:
		return uintptr(typ.Len()) * sizeOf(typ.Elem())
	}
	return typ.Size()
}

// TestModel searches every setting. A fixed sample; QUARTERTURN_MODEL=all searches 10^7 states.
func TestModel(t *testing.T) {
	plan := sweep{most: []int{0, 2000}, every: 40}
	if os.Getenv("QUARTERTURN_MODEL") == "all" {
		plan = sweep{most: []int{0, 500_000, 300_000}, every: 500, full: true}
	}
	if n, err := strconv.Atoi(os.Getenv("QUARTERTURN_MODEL_STATES")); err == nil {
		plan.most = []int{0, n, n}
	}
	plan.run(t)
	plan.report(t)
}

// sweep is one run over all settings.
type sweep struct {
	most  []int // states of one setting, by luck
	every uint64
	full  bool

	states, moves, depth int
	hits                 map[key]map[string]int
	ends                 map[string]int
}

func (sw *sweep) run(t *testing.T) {
	sw.hits, sw.ends = map[key]map[string]int{}, map[string]int{}
	for _, set := range settings() {
		se := &search{set: set, again: 1, most: sw.most, workers: 2, every: sw.every, say: t.Logf}
		se.run()
		sw.add(se)
		end := "everything was seen"
		if len(se.cut) > 0 {
			end = fmt.Sprintf("cut with luck %v", se.cut)
		}
		t.Logf("%-48s %9d states %9d transitions, depth %3d, %s", set.name, se.states, se.moves, se.depth, end)
		if se.wrong != nil {
			t.Errorf("%s:\n%s", set.name, strings.Join(se.trace(), "\n"))
		}
	}
}

func (sw *sweep) add(se *search) {
	sw.states, sw.moves, sw.depth = sw.states+se.states, sw.moves+se.moves, max(sw.depth, se.depth)
	for end, n := range se.ends {
		sw.ends[end] += n
	}
	for _, m := range se.models {
		for k, rows := range m.rowsOf {
			if sw.hits[k] == nil {
				sw.hits[k] = map[string]int{}
			}
			for _, r := range rows {
				sw.hits[k][r.name] += *r.hits
			}
		}
	}
}

// report is what came out: every row of decide in every lane and state, and how often it answered.
func (sw *sweep) report(t *testing.T) {
	rows, reached := 0, 0
	for _, k := range stateKeys() {
		line, never := []string{}, []string{}
		for _, r := range nameRows()[k] {
			n := sw.hits[k][r.name]
			if rows++; n > 0 {
				reached++
				line = append(line, fmt.Sprintf("%s %d", r.name, n))
				continue
			}
			never = append(never, r.name)
		}
		t.Logf("%s, %s: %s; never: %s", k.lane, k.state, strings.Join(line, ", "), strings.Join(never, " "))
	}
	for _, end := range slices.Sorted(maps.Keys(sw.ends)) {
		t.Logf("calmed, %6d times: %s", sw.ends[end], end)
	}
	t.Logf("%d distinct states, %d transitions, at most %d deep; %d of %d (lane, state, row of decide) answered", sw.states, sw.moves, sw.depth,
		reached, rows)
}
