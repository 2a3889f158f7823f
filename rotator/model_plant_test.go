package rotator

import "time"

// plant is something that is wrong on purpose: the search must find it.
type plant struct {
	name   string
	rows   func(k key, all []namedRow) []namedRow
	learn  func(sp Spec, r Rotation, s Seen, now time.Time) (Rotation, []Event)
	see    func(s *Seen)
	noSwap bool // the ledger does not compare before it swaps
}
