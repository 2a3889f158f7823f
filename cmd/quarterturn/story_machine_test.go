package main

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"quarterturn/rotator"
)

// TestStoryTwoRunners is I-19: two processes make their passes at once, from the first to the last, and nothing happens
// twice.
func TestStoryTwoRunners(t *testing.T) {
	b := raise(t, stageOptions{})
	other, err := open(b.ctx, b.w, b.path("quarterturn.yaml"), b.o.Wiring)
	b.must(err)
	t.Cleanup(func() { b.must(other.Close()) })
	for range 400 {
		if b.rotation().State == rotator.Closed {
			break
		}
		b.obey()
		_, err := b.skip(b.ctx)
		b.must(err)
		b.both(b.shop, other)
	}
	b.is(rotator.Closed, "")
	restarts := b.service.Restarts()
	if restarts != 1 {
		t.Errorf("the service was restarted %d times", restarts)
	}
	b.finish()
}

// both lets two runners pass at once, and looks at the invariants when both are done.
func (b *bench) both(runners ...*shop) {
	b.t.Helper()
	var all sync.WaitGroup
	for _, s := range runners {
		all.Go(func() {
			passed, err := s.rt.Pass(context.WithoutCancel(b.ctx))
			if err != nil {
				b.t.Errorf("a pass beside another: %v", err)
			}
			for _, o := range passed.Outcomes {
				if o.Err != nil {
					b.t.Errorf("a pass beside another, in %s: %v", o.From, o.Err)
				}
			}
		})
	}
	all.Wait()
	b.check()
}

// TestStoryMachineWithoutIdentity: it takes pairs in and opens none; its passes say so, and a machine that can goes on.
func TestStoryMachineWithoutIdentity(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	text, err := os.ReadFile(b.path("quarterturn.yaml"))
	b.must(err)
	blind := replacing("  identity_file: seal.key\n", "")(b, string(text))
	b.must(os.WriteFile(b.path("intake.yaml"), []byte(blind), 0o600))
	b.fresh = b.create()
	if b.lineIn(b.ctx, "intake.yaml", pasteOf(b.fresh), append([]string{"submit", demoName}, portal()...)...) != exitDone {
		t.Fatalf("not taken in:\n%s", b.out)
	}
	for range 2 {
		if b.lineIn(b.ctx, "intake.yaml", "", "run") != exitDone {
			t.Fatalf("exit code %d:\n%s", b.code, b.out)
		}
		b.check()
		_, err := b.skip(b.ctx)
		b.must(err)
	}
	b.is(rotator.Received, "no sealing identity")
	b.holds(b.old)
	b.closes()
}

// TestStoryVanishedFromTheConfiguration is I-20: a live credential that nobody names any more stops every run.
func TestStoryVanishedFromTheConfiguration(t *testing.T) {
	for _, state := range []rotator.State{"", rotator.AwaitingKey, rotator.Verified} {
		t.Run("in "+string(state), func(t *testing.T) {
			b := raise(t, stageOptions{})
			if state != "" {
				b.to(state)
			}
			text, err := os.ReadFile(b.path("quarterturn.yaml"))
			b.must(err)
			without := strings.ReplaceAll(string(text), demoName, "another-one")
			b.must(os.WriteFile(b.path("without.yaml"), []byte(without), 0o600))
			for range 2 {
				if b.lineIn(b.ctx, "without.yaml", "", "run"); b.code != exitStop {
					t.Fatalf("exit code %d:\n%s", b.code, b.out)
				}
				b.prints("put it back")
				_, err = b.skip(b.ctx)
				b.must(err)
			}
			b.closes() // it was put back
		})
	}
}
