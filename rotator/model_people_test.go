package rotator

import (
	"slices"
	"strings"
)

// What a row's last wait asks a person for.
const (
	asksNothing = iota
	asksRevoke
	asksKey
	asksApprove
	asksNames
	asksWindow
	asksPortal
	asksAttest
	asksOld
	asksCheck
	asksResume
	asksRollback
	asksAbandon
	asksReconcile
	asksElsewhere
	asksUnknown
	asksWaive // + index of the waiver
)

func (m *model) asksCode(r *Rotation, why, command string) uint8 {
	f := strings.Fields(command)
	if len(f) == 0 {
		return asksNothing
	}
	if len(f) < 2 || f[0] != "quarterturn" {
		return asksUnknown
	}
	has := func(flag string) bool { return slices.Contains(f, flag) }
	if i := slices.Index(f, "--pair"); i > 0 && PairID(f[i+1]) != r.Old { // an orphan's burial asks for it itself
		return asksElsewhere
	}
	switch f[1] {
	case "rotate":
		return asksKey
	case "revoked":
		return asksRevoke
	case "submit":
		return asksOld
	case "check":
		if t := remedy(m.sp, why); t != "" {
			return asksWaive + indexOf(m.waivable, t)
		}
		return asksCheck
	case "resume":
		return asksResume
	case "rollback":
		return asksRollback
	case "abandon":
		return asksAbandon
	case "ledger":
		return asksReconcile
	case "approve":
		switch {
		case has("--consumers") && r.Lane == Replace:
			return asksWindow
		case has("--consumers"):
			return asksNames
		}
		return asksApprove
	case "attest":
		if has("--environment") {
			return asksPortal
		}
		return asksAttest
	case "waive":
		return asksWaive + indexOf(m.waivable, f[3])
	}
	return asksUnknown
}

func (t *stride) asked() uint8 { return t.m.asksCode(&t.row, t.move.Why, t.move.Command) }

// ---- what somebody may say -----------------------------------------------------------------------------------

// say appends a word, where the ledger's state lets it be said. false: refused, or the model's queue is full.
func (m *model) say(s *mState, w uint8) bool {
	if m.states[s.row.state].Over() || !m.fitting(s, w) {
		return false
	}
	for i := range s.words {
		switch s.words[i] {
		case w:
			return false // twice is once
		case 0:
			s.words[i] = w
			m.excuse(s, w)
			m.opposed(s)
			m.falsehood(s, w)
			return true
		}
	}
	return false
}

// falsehood: a word that is not true is somebody's hand. Saying that the key in use was revoked takes back that the old
// one was, and leads back to it; attesting a death that is none ends what is known of a pair that lives.
func (m *model) falsehood(s *mState, w uint8) {
	if w > wRevoked && w <= wAttested && w-wRevoked == s.row.new && s.pairs[s.row.new-1].truth == mAlive && s.row.old > 0 {
		s.pairs[s.row.old-1].byHand = true
	}
	if w > wAttested && s.pairs[w-wAttested-1].truth == mAlive {
		s.pairs[w-wAttested-1].fickle = true
	}
}

// excuse: once an approval has named a consumer, or a window, it may be left without a key that works.
func (m *model) excuse(s *mState, w uint8) {
	for i := range s.apps {
		named := w == wNamed || w == wNamedAlone || w == wWindow || w == wWindowLater || w == wNamedJobs && i == 1
		s.apps[i].excused = s.apps[i].excused || named
	}
}

// opposed: one person wishes to go back, and another has revoked the way back, before either was heard. Consumers may fail
// until it has gone forward again.
func (m *model) opposed(s *mState) {
	if !slices.Contains(s.words[:], wRollback) || !slices.ContainsFunc(s.words[:], func(w uint8) bool { return w > wRevoked }) {
		return
	}
	for i := range s.apps {
		s.apps[i].excused = true
	}
}

// fitting is what say.go lets through.
func (m *model) fitting(s *mState, w uint8) bool {
	r := m.rotation(s, &s.row)
	switch {
	case w > wAttested:
		return r.State == AwaitingRevocation && pairNo(r.Old) == w-wAttested
	case w > wRevoked:
		n := w - wRevoked
		return r.State == AwaitingRevocation && (pairID(n) == r.Old || pairID(n) == r.New)
	case w <= 6:
		return false // Accept's business
	}
	switch w {
	case wApproved:
		return r.New != ""
	case wAlone:
		return r.New != "" && r.Lane == Compromised && r.Facts.SubmittedBy != ""
	case wNamed, wNamedJobs:
		return r.Lane == Compromised && (r.New != "" || r.State == DueState)
	case wNamedAlone:
		return r.Lane == Compromised && r.New != "" && r.Facts.SubmittedBy != ""
	case wWindow, wWindowLater:
		return r.Lane == Replace
	case wRollback:
		return fitsRollback(r) == nil
	case wAbandon:
		return fitsAbandon(m.sp, r) == nil
	case wResume:
		return r.State == FailedState
	case wCompromised:
		return r.Lane != Compromised
	}
	return true
}

// submit is Accept and Keep: a new pair, or the old one.
func (m *model) submit(s *mState, n uint8, old bool) bool {
	p := &s.pairs[n-1]
	state, want, w := m.states[s.row.state], AwaitingKey, wSubmitted+n
	life := Candidate
	if old {
		want, w, life = DueState, wSubmitOld+n, Current
	}
	known := m.lives[p.life] != "" && m.lives[p.life] != Refused && !(old && m.lives[p.life] == Current)
	if state != want || known || s.words[1] != 0 || p.truth == mUnborn || slices.Contains(s.words[:], w) {
		return false
	}
	for i, k := range s.pairs {
		if i+1 != int(n) && m.lives[k.life] == life {
			return false
		}
	}
	p.life, p.sealed = indexOf(m.lives, life), true
	if i := slices.Index(s.words[:], 0); i >= 0 {
		s.words[i] = w
	}
	return true
}

// ---- what somebody may do at the vendor ----------------------------------------------------------------------

// requested: some row asks for this pair to be revoked, or attested.
func (m *model) requested(s *mState, n uint8) bool {
	asks := func(r *mRow) bool { return r.old == n && (r.asks == asksRevoke || r.asks == asksAttest) }
	for i := range s.graves {
		if asks(&s.graves[i]) {
			return true
		}
	}
	return asks(&s.row)
}

func (m *model) revoke(s *mState, n uint8) bool {
	p := &s.pairs[n-1]
	if p.truth != mAlive {
		return false
	}
	p.byHand = p.byHand || !m.requested(s, n)
	p.truth = mDying
	return true
}

// create has the vendor issue the next pair, 0 when the model has no more.
func (m *model) create(s *mState, flaw uint8, asked bool) uint8 {
	for i := range s.pairs[:3] {
		if s.pairs[i].truth != mUnborn {
			continue
		}
		if m.setting.kills && (flaw == 0 || flaw == mMistyped) {
			for j := range s.pairs {
				if k := &s.pairs[j]; k.truth == mAlive {
					k.truth, k.byHand = mDying, k.byHand || !asked
				}
			}
		}
		s.pairs[i].truth, s.pairs[i].flaw = mAlive, flaw
		return uint8(i + 1)
	}
	return 0
}

// ---- people who do what they are asked -----------------------------------------------------------------------

// obey does what a row asks for. false: it cannot be done, or was done.
func (m *model) obey(s *mState, grave uint8) bool {
	r := &s.row
	if grave > 0 {
		r = &s.graves[grave-1]
	}
	asks := r.asks
	switch asks {
	case asksRevoke, asksAttest:
		return m.obeyRevoke(s, r, grave)
	case asksKey:
		return m.obeyKey(s, grave)
	case asksOld:
		return m.obeyOld(s)
	case asksCheck:
		return m.mend(s)
	case asksApprove:
		return m.say(s, wApproved)
	case asksNames:
		return m.say(s, wNamed)
	case asksWindow:
		return m.say(s, wWindow)
	case asksPortal:
		return m.say(s, wPortal)
	case asksResume:
		return m.say(s, wResume)
	case asksRollback:
		return m.say(s, wRollback)
	case asksAbandon:
		return m.say(s, wAbandon)
	}
	if asks >= asksWaive {
		return m.waive(s, asks-asksWaive)
	}
	return false
}

func (m *model) waive(s *mState, n uint8) bool {
	if s.waivers&(1<<n) != 0 {
		return false
	}
	s.waivers |= 1 << n
	if n >= 2 && n < 5 {
		s.apps[n-2].excused = true
	}
	return true
}

func (m *model) obeyRevoke(s *mState, r *mRow, grave uint8) bool {
	if grave == 0 && s.words[1] != 0 {
		return false // what is done is said
	}
	n := r.old
	did := m.revoke(s, n)
	w := wRevoked + n
	if r.asks == asksAttest {
		w = wAttested + n
	}
	if grave > 0 {
		if s.gwords[grave-1] != 0 || w <= wAttested && r.revoked == n {
			return did
		}
		s.gwords[grave-1] = w
		return true
	}
	if w <= wAttested && r.revoked == n || w > wAttested && r.has(bEndWord) {
		return did
	}
	return m.say(s, w) || did
}

// obeyKey: a key is created and handed in where the rotation awaits one; a burial that asks for one means that a rotation
// should be opened.
func (m *model) obeyKey(s *mState, grave uint8) bool {
	if m.states[s.row.state].Over() {
		return grave > 0 && m.open(s, laneOf(m.sp))
	}
	if m.states[s.row.state] != AwaitingKey || s.words[1] != 0 {
		return false
	}
	for n := uint8(1); n <= 3; n++ { // one that was created before and works
		if p := s.pairs[n-1]; p.truth == mAlive && m.lives[p.life] == "" && p.flaw == 0 {
			return m.submit(s, n, false)
		}
	}
	n := m.create(s, 0, s.row.asks == asksKey)
	return n > 0 && m.submit(s, n, false)
}

// obeyOld: whoever runs a consumer knows what it runs with; or nobody does, and rollback is waived.
func (m *model) obeyOld(s *mState) bool {
	for _, a := range s.apps {
		turnedAway := a.holds > 0 && a.holds <= 3 && m.lives[s.pairs[a.holds-1].life] == Refused
		if a.holds > 0 && a.holds <= 3 && !turnedAway && m.submit(s, a.holds, true) {
			return true
		}
	}
	return m.waive(s, 0)
}

// mend puts the pair that should be there into every place that is written, and restarts the consumers.
func (m *model) mend(s *mState) bool {
	was := *s
	n := m.rightful(s)
	if n == 0 {
		return false
	}
	for i, p := range m.sp.Places {
		if s.places[i] != n && p.Follows == "" {
			m.write(s, uint8(i), n)
		}
	}
	m.follow(s)
	for i := range m.sp.Consumers {
		m.start(s, uint8(i))
	}
	return *s != was
}

// rightful is the pair that places should hold, 0 when none that works is known.
func (m *model) rightful(s *mState) uint8 {
	works := func(n uint8) bool { return n > 0 && n <= 3 && s.pairs[n-1].truth == mAlive && s.pairs[n-1].flaw == 0 }
	target := s.row.new
	if m.states[s.row.state] == RollingBack {
		target = s.row.old
	}
	if s.is(bWrote) && works(target) {
		return target
	}
	for n := uint8(1); n <= 3; n++ {
		if m.lives[s.pairs[n-1].life] == Current && works(n) {
			return n
		}
	}
	return 0
}

// follow is what copies a place.
func (m *model) follow(s *mState) bool {
	was := s.places
	for i, p := range m.sp.Places {
		if p.Follows != "" && s.places[i] != s.places[m.placeNo(p.Follows)] {
			m.write(s, uint8(i), s.places[m.placeNo(p.Follows)])
		}
	}
	return s.places != was
}

// open opens another journey.
func (m *model) open(s *mState, lane Lane) bool {
	if s.again == 0 || !m.states[s.row.state].Over() || m.lanes[s.row.lane] == Retire && m.states[s.row.state] == Closed {
		return false
	}
	s.again--
	s.row = mRow{lane: indexOf(m.lanes, lane), state: indexOf(m.states, DueState)}
	for i, p := range s.pairs {
		if m.lives[p.life] == Current {
			s.row.old = uint8(i + 1)
		}
	}
	s.jobs = [3]uint8{}
	return true
}
