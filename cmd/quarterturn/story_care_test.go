package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarterturn/rotator"
)

// loses closes what this process has open of the ledger, has something happen to its files, and opens it again.
func (b *bench) loses(happen func()) {
	b.t.Helper()
	b.must(b.shop.Close())
	b.shop = nil
	happen()
	b.must(b.reopen(b.ctx))
}

// noLedger removes the file with everything beside it.
func (b *bench) noLedger() {
	all, err := filepath.Glob(b.path("quarterturn.db*"))
	b.must(err)
	for _, file := range all {
		b.must(os.Remove(file))
	}
}

// anew rotates once more, to the end.
func (b *bench) anew() {
	b.t.Helper()
	b.does(exitDone, "rotate", demoName, "--no-wait")
	b.closes()
}

// TestStoryLostLedger: the file is gone. Nothing is decided by the new one, which is empty, until it was reconciled.
func TestStoryLostLedger(t *testing.T) {
	for _, state := range []rotator.State{rotator.Verified, rotator.Closed} {
		t.Run("in "+string(state), func(t *testing.T) {
			b := raise(t, stageOptions{})
			b.to(state)
			b.loses(b.noLedger)
			b.does(exitStop, "run")
			b.prints("ledger reconcile")
			b.does(exitUsage, "check")
			b.prints("run quarterturn ledger reconcile")
			b.does(exitStop, "adopt", demoName)
			b.prints("Next: quarterturn ledger reconcile")
			b.does(exitStop, "rotate", demoName, "--no-wait")
			b.prints("Next: quarterturn ledger reconcile")
			b.works()
			b.does(exitDone, "ledger", "reconcile", "--dry-run")
			b.does(exitStop, "run")
			b.does(exitDone, "ledger", "reconcile")
			b.prints("adopt it, with --created and the day that the portal shows")
			if !strings.HasSuffix(strings.TrimSpace(b.out), "Next: quarterturn adopt "+demoName) {
				b.t.Errorf("a command that can be run as it stands is not the last line:\n%s", b.out)
			}
			b.life(b.fresh, rotator.Current)
			b.does(exitDone, "adopt", demoName, "--created", b.fresh.CreatedAt.Format(time.RFC3339))
			b.holds(b.fresh)
			b.works()
			if state == rotator.Verified {
				b.revoke(b.old) // nobody knows it any more but the portal
				b.clock.advance(2 * demoBites)
			}
			b.anew()
			b.does(exitDone, "audit", "verify")
		})
	}
}

// TestStoryOldLedger: a backup is put back that knows nothing of the pair in use. History is lost, safety is not: the pair
// that everybody uses is found in the places, and the one the backup takes for current is buried.
func TestStoryOldLedger(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.does(exitDone, "ledger", "backup", "--file", b.path("old.db"))
	b.to(rotator.Closed)
	b.loses(func() {
		b.does(exitStop, "ledger", "restore", "--file", b.path("old.db"))
		b.prints("add --force")
		b.does(exitDone, "ledger", "restore", "--file", b.path("old.db"), "--force")
	})
	for _, command := range [][]string{{"run"}, {"rotate", demoName, "--no-wait"}} {
		b.does(exitStop, command...)
		b.prints("Next: quarterturn ledger reconcile")
	}
	b.does(exitDone, "ledger", "reconcile")
	b.life(b.fresh, rotator.Current)
	b.life(b.old, rotator.Orphan)
	b.is(rotator.Abandoned, "reconciling")
	b.holds(b.fresh)
	b.works()
	b.untilDead(b.old)
	b.does(exitDone, "adopt", demoName, "--created", b.fresh.CreatedAt.Format(time.RFC3339))
	b.anew()
	b.buried()
	b.does(exitDone, "audit", "verify")
}

// TestStoryOldLedgerGoesOn: the backup knows the pair that the places hold: only the epoch is mended, and the rotation goes
// on from what can still be seen.
func TestStoryOldLedgerGoesOn(t *testing.T) {
	for _, state := range []rotator.State{rotator.AwaitingKey, rotator.Verified, rotator.AwaitingRevocation} {
		t.Run("backed up in "+string(state), func(t *testing.T) {
			b := raise(t, stageOptions{})
			b.to(state)
			if state == rotator.AwaitingKey {
				b.supply()
			}
			b.does(exitDone, "ledger", "backup", "--file", b.path("old.db"))
			b.to(rotator.Closed)
			b.clock.advance(time.Minute)
			b.loses(func() { b.does(exitDone, "ledger", "restore", "--file", b.path("old.db"), "--force") })
			b.does(exitStop, "run")
			b.does(exitDone, "ledger", "reconcile")
			b.prints("the ledger knows what the places hold")
			b.next()
			again := false
			for range 100 {
				r := b.rotation()
				if r.State == rotator.Closed {
					break
				}
				if !again && b.said[r.ID] != "" && r.Command == "quarterturn revoked "+demoName { // the word was lost with the ledger
					again = true
					b.does(exitDone, "revoked", demoName, "--last4", last4(b.old))
				}
				b.clock.advance(time.Minute) // what was proven before is proven again at once: too many calls for one moment
				b.obey()
				b.next()
			}
			b.is(rotator.Closed, "")
			b.clock.advance(time.Minute)
			b.closes()
			b.does(exitDone, "audit", "verify")
		})
	}
}

// TestStoryReconcileDisagreeing: who could decide is named, and the ledger stays closed for runs.
func TestStoryReconcileDisagreeing(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Closed)
	b.does(exitDone, "ledger", "backup", "--file", b.path("old.db"))
	b.loses(func() {
		b.noLedger()
		b.does(exitDone, "ledger", "restore", "--file", b.path("old.db"))
	})
	app, err := os.ReadFile(b.path("app.env"))
	b.must(err)
	b.must(os.Remove(b.path("app.env")))
	b.must(os.Mkdir(b.path("app.env"), 0o700))
	b.does(exitStop, "ledger", "reconcile")
	b.prints("cannot be reached")
	b.does(exitStop, "run")
	b.must(os.Remove(b.path("app.env")))
	b.must(os.WriteFile(b.path("app.env"), app, 0o600))
	b.does(exitDone, "ledger", "reconcile")
	b.does(exitDone, "run")
	b.works()
}

// TestStoryClockAYearAhead: one pass with a wrong clock does not keep ages from being told for a year.
func TestStoryClockAYearAhead(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Closed)
	year := 365 * 24 * time.Hour
	b.clock.advance(year)
	b.does(exitDone, "run")
	b.clock.at = b.clock.now().Add(-year)
	b.does(exitStop, "run")
	b.prints("clock is")
	b.does(exitDone, "ledger", "reconcile", "--clock-is-right")
	b.line("", "run")
	if b.code == exitStop {
		t.Fatalf("still in doubt:\n%s", b.out)
	}
	b.works()
}
