package rotator

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quarterturn/cicd"
	"quarterturn/vendors"
)

// plant is something that is wrong on purpose: the search must find it.
type plant struct {
	name    string
	setting string // in which world
	luck    uint8
	want    string // what must be found
	rows    func(k key, all []namedRow) []namedRow
	learn   func(sp Spec, r Rotation, s Seen, now time.Time) (Rotation, []Event)
	see     func(s *Seen)
	noSwap  bool // the ledger does not compare before it swaps
}

// leaving leaves rows out, in one state of every lane.
func leaving(state State, names ...string) func(key, []namedRow) []namedRow {
	return func(k key, all []namedRow) []namedRow {
		if k.state != state || k.lane == Burial {
			return all
		}
		return slices.DeleteFunc(slices.Clone(all), func(r namedRow) bool { return slices.Contains(names, r.name) })
	}
}

// early has one row asked before all the others.
func early(state State, name string) func(key, []namedRow) []namedRow {
	return func(k key, all []namedRow) []namedRow {
		i := slices.IndexFunc(all, func(r namedRow) bool { return r.name == name })
		if k.state != state || i < 0 {
			return all
		}
		return append([]namedRow{all[i]}, all...)
	}
}

// answers changes what one row answers, wherever it is asked.
func answers(name string, change func(v view, m *Move)) func(key, []namedRow) []namedRow {
	return func(_ key, all []namedRow) []namedRow {
		all = slices.Clone(all)
		for i, r := range all {
			if r.name == name {
				all[i].ask = func(v view) (Move, bool) {
					m, ok := r.ask(v)
					change(v, &m)
					return m, ok
				}
			}
		}
		return all
	}
}

func plants() []plant {
	return []plant{
		{name: "the old pair is not sealed before a key is asked for", setting: "routine", want: "I-12", rows: leaving(DueState, "sealOld")},
		{name: "a place that follows is not awaited", setting: "routine", want: "I-8", rows: leaving(Staged, "followers")},
		{name: "nobody waits for proofs", setting: "routine", want: "I-2",
			rows: func(k key, all []namedRow) []namedRow {
				return leaving(Verified, "missesProof", "proofGone", "useLost")(k, leaving(Redeployed, "useUnproven")(k, all))
			}},
		{name: "a consumer that is silent counts as proven", setting: "routine, first key", luck: 1, want: "I-2", see: silenceProves},
		{name: "a revocation is asked for before anything is looked at again", setting: "routine", luck: 1, want: "I-10",
			rows: early(AwaitingRevocation, "awaitRevocation")},
		{name: "no second person is awaited", setting: "routine", want: "second person", rows: leaving(Verified, "unapproved")},
		{name: "no answer, a firewall's 401 for one, counts as a refusal", setting: "routine", luck: 1, want: "I-16", see: silenceRefuses},
		{name: "one refusal is a death", setting: "retire", luck: 1, want: "I-11", learn: oneRefusal},
		{name: "a pair of another environment is staged", setting: "routine", luck: 1, want: "I-4", rows: leaving(Received, "wrongEnvironment")},
		{name: "the unfinished pair gets no burial when a rotation is superseded", setting: "routine", luck: 1, want: "I-16",
			rows: answers("heedHurry", func(_ view, m *Move) { m.Bury = nil })},
		{name: "a key that ends the old one is asked for without a window", setting: "replace", want: "I-1",
			rows: func(k key, all []namedRow) []namedRow {
				return leaving(AwaitingKey, "windowOver")(k, leaving(DueState, "window")(k, all))
			}},
		{name: "the ledger takes a record of a lease that is over", setting: "routine, first key", luck: 1, want: "I-19", noSwap: true},
		{name: "who attests a revocation is not believed while the pair answers (as it was)", setting: "routine, probes that fail are forbidden",
			luck: 1, want: "I-1", learn: attestedIsNotRevoked},
		{name: "a withdrawn request forgets that the old pair may be dying (as it was)", setting: "routine, revoked, and then a place is lost",
			luck: 1, want: "I-1", learn: withdrawnIsForgotten},
		{name: "a burial asks to attest while the pair in use is refused (as it was)", setting: "replace", luck: 1, want: "I-10",
			rows: answers("currentDead", func(v view, m *Move) {
				if !v.s.OldHeld && m.Command != "" {
					m.Command = v.attestCommand()
				}
			})},
	}
}

func silenceProves(s *Seen) {
	for name, u := range s.Uses {
		if u.Err != "" {
			s.Uses[name] = UseSeen{Use: cicd.Reported, Names: HoldsNew, At: s.At}
		}
	}
}

func silenceRefuses(s *Seen) {
	for _, rd := range []*vendors.Reading{s.Old, s.New} {
		if rd != nil && rd.Verdict == vendors.Unclear {
			rd.Verdict = vendors.Refused
		}
	}
}

// oneRefusal makes three triples out of one.
func oneRefusal(sp Spec, r Rotation, s Seen, now time.Time) (Rotation, []Event) {
	r, events := learn(sp, r, s, now)
	if t := r.Facts.Triples; len(t) == 1 {
		for _, before := range []time.Duration{sp.Profile.Propagation, 2 * sp.Profile.Propagation} {
			again := t[0]
			again.At = t[0].At.Add(-before)
			r.Facts.Triples = append([]Triple{again}, r.Facts.Triples...)
		}
	}
	return r, events
}

func attestedIsNotRevoked(sp Spec, r Rotation, s Seen, now time.Time) (Rotation, []Event) {
	r, events := learn(sp, r, s, now)
	if r.Facts.Revoked != nil && r.Facts.Revoked.Kind == AttestIt {
		r.Facts.Revoked = nil
	}
	return r, events
}

func withdrawnIsForgotten(sp Spec, r Rotation, s Seen, now time.Time) (Rotation, []Event) {
	r, events := learn(sp, r, s, now)
	if r.journey() && r.State != AwaitingRevocation && r.State != RevocationProven {
		r.Facts.Revoked = nil
	}
	return r, events
}

// TestModelPlants: what is wrong on purpose is found, each with the way to it.
func TestModelPlants(t *testing.T) {
	for _, p := range plants() {
		set := settings()[slices.IndexFunc(settings(), func(s *setting) bool { return s.name == p.setting })]
		se := &search{set: set, plant: &p, again: 1, workers: 1, most: make([]int, p.luck+1)}
		se.most[p.luck] = 60_000
		se.run()
		if se.wrong == nil {
			t.Errorf("%s: NOT FOUND in %d states", p.name, se.states)
			continue
		}
		checkFound(t, p, se)
	}
}

func checkFound(t *testing.T, p plant, se *search) {
	trace := se.trace()
	t.Logf("found, %6d states, %2d steps: %s\n            %s", se.states, len(trace)/2, p.name, se.wrong.what)
	if !strings.Contains(se.wrong.what, p.want) {
		t.Errorf("%s: found something else than %s", p.name, p.want)
	}
	if testing.Verbose() {
		for _, line := range trace {
			t.Logf("                %.200s", line)
		}
	}
}
