package rotator

import (
	"os"
	"reflect"
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
		{name: "routine, a freeze", begin: adopted, old: young, spec: func(sp *Spec) {
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

// blindSpec has one place, which cannot be read back, and one consumer that reads it.
func blindSpec(sp *Spec) {
	sp.Places[mCI].Name, sp.Places[mVault].Name, sp.Places[mMirror].Name = "ci", "vault", "mirror"
	for i := range sp.Places {
		sp.Places[i].Readable = false
	}
	sp.Consumers[0].Best, sp.Consumers[2].Best = cicd.Reported, cicd.Healthy
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

func TestModelSearch(t *testing.T) {
	for _, set := range settings() {
		se := &search{set: set, luck: 1, again: 1, most: 300000, workers: 2, say: t.Logf}
		if os.Getenv("QUARTERTURN_MODEL") != "" {
			se.luck, se.most = 2, 3_000_000
		}
		began := time.Now()
		se.run()
		t.Logf("%s: %d states, %d transitions, depth %d, widest %d, cut %v, %v", set.name, se.states, se.moves, se.depth, se.widest, se.cut, time.Since(began))
		if se.wrong != nil {
			for _, line := range se.trace() {
				t.Log(line)
			}
			t.Fail()
		}
	}
}
