package rotator

import (
	"quarterturn/cicd"
	"quarterturn/policies"
)

// after begins as begin does, lets all go well until so far, and then something happens.
func after(begin func(*model, *mState), until func(*model, *mState) bool, happens ...func(*model, *mState)) func(*model, *mState) {
	return func(m *model, s *mState) {
		begin(m, s)
		luck := s.luck
		*s, _, _ = m.calm(*s, func(s *mState) bool { return until(m, s) })
		s.luck = luck
		for _, happen := range happens {
			happen(m, s)
		}
	}
}

// ---- how far ---------------------------------------------------------------------------------------------------

func in(state State) func(*model, *mState) bool {
	return func(m *model, s *mState) bool { return m.states[s.row.state] == state && s.holder.phase == mIdle }
}

func working(state State) func(*model, *mState) bool {
	return func(m *model, s *mState) bool { return m.states[s.row.state] == state && s.holder.phase == mWorking }
}

func putting(m *model, s *mState) bool {
	return s.holder.phase == mActing && m.actions[s.holder.do] == Put
}

func awaits(state State, asks uint8) func(*model, *mState) bool {
	return func(m *model, s *mState) bool { return in(state)(m, s) && s.row.asks == asks }
}

// ---- what happens ----------------------------------------------------------------------------------------------

func say(w uint8) func(*model, *mState) { return func(m *model, s *mState) { m.say(s, w) } }

func forbidden(m *model, s *mState) { *s = m.effect(s, eForbidden) }

func obeyed(m *model, s *mState) { m.obey(s, 0) }

func vaultEmptied(m *model, s *mState) { m.write(s, mVault, 0) }

// revokedBefore: it was asked for and done, and is said only now that it goes back. Consumers may fail until it goes forward again.
func revokedBefore(_ *model, s *mState) {
	s.pairs[s.row.old-1].truth, s.words[0] = mDying, wRevoked+s.row.old
	for i := range s.apps {
		s.apps[i].excused = true
	}
}

func bothRevoked(m *model, s *mState) {
	m.revoke(s, s.row.old)
	m.revoke(s, s.row.new)
}

func bothDied(m *model, s *mState) {
	bothRevoked(m, s)
	s.pairs[s.row.old-1].truth, s.pairs[s.row.new-1].truth = mGone, mGone
}

func copyLost(_ *model, s *mState) { s.pairs[s.row.new-1].sealed = false }

func windowOverNow(_ *model, s *mState) { s.row.window = 3 }

func claimEnds(_ *model, s *mState) { s.holder = mRunner{} }

// abandonedBefore: the word was said while a key was still awaited, a moment after the claim.
func abandonedBefore(_ *model, s *mState) { s.words[0] = wAbandon }

func deskWaived(m *model, s *mState) { m.waive(s, 4) }

// ---- settings --------------------------------------------------------------------------------------------------

func replaceSpec(sp *Spec) { sp.Profile.Lifecycle, sp.Profile.LiveLimit = string(Replace), 1 }

func silentDesk(sp *Spec) { sp.Consumers[2].Best = cicd.Healthy }

const modelOld = 80 * policies.Day

// mishaps begin where something has gone wrong already, so that what goes wrong on top of it is not out of reach.
func mishaps() []*setting {
	old, replaced := modelOld, laned(Replace, adopted)
	return []*setting{
		{name: "routine, going back", begin: after(adopted, in(Verified), say(wRollback)), old: old},
		{name: "routine, going back early", begin: after(adopted, putting, say(wRollback)), old: old},
		{name: "routine, stopped at a place", begin: after(adopted, putting, forbidden), old: old},
		{name: "compromised, stopped at a place", begin: after(hurried(adopted), putting, forbidden), old: old},
		{name: "replace, stopped at a place", begin: after(replaced, putting, forbidden), old: old, kills: true, spec: replaceSpec},
		{name: "routine, stopped, and both are dead", begin: after(after(adopted, putting, forbidden), in(FailedState), bothDied), old: old},
		{name: "routine, both revoked by hand", begin: after(adopted, in(Verified), bothRevoked), old: old},
		{name: "routine, abandoned too late", begin: after(adopted, working(Staged), say(wAbandon)), old: old},
		{name: "compromised, abandoned too late", begin: after(hurried(adopted), working(Staged), say(wAbandon)), old: old},
		{name: "replace, first key, abandoned too late", begin: after(laned(Replace, nothing), working(Staged), say(wAbandon)), old: old,
			kills: true, spec: replaceSpec},
		{name: "replace, rollback too late", begin: after(replaced, working(Staged), say(wRollback)), old: old, kills: true, spec: replaceSpec},
	}
}

// losses begin where something was lost that nobody misses yet.
func losses() []*setting {
	old, replaced := modelOld, laned(Replace, adopted)
	return []*setting{
		{name: "routine, revoked, and then a place is lost", begin: after(adopted, awaits(AwaitingRevocation, asksRevoke), obeyed, vaultEmptied), old: old},
		{name: "routine, the new pair's copy is lost", begin: after(adopted, working(Distributed), copyLost), old: old},
		{name: "compromised, the new pair's copy is lost", begin: after(hurried(adopted), working(Distributed), copyLost), old: old},
		{name: "replace, the new pair's copy is lost", begin: after(replaced, working(Distributed), copyLost), old: old, kills: true, spec: replaceSpec},
		{name: "compromised, a waiver stands in for a proof", begin: after(hurried(adopted), working(DueState), deskWaived), old: old, spec: silentDesk},
		{name: "replace, a waiver stands in for a proof", begin: after(replaced, in(DueState), deskWaived), old: old, kills: true,
			spec: func(sp *Spec) { replaceSpec(sp); silentDesk(sp) }},
	}
}

// raced begin where somebody said something that fits no more when it is heard.
func raced() []*setting {
	old, replaced := modelOld, laned(Replace, adopted)
	third := after(after(adopted, in(Verified), bothRevoked), awaits(AwaitingKey, asksKey), obeyed, say(wRollback))
	return []*setting{
		{name: "routine, going back, and revoked as asked before", old: old,
			begin: after(after(adopted, awaits(AwaitingRevocation, asksRevoke), say(wRollback)), working(RollingBack), revokedBefore)},
		{name: "routine, rollback is said and the copy is lost", begin: after(adopted, working(Staged), say(wRollback), copyLost), old: old},
		{name: "replace, rollback is said, the copy is lost and the window is over", old: old, kills: true, spec: replaceSpec,
			begin: after(replaced, working(Staged), say(wRollback), copyLost, windowOverNow)},
		{name: "routine, a third key comes in, and rollback is said", begin: third, old: old},
		{name: "routine, rollback and abandon are said", begin: after(adopted, working(Staged), claimEnds, say(wRollback), say(wAbandon)), old: old},
		{name: "replace, abandoned as the key comes in", begin: after(replaced, working(Received), abandonedBefore), old: old, kills: true, spec: replaceSpec},
	}
}
