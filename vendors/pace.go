package vendors

import "time"

// Pace is the longest span that anything of ours waits for a vendor simulated on this machine whose revocations bite within
// seconds: its propagation time. Whole rotations are rehearsed so. 0: no bound, which is what every real host gets, whatever
// its profile says.
func (p Profile) Pace() time.Duration {
	if p.Lifecycle.Propagation >= shortest || !p.loopback() {
		return 0
	}
	return time.Duration(p.Lifecycle.Propagation)
}

// loopback reports whether every environment is on this machine.
func (p Profile) loopback() bool {
	for _, e := range p.Environments {
		if !e.loopback() {
			return false
		}
	}
	return len(p.Environments) > 0
}
