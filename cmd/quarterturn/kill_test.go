package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"quarterturn/rotator"
)

// TestKilledCare kills the real program in the middle of restore and of both rekeys, at ever later moments: whatever is left
// is a whole ledger and a whole key file, the same command goes through afterwards, and the rotation comes to its end.
func TestKilledCare(t *testing.T) {
	for _, args := range [][]string{{"ledger", "restore", "--force", "--file", "old.db"}, {"rekey", "seal"}, {"rekey", "fingerprint"}} {
		t.Run(args[0]+" "+args[1], func(t *testing.T) {
			b := raise(t, stageOptions{Label: true})
			b.to(rotator.Verified)
			b.does(exitDone, "ledger", "backup", "--file", b.path("old.db"))
			b.must(closeShop(b.stage))
			exe, err := os.Executable()
			b.must(err)
			b.must(os.Symlink(exe, b.path("quarterturn")))
			for i := range 12 {
				b.killed(time.Duration(15*(i+1))*time.Millisecond, args...)
				b.does(exitDone, "audit", "verify")
			}
			b.must(os.Remove(b.path("quarterturn")))
			if args[1] == "restore" {
				args = []string{"ledger", "restore", "--force", "--file", b.path("old.db")}
			}
			b.does(exitDone, args...)
			b.line("", "ledger", "reconcile")
			b.must(b.reopen(b.ctx))
			b.closes()
			b.does(exitDone, "audit", "verify")
		})
	}
}

// killed starts the real program and ends it without warning after a while, or lets it end.
func (b *bench) killed(after time.Duration, args ...string) {
	b.t.Helper()
	c := exec.Command(b.path("quarterturn"), append([]string{"--config", "quarterturn.yaml", "--as", "alice"}, args...)...)
	c.Dir = b.dir
	b.must(c.Start())
	kill := time.AfterFunc(after, func() { _ = c.Process.Kill() })
	_ = c.Wait()
	kill.Stop()
	b.everything.WriteString(fmt.Sprint(c.ProcessState, "\n"))
}
