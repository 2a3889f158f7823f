package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// TestKilledInit kills the real init at ever later moments: the same command goes through afterwards, with no file removed by
// hand, and a sealing identity that was made once stays.
func TestKilledInit(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, identity := t.TempDir(), ""
	if err := os.Symlink(exe, filepath.Join(dir, "quarterturn")); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		_, _ = initIn(dir, time.Duration(2*(i+1))*time.Millisecond)
		text, err := os.ReadFile(filepath.Join(dir, "seal.key"))
		if err != nil && !errors.Is(err, os.ErrNotExist) || identity != "" && string(text) != identity {
			t.Fatalf("the sealing identity is another one (%v)", err)
		}
		identity = string(text)
		again := []string{"quarterturn.yaml", "fingerprint.key"}[i%2:]
		for _, name := range again { // so that there is something left to be done
			_ = os.Remove(filepath.Join(dir, name))
		}
		_ = os.Remove(filepath.Join(dir, "quarterturn.yaml"))
	}
	if said, err := initIn(dir, time.Minute); err != nil {
		t.Errorf("init: %v: %s", err, said)
	}
}

// initIn runs init in dir, and kills it after a while if it still lives.
func initIn(dir string, after time.Duration) (said []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	c := exec.CommandContext(ctx, filepath.Join(dir, "quarterturn"), "init", "--environment", "sandbox", "--owner", "owner@acme.example")
	c.Dir = dir
	return c.CombinedOutput()
}
