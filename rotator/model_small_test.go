package rotator

import (
	"slices"

	"quarterturn/secret"
)

// The way back from a rotation, as production code knows it, to small numbers.

// small is the rotation as small numbers, by the clock of now.
func (m *model) small(rot *Rotation) mRow {
	f := &rot.Facts
	r := mRow{lane: indexOf(m.lanes, rot.Lane), state: indexOf(m.states, rot.State), old: pairNo(rot.Old), new: pairNo(rot.New),
		entered: m.age(rot.EnteredAt), wish: indexOf(m.wishes, f.Wish)}
	if rot.State == FailedState {
		r.resume = indexOf(m.states, f.Resume)
	}
	bits := [...]bool{f.OldDead, f.NoOld, f.Wrote, f.Tenant != "", f.Seen != "", f.SubmittedBy != "", f.Portal != nil, f.BothDead,
		f.NewDead, f.Taken, f.Used, f.Stop != "", f.Stuck > 0, f.EndWord != nil}
	for i, is := range bits {
		r.set(1<<i, is)
	}
	if i := f.Intent; i != nil && (f.Stuck > 0 || f.Stop != "") {
		r.do, r.pair = indexOf(m.actions, i.Do), pairNo(i.Pair)
		r.target = m.targetNo(i.Do, i.Target)
	}
	if f.Revoked != nil {
		r.revoked, r.revokedAge = f.Revoked.Fragment[3]-'0', m.age(f.Revoked.At)
	}
	if !f.JointSince.IsZero() {
		r.joint = 1 + m.age(f.JointSince)
	}
	if n := len(f.Triples); n > 0 {
		r.triples, r.lastTriple = uint8(min(n, minTriples)), m.age(f.Triples[n-1].At)
	}
	if !f.DeadAt.IsZero() {
		r.dead = 1
		if !m.now.Before(f.DeadAt.Add(watchFor)) {
			r.dead = 2
		}
	}
	r.grace = m.graceNo(f.NotBefore)
	m.smallSpread(f, &r)
	m.smallAgreed(f, &r)
	return r
}

func (m *model) targetNo(do Action, target string) uint8 {
	if do == Redeploy {
		return uint8(slices.IndexFunc(m.sp.Consumers, func(c ConsumerSpec) bool { return c.Name == target }))
	}
	return m.placeNo(target)
}

func (m *model) placeNo(name string) uint8 {
	return uint8(slices.IndexFunc(m.sp.Places, func(p PlaceSpec) bool { return p.Name == name }))
}

func (m *model) smallSpread(f *Facts, r *mRow) {
	for i, p := range m.sp.Places {
		if x, held := f.Places[p.Name]; held {
			r.places[i] = pairNo(x.Pair)
			switch x.Version {
			case "1":
				r.vers[i] = 1
			case "0":
				r.vers[i] = 2
			}
		}
	}
	for i, c := range m.sp.Consumers {
		run, ran := f.Runs[c.Name]
		if ran && run.Once != "" {
			r.runs[i] = mRun{pair: pairNo(run.Pair), tries: uint8(run.Tries), state: indexOf(m.runStates, run.Run.State), stale: run.Stale,
				early: run.Asked.Before(f.Places[c.Reads[0]].Since)}
			if !run.Run.EndedAt.IsZero() {
				r.runs[i].ended = 1 + m.age(run.Run.EndedAt)
			}
		}
		if p, ok := f.Proofs[c.Name]; ok {
			r.proofs[i] = mProof{pair: pairNo(p.Pair), age: m.age(p.At), waived: p.By != "", before: p.At.Before(run.Run.EndedAt)}
		}
	}
	if f.Misses > 0 {
		if r.soak = 1; f.Misses*soakBudget <= f.Looks {
			r.soak = 2
		}
	}
}

func (m *model) smallAgreed(f *Facts, r *mRow) {
	for _, w := range f.Approvals {
		mask := uint8(0)
		for i, c := range m.sp.Consumers {
			if slices.Contains(w.Consumers, c.Name) {
				mask |= 1 << i
			}
		}
		switch {
		case !w.To.IsZero():
		case w.Alone && mask != 0:
			r.namedAlone |= mask
		case w.Alone:
			r.alone = true
		case mask != 0:
			r.named |= mask
		default:
			r.approved = true
		}
	}
	if w := f.Window; w != nil {
		switch r.window = 2; {
		case m.now.Before(w.From):
			r.window = 1
		case !m.now.Before(w.To):
			r.window = 3
		}
	}
	for i, target := range m.waivable {
		if slices.ContainsFunc(f.Waivers, func(w Word) bool { return w.Target == target }) {
			r.waivers |= 1 << i
		}
	}
}

func (m *model) sealed(is bool) secret.Sealed {
	if is {
		return secret.Sealed("sealed")
	}
	return nil
}
