package rotator

import "fmt"

// calm lets faults stop: processes go on, people do what they are asked, and time passes when nothing else happens. It ends
// when everything has ended, or when nothing changes any more. What comes back is the state, how many rounds it took, and
// how it ended, "" when it must not end so (L-1, L-2).
func (m *model) calm(s mState, until func(*mState) bool) (mState, int, string) {
	s.luck = 0
	for round := range 400 {
		if until != nil && until(&s) {
			return s, round, "there"
		}
		if end := m.ended(&s); end != "" {
			return s, round, end
		}
		was := s
		for _, act := range m.turn(round) {
			if act(&s); s != was {
				break
			}
		}
		if s == was {
			return s, round, m.waitsForSomebody(&s)
		}
	}
	if m.usedUp(&s) {
		return s, 400, "asked on, and the model has no further pair"
	}
	return s, 400, ""
}

// usedUp: all three pairs were issued, none waits to be handed in, and only another would lead on.
func (m *model) usedUp(s *mState) bool {
	for _, p := range s.pairs[:3] {
		if p.truth == mUnborn || p.truth == mAlive && p.flaw == 0 && p.life == 0 {
			return false
		}
	}
	waits := m.states[s.row.state]
	return waits == AwaitingKey || waits == DueState
}

// turn is who acts: whoever can, in this order, and now and then time alone, for people do not talk without a pause.
func (m *model) turn(round int) []func(*mState) {
	switch {
	case round%30 == 29:
		return []func(*mState){m.longTime, m.goOn, m.outside, m.obeyAll, m.passTime}
	case round%6 == 5:
		return []func(*mState){m.passTime, m.goOn, m.outside, m.obeyAll}
	}
	return []func(*mState){m.goOn, m.outside, m.obeyAll, m.passTime}
}

// ended names how everything has ended.
func (m *model) ended(s *mState) string {
	if !m.states[s.row.state].Over() {
		return ""
	}
	for _, g := range s.graves {
		if g.lane != 0 && !m.states[g.state].Over() {
			return ""
		}
	}
	return string(m.lanes[s.row.lane]) + " " + string(m.states[s.row.state])
}

// goOn lets every row that is ready be looked at, and finishes effects.
func (m *model) goOn(s *mState) {
	s.lost, s.snap, s.stopped = mRunner{}, mRow{}, false
	if s.holder.phase == mActing {
		*s = m.effect(s, eWell)
		m.canon(s)
		return
	}
	for _, a := range m.ready(s) {
		*s = m.step(s, a, fNone).s
		m.canon(s)
	}
}

// outside: what happens by itself.
func (m *model) outside(s *mState) {
	m.follow(s)
	for i, state := range s.jobs {
		if state == 1 {
			s.jobs[i] = 2
			m.start(s, uint8(i))
		}
	}
	if s.places[mVault] != s.apps[2].holds {
		m.start(s, 2)
	}
}

func (m *model) obeyAll(s *mState) {
	for a := uint8(0); a <= modelPairs; a++ {
		m.obey(s, a)
	}
}

func (m *model) longTime(s *mState) {
	if s.holder.phase == mIdle {
		m.day(s)
	}
}

// passTime is a tick, or, when that changes nothing, a day, or weeks.
func (m *model) passTime(s *mState) {
	was := *s
	if s.holder.phase != mIdle {
		return // no claim lasts so long
	}
	if m.tick(s); *s != was {
		return
	}
	if m.day(s); *s != was {
		return
	}
	for i := range s.graves {
		if s.graves[i].dead == 1 {
			s.graves[i].dead = 2
		}
	}
}

// waitsForSomebody names the one command that somebody is awaited for, where this model's people can do no more: it has
// three pairs, and nobody mends a freeze.
func (m *model) waitsForSomebody(s *mState) string {
	rows := append([]mRow{s.row}, s.graves[:]...)
	for _, r := range rows {
		if r.lane != 0 && !m.states[r.state].Over() && r.asks != asksNothing {
			return fmt.Sprintf("%s, %s awaits %s", m.lanes[r.lane], m.states[r.state], askName(m, r.asks))
		}
	}
	if m.setting.frozen {
		return "frozen"
	}
	return ""
}

func askName(m *model, asks uint8) string {
	if asks >= asksWaive {
		return "waive " + m.waivable[asks-asksWaive]
	}
	return [...]string{"nobody", "revoked", "a key", "approve", "approve, naming consumers", "approve, a window", "attest, the portal",
		"attest, a pair", "submit --old", "check", "resume", "rollback", "abandon", "ledger reconcile", "another's command", "?"}[asks]
}
