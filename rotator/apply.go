package rotator

import "time"

// apply makes a transition, or a denial, true on the row.
func apply(r Rotation, m Move, now time.Time) Rotation {
	r.Facts = r.Facts.copy()
	if m.Deny != "" {
		r.Facts.Wish, r.Facts.WishWord = "", nil
		r.Why = m.Deny
		return r
	}
	for _, c := range m.Again {
		f := r.Facts.Runs[c]
		f.Stale = true
		if r.State == FailedState { // a person mended it: three tries anew
			f.Tries = 0
		}
		r.Facts.Runs[c] = f
		delete(r.Facts.Proofs, c)
	}
	for _, p := range m.Rewrite {
		delete(r.Facts.Places, p)
	}
	if m.DropNew {
		r = dropNew(r, m)
	}
	if m.DropOld {
		r.Old = ""
	}
	if m.TakeNew != "" {
		r.New, r.Facts.Tenant, r.Facts.Seen, r.Facts.Portal = m.TakeNew, "", "", nil
		r.Facts.Wrote, r.Facts.Taken = true, true
	}
	if m.To != r.State {
		r = enter(r, m.To, now)
	}
	r.Why, r.Command, r.NextAt = m.Why, "", now
	if m.To == FailedState {
		r.Facts.Resume, r.Facts.Reason = m.Resume, m.Why
	}
	return r
}

// dropNew forgets the pair and everything that was proven about it.
func dropNew(r Rotation, m Move) Rotation {
	f := &r.Facts
	f.BothDead = f.BothDead || r.State != Received && !m.Spare
	f.Rejected, f.Tenant, f.Seen, f.Portal, f.SubmittedBy = m.Why, "", "", nil, ""
	f.Places, f.Proofs, f.Triples = map[string]PlaceFact{}, map[string]Proof{}, nil // runs stay: their attempts number the once-keys
	f.Approvals, f.Attested = nil, map[string]Word{}
	f.NewDead, f.JointSince = false, time.Time{}
	r.New = ""
	return r
}

func enter(r Rotation, to State, now time.Time) Rotation {
	f := &r.Facts
	f.Wish, f.WishWord, f.Stuck, f.Stop = "", nil, 0, ""
	if to == AwaitingKey {
		f.Preflight = now
	}
	if to == Staged {
		f.BothDead = false
	}
	if to == Verified {
		f.Looks, f.Misses = 0, 0
	}
	if r.State == AwaitingRevocation && to != RevocationProven { // the request is withdrawn; that the old pair was revoked may be true
		f.EndWord = nil
	}
	if r.Lane == Burial && to == AwaitingRevocation {
		f.Revoked, f.EndWord = nil, nil // it is asked anew
	}
	if r.Lane == Burial && to == RevocationProven {
		f.DeadAt = now
	}
	r.State, r.EnteredAt = to, now
	return r
}
