package rotator

import "time"

// What can be said on a rotation. A pair's number is added where one is named.
const (
	wSubmitted = 0 // +1..3
	wSubmitOld = 3 // +1..3
	wApproved  = 7 + iota - 2
	wAlone
	wNamed
	wNamedJobs
	wNamedAlone
	wWindowLater
	wWindow
	wPortal
	wRollback
	wAbandon
	wResume
	wCompromised
	wRevoked  // +1..4
	wAttested = wRevoked + 4
)

func wordName(w uint8) string {
	switch {
	case w > wAttested:
		return "attested that " + string(pairID(w-wAttested)) + " is revoked"
	case w > wRevoked:
		return "revoked " + string(pairID(w-wRevoked))
	case w > 6:
		return [...]string{"approved", "approved alone", "approved, naming all", "approved, naming jobs", "approved alone, naming all",
			"window later", "window now", "portal attested", "rollback", "abandon", "resume", "compromised"}[w-wApproved]
	case w > wSubmitOld:
		return "submitted old " + string(pairID(w-wSubmitOld))
	}
	return "submitted " + string(pairID(w))
}

// word is what a claim returns for it.
func (m *model) word(n uint8, seq int64, r *Rotation) Word {
	w := Word{Seq: seq, Credential: "bluum", Rotation: r.ID, Who: "ben", At: m.aged(0, time.Second), Spec: m.sp.Digest}
	switch {
	case n > wAttested:
		w.Kind, w.Pair = AttestIt, pairID(n-wAttested)
		return w
	case n > wRevoked:
		w.Kind, w.Fragment, w.Pair = RevokedIt, fragmentOf(n-wRevoked), r.Old
		return w
	case n <= wSubmitOld:
		w.Kind, w.Who, w.Pair = Submitted, "anna", pairID(n)
		return w
	case n <= 6:
		w.Kind, w.Who, w.Pair, w.Target = Submitted, "anna", pairID(n-wSubmitOld), "old"
		return w
	}
	switch n {
	case wApproved, wAlone, wNamed, wNamedJobs, wNamedAlone:
		w.Kind = Approved
		if w.Alone = n == wAlone || n == wNamedAlone; w.Alone {
			w.Who = "anna"
		}
		switch n {
		case wNamed, wNamedAlone:
			w.Consumers = m.consumersOf(7)
		case wNamedJobs:
			w.Consumers = m.consumersOf(2)
		}
	case wWindowLater:
		return m.windowWithSeq(1, seq)
	case wWindow:
		return m.windowWithSeq(2, seq)
	default:
		w.Kind = [...]WordKind{AttestIt, RollBack, Abandon, Resume, Compromise}[n-wPortal]
		if n == wPortal {
			w.Target, w.Text = "portal", "Acme"
		}
	}
	return w
}

func (m *model) windowWithSeq(n uint8, seq int64) Word {
	w := *m.windowWord(n)
	w.Seq = seq
	return w
}
