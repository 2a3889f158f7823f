package vendors

import (
	"strings"
	"testing"
	"time"
)

// TestPace: only a vendor whose every environment is on this machine sets a pace, and only by a short propagation time.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name, environments, propagation string
		want                            time.Duration
	}{
		{"seconds on loopback", `{live: {base: "http://127.0.0.1:8080"}}`, "5s", 5 * time.Second},
		{"just short of real", `{live: {base: "http://localhost:8080"}}`, "599s", 599 * time.Second},
		{"as long as a real one", `{live: {base: "http://127.0.0.1:8080"}}`, "10m", 0},
		{"a real host", `{live: {base: "https://api.acme.example"}}`, "10m", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.NewReplacer(`{live: {base: "https://api.acme.example"}}`, c.environments, "1h", c.propagation).Replace(small)
			p, err := Parse("acme.yaml", []byte(text), unknown)
			if err != nil || p.Pace() != c.want {
				t.Errorf("got %s (%v), want %s", p.Pace(), err, c.want)
			}
		})
	}
}

// TestPaceNeedsLoopbackThroughout: one real host among the environments, and a short time is refused; were it let in, it
// would still set no pace.
func TestPaceNeedsLoopbackThroughout(t *testing.T) {
	both := `{live: {base: "https://api.acme.example"}, test: {base: "http://127.0.0.1:8080"}}`
	text := strings.Replace(strings.Replace(small, `{live: {base: "https://api.acme.example"}}`, both, 1), "1h", "5s", 1)
	_, err := Parse("acme.yaml", []byte(text), unknown)
	if err == nil || !strings.Contains(err.Error(), "acme.yaml:4:") || !strings.Contains(err.Error(), "lifecycle.propagation") {
		t.Errorf("got %v", err)
	}
	p, err := Parse("acme.yaml", []byte(small), unknown)
	if p.Lifecycle.Propagation = 1; err != nil || p.Pace() != 0 {
		t.Errorf("a real host got the pace %s (%v)", p.Pace(), err)
	}
}
