package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// nobody is a user without rights, for tests that run as root.
const nobody = 65534

// asNobody makes a root's child a process without rights; it does nothing elsewhere.
func asNobody(c *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return c
}

// reachable is a folder that every user can enter, with this test binary under the name quarterturn.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "quarterturn-harden-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o777), os.WriteFile(filepath.Join(dir, "quarterturn"), text, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// taken waits until everything written to a pipe was read from it: the program is at its prompt.
func taken(t *testing.T, pipe *os.File) {
	t.Helper()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if n, err := unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ); err == nil && n == 0 {
			return
		}
	}
	t.Fatal("nobody reads the pipe")
}

// holding is the real program in the middle of a paste, and what it says.
func holding(t *testing.T, c *exec.Cmd, text string) *bytes.Buffer {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	said := &bytes.Buffer{}
	c.Stdin, c.Stdout, c.Stderr = in, said, said
	if err := errors.Join(c.Start(), in.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	if _, err := out.WriteString(text); err != nil {
		t.Fatal(err)
	}
	taken(t, out)
	return said
}

const canary = "test_bluum_canarycanarycanary0123456789"

func pasting(dir string) *exec.Cmd {
	c := exec.Command(filepath.Join(dir, "quarterturn"), "fingerprint", "report")
	c.Dir = dir
	c.Env = []string{"QUARTERTURN_PRINT_KEY=" + strings.Repeat("ab", 32), "GOTRACEBACK=all"}
	return asNobody(c)
}

// A crash leaves no core, and what it says holds no byte of the paste it was in.
func TestCrashTellsNothing(t *testing.T) {
	dir := reachable(t)
	for _, sig := range []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS} {
		t.Run(sig.String(), func(t *testing.T) {
			c := pasting(dir)
			said := holding(t, c, "BLUUM_API_KEY="+canary+"\n")
			if err := c.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			status := c.ProcessState.Sys().(syscall.WaitStatus)
			if status.CoreDump() || status.ExitStatus() == exitDone {
				t.Errorf("status %v", status)
			}
			if bytes.Contains(said.Bytes(), []byte(canary[:len(canary)/2])) {
				t.Errorf("the paste is in the dump:\n%s", said)
			}
			if left, err := filepath.Glob(dir + "/*core*"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// The limits of the real process, and another process of the same user in front of its memory.
func TestHardened(t *testing.T) {
	dir := reachable(t)
	c := pasting(dir)
	holding(t, c, canary)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", c.Process.Pid))
	if err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	if err == nil && !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("core dumps are not off:\n%s", limits)
	}
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/mem", c.Process.Pid), &st); err != nil || st.Uid != 0 {
		t.Errorf("its memory belongs to user %d (%v): it can be dumped", st.Uid, err)
	}
	if reads(c.Process.Pid) {
		t.Error("another process of the same user can open its memory")
	}
	other := asNobody(exec.Command("sleep", "60"))
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = other.Process.Kill(), other.Wait() }()
	if !reads(other.Process.Pid) {
		t.Log("NOT RUN: this system keeps processes of one user from each other's memory anyway, so the refusal above shows nothing")
	}
}

// reads tries to open a process's memory as its own user.
func reads(pid int) bool {
	c := asNobody(exec.Command("sh", "-c", fmt.Sprintf("exec 3</proc/%d/mem", pid)))
	c.Dir = "/"
	return c.Run() == nil
}
