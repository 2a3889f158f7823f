package sim

import (
	"crypto/sha256"
	"time"
)

// rate is the documented number of requests a second for one key pair.
func rate(environment string) int {
	return map[string]int{Sandbox: 10, Production: 25}[environment]
}

// windows holds, per named key, when it was used in the last second: no second anywhere on the clock, not only a whole
// one, may see more than the rate. Unknown keys are counted too.
type windows map[[sha256.Size]byte][]time.Time

// take counts one request. remaining is what is left in this second; when nothing is, wait says for how long.
func (s windows) take(key string, limit int, now time.Time) (remaining int, wait time.Duration) {
	s.forget(now)
	sum := sha256.Sum256([]byte(key))
	used := s[sum]
	if len(used) >= limit {
		return 0, max(used[len(used)-limit].Add(time.Second).Sub(now), 1)
	}
	s[sum] = append(used, now)
	return limit - len(used) - 1, 0
}

func (s windows) forget(now time.Time) {
	for sum, used := range s {
		for len(used) > 0 && now.Sub(used[0]) >= time.Second {
			used = used[1:]
		}
		s[sum] = used
		if len(used) == 0 {
			delete(s, sum)
		}
	}
}
