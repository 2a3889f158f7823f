package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// patient is how long a test waits for something that takes a moment. It decides only when to give up.
const patient = 60 * time.Second

// realStage is a stage whose clock keeps up with the machine's: the commands that play on it are processes of their own.
func realStage(t *testing.T, overlap string) *stage {
	t.Helper()
	w := scriptWorld()
	st, err := newStage(t.Context(), w, t.TempDir(), time.Now().UTC().Add(-demoAge), stageOptions{Age: demoAge,
		Propagation: demoBites, Amend: func(_ *stage, text string) (string, error) {
			return strings.Replace(text, "overlap: 24h", "overlap: "+overlap, 1), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.close() })
	if _, _, err := st.shop.rt.Adopt(t.Context(), rotator.Adoption{Credential: demoName, Who: "test", Created: st.old.CreatedAt}); err != nil {
		t.Fatal(err)
	}
	if err := closeShop(st); err != nil {
		t.Fatal(err)
	}
	go keepUp(t.Context(), st.clock)
	return st
}

// keepUp moves the stage's clock with the machine's until the test ends.
func keepUp(ctx context.Context, c *clock) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		c.advance(time.Since(c.now()))
	}
}

// process is this test binary under the name quarterturn: TestMain makes it the real thing.
func process(t *testing.T, st *stage, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, args...)
	c.Args[0] = "quarterturn"
	c.Dir = st.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=xterm", "USER=test", "NO_COLOR=1"}
	return c
}

// screen is what a person at a terminal sees, and their keyboard.
type screen struct {
	t   *testing.T
	tty *os.File // the person's side
	pts *os.File // the program's side, kept open to look at its mode
	cmd *exec.Cmd

	mu   sync.Mutex
	seen bytes.Buffer
	read int // how much of it expect has gone past
}

// sit starts a command at a terminal of 80 columns.
func sit(t *testing.T, c *exec.Cmd) *screen {
	t.Helper()
	tty, pts, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, tty: tty, pts: pts, cmd: c}
	t.Cleanup(func() { _, _ = tty.Close(), pts.Close() })
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 50, Cols: width}); err != nil {
		t.Fatal(err)
	}
	c.Stdin, c.Stdout, c.Stderr = pts, pts, pts
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	go s.watch()
	return s
}

func (s *screen) watch() {
	chunk := make([]byte, 4096)
	for {
		n, err := s.tty.Read(chunk)
		s.mu.Lock()
		s.seen.Write(chunk[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// text is everything shown so far, with line ends as in files.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.seen.String(), "\r\n", "\n")
}

// expect waits until what is wanted is on the screen, after what was expected before.
func (s *screen) expect(want string) {
	s.t.Helper()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text := s.text()
		if i := strings.Index(text[s.read:], want); i >= 0 {
			s.read += i + len(want)
			return
		}
	}
	s.t.Fatalf("%q did not come; the screen:\n%s", want, s.text())
}

func (s *screen) types(text string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// hidden waits until the program has switched echo off: only then is a prompt ready for a secret.
func (s *screen) hidden() {
	s.t.Helper()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if !s.echoes() {
			return
		}
	}
	s.t.Fatalf("echo stays on; the screen:\n%s", s.text())
}

func (s *screen) echoes() bool {
	s.t.Helper()
	mode, err := unix.IoctlGetTermios(int(s.pts.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// ends waits for the process and returns its exit code. The terminal must be as it was.
func (s *screen) ends() int {
	s.t.Helper()
	code := exitOf(s.t, s.cmd)
	if !s.echoes() {
		s.t.Fatal("the terminal was left without echo")
	}
	return code
}

func exitOf(t *testing.T, c *exec.Cmd) int {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode()
	case <-time.After(patient):
		t.Fatal("the process does not end")
	}
	return -1
}

func paste(s sim.Shown) string {
	return "BLUUM_API_KEY=" + s.Key + "\rBLUUM_API_SECRET=" + s.Secret + "\r"
}

// secretless: nothing of a pair but the last four characters of its key was ever on the screen.
func (s *screen) secretless(pairs ...sim.Shown) {
	s.t.Helper()
	text := s.text()
	for _, p := range pairs {
		for _, value := range []string{p.Secret, p.Key[strings.LastIndexByte(p.Key, '_')+1:]} {
			for i := 0; i+8 <= len(value); i++ {
				if strings.Contains(text, value[i:i+8]) {
					s.t.Fatalf("8 characters of the pair ending in %s are on the screen", last4(p))
				}
			}
		}
	}
}

// marks are what a terminal is told around a paste.
func marks() []string { return []string{"\x1b[?2004h", "", "\x1b[?2004l", ""} }

// A person rotates a key at a terminal, from one rotate to the word that it was revoked.
func TestTerminalRotate(t *testing.T) {
	st := realStage(t, "1s")
	fresh, err := st.vendor.Create(sim.Acme, sim.Production, demoName)
	if err != nil {
		t.Fatal(err)
	}
	s := sit(t, process(t, st, "rotate", demoName))
	s.expect("1  preflight")
	s.expect("2  create")
	s.expect("1. Sign in to the Bluum dashboard")
	s.expect("organisation: ")
	s.types("Globex\n")
	s.expect("STOP")
	s.expect("organisation: ")
	s.types("acme trading\n")
	s.expect("hidden")
	s.hidden()
	s.types(paste(fresh))
	s.expect("Your pair is safe")
	s.expect("accepted the pair")
	s.expect("You may close the portal page.")
	s.expect("4  distribute")
	s.expect("5  redeploy")
	s.expect("6  prove")
	s.expect("app uses the pair")
	s.expect("7  revoke")
	s.expect("REVOKE")
	s.expect("last four: ")
	s.types("0000\n")
	s.expect("nothing was recorded")
	s.expect("last four: ")
	if err := st.vendor.Delete(st.old.ID); err != nil {
		t.Fatal(err)
	}
	s.types(last4(st.old) + "\n")
	s.expect("said  the key ending in " + last4(st.old) + " was revoked")
	s.expect("Come back after")
	if code := s.ends(); code != exitDone {
		t.Fatalf("exit code %d; the screen:\n%s", code, s.text())
	}
	s.secretless(st.old, fresh)
	plain := strings.NewReplacer(marks()...).Replace(s.text())
	if strings.Contains(plain, "\x1b") {
		t.Error("escape codes in spite of NO_COLOR")
	}
	for line := range strings.Lines(plain) {
		line = strings.TrimRight(line, "\r\n")
		line = line[strings.LastIndex(line, "\r")+1:] // a count-down writes over itself
		if n := len([]rune(line)); n > width && !strings.Contains(line, "(hidden;") {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if strings.Contains(s.text(), "Next:") {
		t.Error("Next: although nobody is awaited")
	}
}

// aside runs a command without a terminal and returns its exit code and what it said.
func aside(t *testing.T, c *exec.Cmd, in string) (int, string) {
	t.Helper()
	var said bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(in), &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return exitOf(t, c), said.String()
}

// stateOf is what status says in another process, while or after the one under test.
func stateOf(t *testing.T, st *stage) string {
	t.Helper()
	code, said := aside(t, process(t, st, "status", "--output", "json"), "")
	if code != exitDone {
		t.Fatalf("status: exit code %d: %s", code, said)
	}
	var answer struct {
		Credentials []struct{ State string }
	}
	if err := json.Unmarshal([]byte(said), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Credentials[0].State
}

// Ctrl-C and SIGTERM at every prompt: 143, the terminal as it was, and nothing lost.
func TestTerminalLeft(t *testing.T) {
	st := realStage(t, "1s")
	atOrganisation := func(s *screen) { s.expect("organisation: ") }
	atPaste := func(s *screen) {
		s.expect("organisation: ")
		s.types("Acme Trading\n")
		s.expect("hidden")
		s.hidden()
		s.types("BLUUM_API_KEY=" + st.old.Key + "\r")
		s.expect("received; paste the rest")
	}
	for _, c := range []struct {
		name  string
		reach func(*screen)
		leave func(*screen)
		says  string
	}{
		{"Ctrl-C where echo is on", atOrganisation, func(s *screen) { s.types("\x03") }, "stopped by a signal"},
		{"Ctrl-C in the middle of a paste", atPaste, func(s *screen) { s.types("\x03") }, "nothing was taken in"},
		{"SIGTERM where echo is on", atOrganisation, terminated, "stopped by a signal"},
		{"SIGTERM in the middle of a paste", atPaste, terminated, "nothing was taken in"},
		{"a second SIGTERM in the middle of a paste", atPaste, func(s *screen) { terminated(s); terminated(s) }, "nothing was taken in"},
		{"SIGHUP where echo is on", atOrganisation, signalled(syscall.SIGHUP), "stopped by a signal"},
		{"SIGHUP in the middle of a paste", atPaste, signalled(syscall.SIGHUP), "nothing was taken in"},
		{"Ctrl-\\ where echo is on", atOrganisation, func(s *screen) { s.types("\x1c") }, "stopped by a signal"},
		{"SIGQUIT in the middle of a paste", atPaste, signalled(syscall.SIGQUIT), "nothing was taken in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sit(t, process(t, st, "rotate", demoName))
			c.reach(s)
			c.leave(s)
			s.expect(c.says)
			if code := s.ends(); code != exitSignal {
				t.Errorf("exit code %d, want %d; the screen:\n%s", code, exitSignal, s.text())
			}
			s.secretless(st.old)
			if strings.Contains(s.text(), "goroutine ") {
				t.Error("a dump of goroutines")
			}
			if state := stateOf(t, st); state != string(rotator.AwaitingKey) {
				t.Errorf("state %s", state)
			}
		})
	}
}

func terminated(s *screen) { signalled(syscall.SIGTERM)(s) }

func signalled(sig syscall.Signal) func(*screen) {
	return func(s *screen) {
		s.t.Helper()
		if err := s.cmd.Process.Signal(sig); err != nil {
			s.t.Fatal(err)
		}
	}
}

// SIGTERM while machines are waited for: 143, and the next command goes on from what is proven.
func TestSignalWhileWaiting(t *testing.T) {
	st := realStage(t, "100s")
	fresh, err := st.vendor.Create(sim.Acme, sim.Production, demoName)
	if err != nil {
		t.Fatal(err)
	}
	if code, said := aside(t, process(t, st, "run"), ""); code != exitDone {
		t.Fatalf("run: exit code %d: %s", code, said)
	}
	s := sit(t, process(t, st, "submit", demoName))
	s.expect("hidden")
	s.hidden()
	s.types("BLUUM_API_SECRET=" + fresh.Key + "…\r\r")
	s.expect("is masked or shortened")
	s.expect("Next: quarterturn submit " + demoName)
	if code := s.ends(); code != exitUsage {
		t.Fatalf("exit code %d; the screen:\n%s", code, s.text())
	}
	s = sit(t, process(t, st, "submit", demoName))
	s.expect("hidden")
	s.hidden()
	s.types("\x1b[200~" + fresh.Key + "\r" + fresh.Secret + "\x1b[201~\r")
	s.expect("Your pair is safe")
	if code := s.ends(); code != exitDone {
		t.Fatalf("exit code %d; the screen:\n%s", code, s.text())
	}
	s = sit(t, process(t, st, "rotate", demoName))
	s.expect("wait  both keys work")
	s.expect("Ctrl-C loses nothing")
	terminated(s)
	s.expect("what was proven is saved")
	if code := s.ends(); code != exitSignal {
		t.Errorf("exit code %d, want %d; the screen:\n%s", code, exitSignal, s.text())
	}
	if state := stateOf(t, st); state != string(rotator.Verified) {
		t.Errorf("state %s after the signal", state)
	}
	code, said := aside(t, process(t, st, "rotate", "--no-wait", demoName), "")
	if code != exitDone || !strings.Contains(said, "Come back after") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if strings.Contains(said, "\x1b") {
		t.Error("escape codes in a pipe")
	}
}

// init asks at a terminal what no flag gave, with its suggestions in brackets.
func TestTerminalInit(t *testing.T) {
	st := &stage{dir: t.TempDir()}
	c := process(t, st, "init", "--owner", "owner@acme.example")
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "USER=test"}
	s := sit(t, c)
	s.expect("What should the credential be called? [bluum-production]")
	s.types("\n")
	s.expect("Which vendor profile? [bluum]")
	s.types("\n")
	s.expect("there is no default")
	s.types("sandbox\n")
	for range 9 {
		s.types("\n")
	}
	s.expect("wrote quarterturn.yaml")
	s.expect("Next:")
	if code := s.ends(); code != exitDone {
		t.Fatalf("exit code %d; the screen:\n%s", code, s.text())
	}
	if !strings.Contains(s.text(), "\x1b[") {
		t.Error("no colour at a terminal")
	}
	if code, said := aside(t, process(t, st, "config", "check"), ""); code != exitDone {
		t.Errorf("config check: exit code %d: %s", code, said)
	}
}
