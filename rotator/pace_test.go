package rotator

import (
	"testing"
	"time"
)

// TestPaceBoundsWaits: with a pace no row of any lane waits longer, nor is a burial put off further; without one nothing
// is different.
func TestPaceBoundsWaits(t *testing.T) {
	const pace = 3 * time.Second
	for _, lane := range []Lane{Routine, Compromised, Replace, Retire, Burial} {
		for _, state := range []State{DueState, AwaitingKey, Received, Staged, Distributed, Redeployed, Verified, AwaitingRevocation,
			RevocationProven, RollingBack, FailedState} {
			c := quiet(lane, state)
			usual := decide(c.sp, c.r, c.s, c.now)
			c.sp.Profile.Pace = pace
			m := decide(c.sp, c.r, c.s, c.now)
			if m.Next.After(c.now.Add(pace)) || m.To == usual.To && m.Do == usual.Do && m.Why != usual.Why {
				t.Errorf("%s %s: waits until %s (%s), usually %s (%s)", lane, state, m.Next, m.Why, usual.Next, usual.Why)
			}
			for _, g := range m.Bury {
				if g.NotBefore.After(c.now.Add(pace)) {
					t.Errorf("%s %s: buries after %s", lane, state, g.NotBefore)
				}
			}
		}
	}
}

// TestPaceWaitsForTheVendor: a vendor that asked for silence gets it.
func TestPaceWaitsForTheVendor(t *testing.T) {
	c := quiet(Routine, Verified)
	c.sp.Profile.Pace, c.s.ProbeAt = time.Second, noon().Add(time.Minute)
	if m := decide(c.sp, c.r, c.s, c.now); m.To == "" && m.Next.Before(c.s.ProbeAt) {
		t.Errorf("looks again at %s", m.Next)
	}
}

// TestLeases: one credential of a real vendor is enough for the usual leases.
func TestLeases(t *testing.T) {
	simulated, slower, real := quiet(Routine, Verified).sp, quiet(Routine, Verified).sp, quiet(Routine, Verified).sp
	simulated.Profile.Pace, slower.Profile.Pace = 2*time.Second, 5*time.Minute
	for _, c := range []struct {
		name        string
		o           Options
		lease, long time.Duration
	}{
		{"real", Options{Credentials: []Credential{{Spec: real}}}, 2 * time.Minute, 10 * time.Minute},
		{"simulated", Options{Credentials: []Credential{{Spec: simulated}}}, 4 * time.Second, 8 * time.Second},
		{"a slow simulation", Options{Credentials: []Credential{{Spec: simulated}, {Spec: slower}}}, 2 * time.Minute, 10 * time.Minute},
		{"both", Options{Credentials: []Credential{{Spec: simulated}, {Spec: real}}}, 2 * time.Minute, 10 * time.Minute},
		{"none", Options{}, 2 * time.Minute, 10 * time.Minute},
		{"asked for", Options{Lease: time.Minute, Credentials: []Credential{{Spec: simulated}}}, time.Minute, 10 * time.Minute},
	} {
		if lease, long := leases(c.o); lease != c.lease || long != c.long {
			t.Errorf("%s: %s and %s", c.name, lease, long)
		}
	}
	for lease, spare := range map[time.Duration]time.Duration{2 * time.Minute: leaseSpare, longLease: leaseSpare, 4 * time.Second: time.Second / 2} {
		if within(lease) != lease-spare {
			t.Errorf("a lease of %s is used for %s", lease, within(lease))
		}
	}
}

// TestAtMost: the shorter of the two counts, and no pace bounds nothing.
func TestAtMost(t *testing.T) {
	paced := ProfileSpec{Pace: time.Minute}
	for d, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Hour: time.Minute} {
		if got := paced.AtMost(d); got != want || (ProfileSpec{}).AtMost(d) != d {
			t.Errorf("%s: %s, want %s; without a pace %s", d, got, want, (ProfileSpec{}).AtMost(d))
		}
	}
}
