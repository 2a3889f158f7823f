package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// Every file that quarterturn creates is this user's alone, whatever the umask would let others have.
func TestModesWhateverTheUmask(t *testing.T) {
	st := &stage{dir: t.TempDir()}
	for _, args := range [][]string{
		{"init", "--owner", "owner@acme.example", "--environment", "sandbox"},
		{"status"},
		{"ledger", "backup", "--file", "copy.db"},
	} {
		c := process(t, st, args...)
		bin := filepath.Join(t.TempDir(), "quarterturn")
		if err := os.Symlink(c.Path, bin); err != nil {
			t.Fatal(err)
		}
		loose := exec.Command("sh", append([]string{"-c", `umask 0; exec "$0" "$@"`, bin}, args...)...)
		loose.Dir, loose.Env = c.Dir, c.Env
		if code, said := aside(t, loose, ""); code != exitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, said)
		}
	}
	found := 0
	err := filepath.WalkDir(st.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		found++
		return err
	})
	if err != nil || found < 5 {
		t.Errorf("only %d files were created (%v)", found, err)
	}
}

// A signal at a visible question leaves a terminal that echoes, and no half-made configuration.
func TestTerminalInitLeft(t *testing.T) {
	for name, leave := range map[string]func(*screen){
		"Ctrl-C": func(s *screen) { s.types("\x03") }, "SIGTERM": terminated, "SIGINT": signalled(syscall.SIGINT),
	} {
		t.Run(name, func(t *testing.T) {
			st := &stage{dir: t.TempDir()}
			s := sit(t, process(t, st, "init", "--owner", "owner@acme.example"))
			s.expect("What should the credential be called?")
			leave(s)
			s.expect("stopped by a signal") // before the end: what a process printed last may still be on its way
			if code := s.ends(); code != exitSignal {
				t.Errorf("exit code %d; the screen:\n%s", code, s.text())
			}
			if all, err := os.ReadDir(st.dir); err != nil || len(all) != 0 {
				t.Errorf("left behind: %v, %v", all, err)
			}
		})
	}
}

// A signal where the last four characters are asked for, by rotate or by revoked: nothing is recorded, and echo is on.
func TestTerminalLastFourLeft(t *testing.T) {
	st := realStage(t, "1s")
	fresh, err := st.vendor.Create(sim.Acme, sim.Production, demoName)
	if err != nil {
		t.Fatal(err)
	}
	s := sit(t, process(t, st, "rotate", demoName))
	s.expect("organisation: ")
	s.types("acme trading\n")
	s.expect("hidden")
	s.hidden()
	s.types(paste(fresh))
	s.expect("last four: ")
	terminated(s)
	if code := s.ends(); code != exitSignal {
		t.Errorf("rotate: exit code %d; the screen:\n%s", code, s.text())
	}
	for name, leave := range map[string]func(*screen){"Ctrl-C": func(s *screen) { s.types("\x03") }, "SIGTERM": terminated} {
		s := sit(t, process(t, st, "revoked", demoName))
		s.expect("Last four characters")
		leave(s)
		if code := s.ends(); code != exitSignal {
			t.Errorf("revoked, %s: exit code %d; the screen:\n%s", name, code, s.text())
		}
		s.secretless(st.old, fresh)
	}
	if state := stateOf(t, st); state != string(rotator.AwaitingRevocation) {
		t.Errorf("state %s", state)
	}
}
