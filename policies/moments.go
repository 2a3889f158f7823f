package policies

import (
	"slices"
	"time"
)

// Reminders lists when each reminder step of p is reached by a key created at created, earliest first, in UTC. Nil when
// the creation time is unknown: such a key is overdue already.
func Reminders(p Policy, created time.Time) []time.Time {
	if created.IsZero() {
		return nil
	}
	deadline := Earliest(created).Add(p.MaxAge)
	var at []time.Time
	for _, step := range p.Remind {
		at = append(at, deadline.Add(-step))
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// NextChange is the first moment after now at which Judge says something else: another level, another reminder step, a
// freeze begun or over, an age that becomes known. The counting of days alone is no change. Zero: never.
func NextChange(p Policy, created, now time.Time) time.Time {
	was := Judge(p, created, now)
	for _, at := range moments(p, created) {
		if at.After(now) && !alike(was, Judge(p, created, at)) {
			return at
		}
	}
	return time.Time{}
}

// moments are all the times at which a finding can change, in order. Between two neighbours it is constant.
func moments(p Policy, created time.Time) []time.Time {
	if created.IsZero() {
		return nil
	}
	c := Earliest(created)
	at := append(Reminders(p, created), c.Add(-Skew), c.Add(p.RotateAt), c.Add(p.MaxAge))
	for _, f := range p.Freezes {
		at = append(at, plain(f.From), plain(f.To))
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

func alike(a, b Finding) bool {
	frozen := (a.Frozen == nil) == (b.Frozen == nil) && (a.Frozen == nil || *a.Frozen == *b.Frozen)
	return a.Level == b.Level && a.Known == b.Known && a.Remind == b.Remind && frozen
}
