package kill

import (
	"context"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	looks = 12 * time.Millisecond // between two looks at the files
	works = 16                    // looks between two calls of each service: the vendor allows a pair 25 a second
)

// watch looks from outside at every moment: each .env file holds one issued pair, whole and not dead, and nothing else of it
// has changed; each service's calls with the pair in its memory succeed.
func (w *world) watch(ctx context.Context) {
	restarts := map[string]int{}
	for n := 0; ctx.Err() == nil; n++ {
		for _, file := range []string{"api.env", "jobs.env"} {
			w.lookAt(file)
		}
		for name, s := range w.services {
			if r := s.Restarts(); n%works == 0 || r != restarts[name] {
				restarts[name] = r
				w.work(ctx, name)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(looks):
		}
	}
}

// lookAt reads a file the way its readers do.
func (w *world) lookAt(file string) {
	before := time.Now()
	data, err := os.ReadFile(w.path("places", file))
	if err != nil {
		w.violation("%s cannot be read: %v", file, err)
		return
	}
	key, secret, rest := entries(string(data))
	if rest != fixed {
		w.violation("%s: its other lines are different", file)
	}
	for _, p := range w.known() {
		if p.key != key || p.secret != secret {
			continue
		}
		if !p.revoked.IsZero() && before.After(p.revoked.Add(bites)) {
			w.violation("%s holds the dead pair %s", file, p.id)
		}
		w.tally.looked()
		return
	}
	w.violation("%s holds no whole pair: a mixed, torn or missing one", file)
}

// entries takes the pair and the comment of ours out of a file; rest is what others wrote.
func entries(text string) (key, secret, rest string) {
	for _, line := range strings.SplitAfter(text, "\n") {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch {
		case name == "BLUUM_API_KEY":
			key = strings.Trim(value, `"'`)
		case name == "BLUUM_API_SECRET":
			secret = strings.Trim(value, `"'`)
		case !strings.HasPrefix(line, "# quarterturn: epoch "):
			rest += line
		}
	}
	return key, secret, rest
}

// work lets a service call the vendor once. Nobody errs in these worlds, so no call may fail.
func (w *world) work(ctx context.Context, name string) {
	status := w.services[name].Work(ctx)
	if status == 0 && ctx.Err() == nil { // a machine that is busy: a service that is down fails again
		status = w.services[name].Work(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	w.tally.called()
	if status != http.StatusOK {
		w.violation("%s calls the vendor and fails with status %d", name, status)
	}
}
