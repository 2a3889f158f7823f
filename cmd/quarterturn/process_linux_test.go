package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// echoing waits until echo is back.
func (s *screen) echoing() {
	s.t.Helper()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if s.echoes() {
			return
		}
	}
	s.t.Fatalf("echo stays off; the screen:\n%s", s.text())
}

// Ctrl-Z at a hidden prompt gives the shell a terminal that echoes; fg hides again, and the paste goes on.
func TestJobControl(t *testing.T) {
	st := realStage(t, "1s")
	if code, said := aside(t, process(t, st, "run"), ""); code != exitDone {
		t.Fatalf("run: exit code %d: %s", code, said)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(bin, "quarterturn")); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", "-i")
	c.Dir = st.dir
	c.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "TERM=dumb", "USER=test", "NO_COLOR=1", "PS1=ready> "}
	s := sit(t, c)
	s.expect("ready> ")
	s.types("quarterturn submit " + demoName + "; echo code $?\n")
	for range 2 {
		s.expect("(hidden")
		s.hidden()
		s.types("\x1a")
		s.expect("ready> ")
		s.echoing()
		s.types("fg\n")
	}
	s.expect("(hidden")
	s.hidden()
	s.types("BLUUM_API_KEY=" + st.old.Key + "\r")
	s.expect("received; paste the rest")
	s.types("\x03")
	s.expect("nothing was taken in")
	s.echoing()
	s.types("exit\n")
	_ = s.cmd.Wait()
	s.secretless(st.old)
}

// Where no shell could continue it, Ctrl-Z does nothing: a process nobody wakes would keep the terminal for ever.
func TestNoJobControl(t *testing.T) {
	st := realStage(t, "1s")
	if code, said := aside(t, process(t, st, "run"), ""); code != exitDone {
		t.Fatalf("run: exit code %d: %s", code, said)
	}
	s := sit(t, process(t, st, "submit", demoName))
	s.expect("(hidden")
	s.hidden()
	s.types("\x1a\x03")
	s.expect("nothing was taken in")
	if code := s.ends(); code != exitSignal {
		t.Errorf("exit code %d", code)
	}
}

// A pipe that stays open does not outlive a signal.
func TestSignalAtPipe(t *testing.T) {
	st := realStage(t, "1s")
	if code, said := aside(t, process(t, st, "run"), ""); code != exitDone {
		t.Fatalf("run: exit code %d: %s", code, said)
	}
	c := process(t, st, "submit", demoName)
	said := holding(t, c, "BLUUM_API_KEY="+st.old.Key)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := exitOf(t, c); code != exitSignal || !strings.Contains(said.String(), "nothing was taken in") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
}
