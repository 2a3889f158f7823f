package rotator

import "time"

// How long a claim lasts where revocations take as long as they do in the world.
const (
	usualLease = 2 * time.Minute
	longLease  = 10 * time.Minute // around a redeploy, which may take long
	leaseSpare = 15 * time.Second // contexts end so long before the lease does (I-6), of a short one an eighth
	recordFor  = 15 * time.Second // a record is short, and the ledger refuses it once the lease is over
)

// AtMost is d, bounded by the pace of a vendor that is simulated on this machine.
func (p ProfileSpec) AtMost(d time.Duration) time.Duration {
	if p.Pace > 0 {
		return min(d, p.Pace)
	}
	return d
}

// paced brings what a move waits for within the pace, unless calls to the vendor are due later.
func (v view) paced(m Move) Move {
	if v.sp.Profile.Pace == 0 {
		return m
	}
	latest := v.now.Add(v.sp.Profile.Pace)
	if m.Next.After(latest) {
		m.Next = later(latest, v.s.ProbeAt)
	}
	for i := range m.Bury {
		m.Bury[i].NotBefore = earlier(m.Bury[i].NotBefore, latest)
	}
	return m
}

// slowest is the pace that serves all credentials: 0 as soon as one of them has none.
func slowest(creds []Credential) time.Duration {
	var pace time.Duration
	for _, c := range creds {
		if c.Spec.Profile.Pace == 0 {
			return 0
		}
		pace = max(pace, c.Spec.Profile.Pace)
	}
	return pace
}

// leases are how long a claim lasts, and how long around a redeploy. A lease holds a look, which may wait for its turn at
// the vendor, so it is longer than the pace.
func leases(o Options) (lease, long time.Duration) {
	pace := slowest(o.Credentials)
	switch {
	case o.Lease > 0:
		return o.Lease, max(o.Lease, longLease)
	case pace > 0:
		return min(usualLease, 2*pace), min(longLease, 4*pace)
	}
	return usualLease, longLease
}

// within is for how long something may go on under a lease.
func within(lease time.Duration) time.Duration { return lease - min(leaseSpare, lease/8) }
