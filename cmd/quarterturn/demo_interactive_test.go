package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"quarterturn/internal/sim"
)

// guest starts demo --interactive at a terminal, with a folder for temporary files of its own.
func guest(t *testing.T) (*screen, string) {
	t.Helper()
	st := &stage{dir: t.TempDir()}
	tmp := st.path("tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	c := process(t, st, "--as", "ada", "demo", "--interactive")
	c.Env = append(c.Env, "TMPDIR="+tmp)
	return sit(t, c), tmp
}

// portalOn reads the portal's address off the screen.
func (s *screen) portalOn() string {
	s.t.Helper()
	s.expect("sign in as Ada Moss")
	s.expect("http://127.0.0.1:")
	s.expect("\n")
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(s.text())
}

func nothingLeft(t *testing.T, tmp string) {
	t.Helper()
	if entries, err := os.ReadDir(tmp); err != nil || len(entries) > 0 {
		t.Errorf("%d things are left behind, %v", len(entries), err)
	}
}

// The whole story with a person in it: a key from the wrong environment first, then the right one, then the old one is
// revoked after a first word that was too early.
func TestDemoInteractive(t *testing.T) {
	s, tmp := guest(t)
	ada := visit(t, s.portalOn())
	handIn := func(pair sim.Shown) {
		s.expect("organisation: ")
		s.types("Acme Trading\n")
		s.expect("hidden")
		s.hidden()
		s.types(paste(pair))
	}
	s.expect("2  create")
	wrong := ada.create(sim.Sandbox)
	handIn(wrong)
	s.expect("STOP")
	right := ada.create(sim.Production)
	handIn(right)
	s.expect("You may close the portal page.")
	s.expect("6  prove")
	s.expect("the story's clock jumps")
	s.expect("24h have passed.")
	s.expect("REVOKE")
	old := regexp.MustCompile(`key ends in +([0-9a-f]{4})`).FindStringSubmatch(s.text())
	if old == nil {
		t.Fatalf("which key to revoke is not said:\n%s", s.text())
	}
	s.expect("last four: ")
	s.types(last4(right) + "\n")
	s.expect("IN USE")
	s.expect("back, or last four: ")
	ada.revoke(sim.Production, old[1])
	s.types(old[1] + "\n")
	s.expect("have passed.")
	s.expect("bluum-production is closed.")
	s.expect("$ quarterturn evidence")
	s.expect("The service made")
	s.expect("0 failed")
	if code := s.ends(); code != exitDone {
		t.Fatalf("exit code %d; the screen:\n%s", code, s.text())
	}
	s.secretless(wrong, right)
	nothingLeft(t, tmp)
	for line := range strings.Lines(s.text()) {
		line = strings.TrimRight(line, "\r\n")
		line = line[strings.LastIndex(line, "\r")+1:] // a count-down writes over itself
		if n := len([]rune(line)); n > width && !strings.Contains(line, "\x1b") {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// Ctrl-C and SIGTERM, where echo is on and where it is off: 143, the terminal as it was, no folder left.
func TestDemoInteractiveLeft(t *testing.T) {
	interrupt := func(s *screen) { s.types("\x03") }
	for name, tc := range map[string]struct {
		hidden bool
		leave  func(*screen)
	}{"Ctrl-C": {false, interrupt}, "Ctrl-C at the paste": {true, interrupt}, "SIGTERM at the paste": {true, terminated}} {
		t.Run(name, func(t *testing.T) {
			s, tmp := guest(t)
			s.expect("organisation: ")
			if tc.hidden {
				s.types("Acme Trading\n")
				s.expect("hidden")
				s.hidden()
			}
			tc.leave(s)
			s.expect("are gone")
			if code := s.ends(); code != exitSignal {
				t.Errorf("exit code %d; the screen:\n%s", code, s.text())
			}
			nothingLeft(t, tmp)
		})
	}
}
