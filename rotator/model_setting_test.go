package rotator

import (
	"slices"
	"time"

	"quarterturn/cicd"
	"quarterturn/policies"
)

// settings are the worlds that are searched. The luck that each is given is what the small search has: the full one has more.
func settings() []*setting {
	old, young := modelOld, 10*policies.Day
	freeze := func(sp *Spec) {
		sp.Policy.Freezes = []policies.Freeze{{From: noon().Add(-time.Hour), To: noon().Add(time.Hour), Reason: "sale"}}
	}
	return slices.Concat([]*setting{
		{name: "routine", begin: adopted, old: old},
		{name: "routine, limit of two", begin: adopted, old: old, spec: func(sp *Spec) { sp.Profile.LiveLimit = 2 }},
		{name: "routine, unknown pair in the places", begin: everywhere, old: old},
		{name: "routine, first key", begin: nothing, old: old},
		{name: "routine, nothing can be read back", begin: everywhere, old: old, spec: blindSpec},
		{name: "routine, answers name nothing", begin: adopted, old: old, mute: true},
		{name: "routine, probes that fail are forbidden", begin: adopted, old: old,
			spec: func(sp *Spec) { sp.Profile.FailingProbes = false }},
		{name: "routine, a freeze", begin: adopted, old: young, frozen: true, spec: freeze},
		{name: "routine, another lifecycle", begin: adopted, old: old, spec: func(sp *Spec) { sp.Profile.Lifecycle = "two_slots" }},
		{name: "compromised", begin: hurried(adopted), old: old},
		{name: "compromised, limit of two", begin: hurried(adopted), old: old, spec: func(sp *Spec) { sp.Profile.LiveLimit = 2 }},
		{name: "compromised, creating a key ends the other", begin: hurried(adopted), old: old, kills: true, spec: replaceSpec},
		{name: "replace", begin: laned(Replace, adopted), old: old, kills: true, spec: replaceSpec},
		{name: "replace, but creating a key ends nothing", begin: laned(Replace, adopted), old: old, spec: replaceSpec},
		{name: "replace, first key", begin: laned(Replace, nothing), old: old, kills: true, spec: replaceSpec},
		{name: "replace, a freeze", begin: laned(Replace, adopted), old: young, kills: true, frozen: true, spec: func(sp *Spec) {
			replaceSpec(sp)
			freeze(sp)
		}},
		{name: "replace, probes that fail are forbidden", begin: laned(Replace, adopted), old: old, kills: true,
			spec: func(sp *Spec) { replaceSpec(sp); sp.Profile.FailingProbes = false }},
		{name: "routine, another environment's pair in the places", begin: strange, old: old},
		{name: "compromised, another environment's pair in the places", begin: hurried(strange), old: old},
		{name: "replace, another environment's pair in the places", begin: laned(Replace, strange), old: old, spec: replaceSpec},
		{name: "routine, a first key, but somebody has one", begin: hidden, old: old},
		{name: "compromised, a first key, but somebody has one", begin: hurried(hidden), old: old},
		{name: "replace, a first key, but somebody has one", begin: laned(Replace, hidden), old: old, spec: replaceSpec},
		{name: "routine, a first key, and then the one in use is handed in", begin: handedIn, old: old},
		{name: "compromised, a first key, and then the one in use is handed in", begin: hurried(handedIn), old: old},
		{name: "replace, a first key, and then the one in use is handed in", begin: laned(Replace, handedIn), old: old, spec: replaceSpec},
		{name: "retire", begin: laned(Retire, adopted), old: old, control: true},
		{name: "retire, nothing to compare with", begin: laned(Retire, everywhere), old: old},
		{name: "retire, nothing there", begin: laned(Retire, nothing), old: old},
	}, mishaps(), losses(), raced())
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

// strange: everybody uses a pair of another environment.
func strange(m *model, s *mState) {
	everywhere(m, s)
	s.pairs[0].flaw = mOtherEnvironment
}

// hidden: a pair exists, and no place holds it.
func hidden(_ *model, s *mState) { s.pairs[0].truth = mAlive }

// handedIn: that pair was handed in as the old one, a moment ago.
func handedIn(m *model, s *mState) {
	hidden(m, s)
	m.submit(s, 1, true)
}

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
