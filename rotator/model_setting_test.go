package rotator

import (
	"time"

	"quarterturn/cicd"
	"quarterturn/policies"
)

// settings are the worlds that are searched. The luck that each is given is what the small search has: the full one has more.
func settings() []*setting {
	old, young := 80*policies.Day, 10*policies.Day
	replace := func(sp *Spec) { sp.Profile.Lifecycle, sp.Profile.LiveLimit = string(Replace), 1 }
	freeze := func(sp *Spec) {
		sp.Policy.Freezes = []policies.Freeze{{From: noon().Add(-time.Hour), To: noon().Add(time.Hour), Reason: "sale"}}
	}
	return append(mishaps(), []*setting{
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
		{name: "compromised, creating a key ends the other", begin: hurried(adopted), old: old, kills: true, spec: replace},
		{name: "replace", begin: laned(Replace, adopted), old: old, kills: true, spec: replace},
		{name: "replace, but creating a key ends nothing", begin: laned(Replace, adopted), old: old, spec: replace},
		{name: "replace, first key", begin: laned(Replace, nothing), old: old, kills: true, spec: replace},
		{name: "replace, a freeze", begin: laned(Replace, adopted), old: young, kills: true, frozen: true, spec: func(sp *Spec) {
			replace(sp)
			freeze(sp)
		}},
		{name: "replace, probes that fail are forbidden", begin: laned(Replace, adopted), old: old, kills: true,
			spec: func(sp *Spec) { replace(sp); sp.Profile.FailingProbes = false }},
		{name: "routine, another environment's pair in the places", begin: strange, old: old},
		{name: "compromised, another environment's pair in the places", begin: hurried(strange), old: old},
		{name: "replace, another environment's pair in the places", begin: laned(Replace, strange), old: old, spec: replace},
		{name: "routine, a first key, but somebody has one", begin: hidden, old: old},
		{name: "compromised, a first key, but somebody has one", begin: hurried(hidden), old: old},
		{name: "replace, a first key, but somebody has one", begin: laned(Replace, hidden), old: old, spec: replace},
		{name: "retire", begin: laned(Retire, adopted), old: old, control: true},
		{name: "retire, nothing to compare with", begin: laned(Retire, everywhere), old: old},
		{name: "retire, nothing there", begin: laned(Retire, nothing), old: old},
	}...)
}

// mishaps begin where something has gone wrong already, so that what goes wrong on top of it is not out of reach.
func mishaps() []*setting {
	old := 80 * policies.Day
	replace := func(sp *Spec) { sp.Profile.Lifecycle, sp.Profile.LiveLimit = string(Replace), 1 }
	say := func(w uint8) func(*model, *mState) { return func(m *model, s *mState) { m.say(s, w) } }
	forbidden := func(m *model, s *mState) { *s = m.effect(s, eForbidden) }
	putting := func(m *model, s *mState) bool { return s.holder.phase == mActing && m.actions[s.holder.do] == Put }
	in := func(state State) func(*model, *mState) bool {
		return func(m *model, s *mState) bool { return m.states[s.row.state] == state && s.holder.phase == mIdle }
	}
	working := func(state State) func(*model, *mState) bool {
		return func(m *model, s *mState) bool { return m.states[s.row.state] == state && s.holder.phase == mWorking }
	}
	asked := func(m *model, s *mState) bool {
		return m.states[s.row.state] == AwaitingRevocation && s.row.asks == asksRevoke
	}
	revokedAndLost := func(m *model, s *mState) {
		m.obey(s, 0)
		m.write(s, mVault, 0)
	}
	saidLate := func(m *model, s *mState) { // it was asked for before, and done: one person goes back, another has revoked
		s.pairs[s.row.old-1].truth, s.words[0] = mDying, wRevoked+s.row.old
		for i := range s.apps {
			s.apps[i].excused = true
		}
	}
	bothGone := func(m *model, s *mState) {
		m.revoke(s, s.row.old)
		m.revoke(s, s.row.new)
	}
	return []*setting{
		{name: "routine, going back", begin: after(adopted, in(Verified), say(wRollback)), old: old},
		{name: "routine, going back early", begin: after(adopted, putting, say(wRollback)), old: old},
		{name: "routine, stopped at a place", begin: after(adopted, putting, forbidden), old: old},
		{name: "compromised, stopped at a place", begin: after(hurried(adopted), putting, forbidden), old: old},
		{name: "replace, stopped at a place", begin: after(laned(Replace, adopted), putting, forbidden), old: old, kills: true, spec: replace},
		{name: "routine, stopped, and somebody revokes", begin: after(after(adopted, putting, forbidden), in(FailedState), bothGone), old: old},
		{name: "routine, both revoked by hand", begin: after(adopted, in(Verified), bothGone), old: old},
		{name: "routine, revoked, and then a place is lost", begin: after(adopted, asked, revokedAndLost), old: old},
		{name: "routine, going back, and revoked as asked before", old: old,
			begin: after(after(adopted, asked, say(wRollback)), working(RollingBack), saidLate)},
		{name: "routine, abandoned too late", begin: after(adopted, working(Staged), say(wAbandon)), old: old},
		{name: "compromised, abandoned too late", begin: after(hurried(adopted), working(Staged), say(wAbandon)), old: old},
		{name: "replace, first key, abandoned too late", begin: after(laned(Replace, nothing), working(Staged), say(wAbandon)), old: old,
			kills: true, spec: replace},
		{name: "replace, rollback too late", begin: after(laned(Replace, adopted), working(Staged), say(wRollback)), old: old, kills: true, spec: replace},
	}
}

// after begins as begin does, lets all go well until so far, and then something happens.
func after(begin func(*model, *mState), until func(*model, *mState) bool, happens func(*model, *mState)) func(*model, *mState) {
	return func(m *model, s *mState) {
		begin(m, s)
		luck := s.luck
		*s, _, _ = m.calm(*s, func(s *mState) bool { return until(m, s) })
		s.luck = luck
		happens(m, s)
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

// strange: everybody uses a pair of another environment.
func strange(m *model, s *mState) {
	everywhere(m, s)
	s.pairs[0].flaw = mOtherEnvironment
}

// hidden: a pair exists, and no place holds it.
func hidden(_ *model, s *mState) { s.pairs[0].truth = mAlive }

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
