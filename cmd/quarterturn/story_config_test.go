package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"quarterturn/rotator"
)

// reconfigures changes the configuration while a rotation is under way, as the next process would find it.
func (b *bench) reconfigures(old, changed string) {
	b.t.Helper()
	text, err := os.ReadFile(b.path("quarterturn.yaml"))
	b.must(err)
	if !strings.Contains(string(text), old) {
		b.t.Fatalf("%q is not in the configuration", old)
	}
	b.must(os.WriteFile(b.path("quarterturn.yaml"), []byte(strings.Replace(string(text), old, changed, 1)), 0o600))
	b.must(b.reopen(b.ctx))
}

// TestStoryConfigurationChanged: an approval is for one configuration. What changed is in the trail by its path alone.
func TestStoryConfigurationChanged(t *testing.T) {
	b := raise(t, stageOptions{}, secondPerson)
	b.to(rotator.Verified)
	b.as = "bob@acme.example"
	b.does(exitDone, "approve", demoName)
	b.pass()
	b.as = "alice@acme.example"
	b.reconfigures("overlap: 2h", "overlap: 3h")
	b.after(4 * time.Hour)
	b.is(rotator.Verified, "a second person must approve")
	b.recounts("approvals given before are void")
	b.recounts(`"policy.overlap":"changed"`)
	b.as = "bob@acme.example"
	b.does(exitDone, "approve", demoName)
	b.as = "alice@acme.example"
	b.finish()
}

// TestStoryPlaceMoved: a place that points elsewhere is looked at anew, and written, before anything goes on.
func TestStoryPlaceMoved(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	b.overwrite("moved.env", b.old)
	b.reconfigures(`dotenv: {file: "app.env"}`, `dotenv: {file: "moved.env"}`)
	b.rewrites++ // the one generation is written to the place under its new address too
	b.pass()
	b.recounts(`"places.env.dotenv.file":"changed"`)
	b.envs = []string{"app.env", "moved.env"}
	b.to(rotator.AwaitingRevocation)
	b.holds(b.fresh)
	b.to(rotator.Closed)
}

// TestStoryConfigurationOfAnIdleCredential: every change of the inventory is in the trail (I-20), also when nothing is due.
func TestStoryConfigurationOfAnIdleCredential(t *testing.T) {
	b := raise(t, stageOptions{Age: time.Hour})
	b.pass()
	b.recounts("it is in the configuration")
	b.reconfigures("rotate_at: 75d", "rotate_at: 70d")
	b.pass()
	b.recounts(`"policy.rotate_at":"changed"`)
	b.does(exitDone, "audit", "verify")
}

// TestShortPropagationNeedsLoopback: seconds are for a vendor on this machine alone; elsewhere every command says which
// line to mend.
func TestShortPropagationNeedsLoopback(t *testing.T) {
	b := raise(t, stageOptions{Quick: true})
	b.does(exitDone, "config", "check")
	profile, err := os.ReadFile(b.path("bluum-demo.yaml"))
	b.must(err)
	remote := regexp.MustCompile(`(production: \{base: ")[^"]*`).ReplaceAllString(string(profile), `${1}https://api.bluum.example/v1`)
	b.must(os.WriteFile(b.path("bluum-demo.yaml"), []byte(remote), 0o600))
	for _, args := range [][]string{{"config", "check"}, {"check"}, {"run"}, {"rotate", demoName}} {
		code, said := spoken(b, "", args...)
		flat := strings.Join(strings.Fields(said), " ")
		if code != exitUsage || !strings.Contains(flat, "bluum-demo.yaml:6:") || !strings.Contains(flat, "lifecycle.propagation") ||
			!strings.Contains(flat, "too short for a real host") {
			t.Errorf("%v: exit code %d: %s", args, code, said)
		}
	}
}
