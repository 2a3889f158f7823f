package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// leakTraced is the calls by which bytes or names leave a process. What is read is left out: a paste must come in.
const leakTraced = "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,execve,prctl,open,openat,creat,mkdir,mkdirat,mknodat," +
	"unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,chdir,setxattr,fsetxattr,memfd_create,connect,bind"

// traceable says why no process can be traced here, "" when one can.
func traceable() string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "strace is not installed"
	}
	if os.Geteuid() != 0 {
		return "only root may read the memory of a process that forbids it"
	}
	if out, err := exec.Command("strace", "-f", "--seccomp-bpf", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		return "strace does not work here: " + strings.TrimSpace(string(out))
	}
	return ""
}

// traced makes a command whose every system call of leakTraced ends up in the file, whole strings in hex.
func traced(file string, c *exec.Cmd) *exec.Cmd {
	args := append([]string{"-f", "--seccomp-bpf", "-v", "-s", "1048576", "-xx", "-yy", "-e", leakTraced, "-o", file, c.Path}, c.Args[1:]...)
	t := exec.Command("strace", args...)
	t.Dir, t.Env, t.Stdin = c.Dir, c.Env, c.Stdin
	return t
}

var (
	traceLine   = regexp.MustCompile(`^\d+ +([a-z0-9_]+)\((.*)$`)
	traceText   = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?`)
	traceTarget = regexp.MustCompile(`^(\d+)<([A-Za-z0-9-]+:\[[^>]*(?:->[^>]*)?\]|[^>]*)>`)
	traceSocket = regexp.MustCompile(`^TCP(?:v6)?:\[(\d+)\]$`)
	tracePort   = regexp.MustCompile(`sin6?_port=htons\((\d+)\)`)
	ownLine     = regexp.MustCompile(`Authorization: Basic [0-9A-Za-z+/=]+\r\n`)
)

// trace is one program's calls, in order: every text by where it went.
type trace struct {
	order  []string
	to     map[string][]byte
	calls  int
	starts int               // programs started
	sealed int               // of these, how many forbade dumps of themselves
	cut    int               // texts that strace did not give whole
	peers  map[string]string // by a socket's number, for calls before strace knows its ends
}

func readTrace(file string) (*trace, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	t := &trace{to: map[string][]byte{}, peers: map[string]string{}}
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if line == "" && err != nil {
			return t, nil
		}
		t.line(strings.TrimSuffix(line, "\n"))
	}
}

func (t *trace) line(line string) {
	m := traceLine.FindStringSubmatch(line)
	if m == nil {
		return // an exit, a signal, or the end of a call whose beginning said everything
	}
	t.calls++
	call, args := m[1], m[2]
	switch {
	case call == "execve":
		t.starts++
	case call == "prctl" && strings.HasPrefix(args, "PR_SET_DUMPABLE, SUID_DUMP_DISABLE"):
		t.sealed++
	}
	where := call
	if target := traceTarget.FindStringSubmatch(args); target != nil {
		to := unhex(target[2])
		socket := traceSocket.FindStringSubmatch(to)
		port := tracePort.FindStringSubmatch(args)
		switch {
		case call == "connect" && socket != nil && port != nil:
			t.peers[socket[1]] = port[1]
		case moves(call) && socket != nil && t.peers[socket[1]] != "":
			to = "TCP:[" + socket[1] + "->127.0.0.1:" + t.peers[socket[1]] + "]"
		}
		if moves(call) {
			where = to
		}
	}
	t.add(where, call, args)
}

func (t *trace) add(where, call, args string) {
	if t.to[where] == nil {
		t.order = append(t.order, where)
	}
	for _, m := range traceText.FindAllStringSubmatch(args, -1) {
		if m[2] != "" && call != "prctl" { // which takes 15 bytes of a name
			t.cut++
		}
		t.to[where] = append(t.to[where], unhex(m[1])...)
		if !moves(call) {
			t.to[where] = append(t.to[where], '\n')
		}
	}
}

// moves is a call that moves bytes: the pieces of several make one text.
func moves(call string) bool {
	return strings.Contains(call, "write") || strings.HasPrefix(call, "send")
}

func unhex(text string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(text, `\x`, ""))
	if err != nil {
		return text
	}
	return string(b)
}

// keep takes what a program did into the book. A pair belongs into the Authorization line to the vendor, and into the
// .env file and the one it is replaced with: anything else is not allowed to hold one.
func (w *leakWorld) keep(t *trace) {
	vendor := strings.TrimPrefix(w.vendor.server.URL, "http://")
	for _, where := range t.order {
		text, name := t.to[where], filepath.Base(where)
		switch {
		case where == "execve":
			w.book.take(execs, text)
		case !strings.Contains(where, "/") && !strings.Contains(where, ":"): // a call's name
			w.book.take(paths, text)
		case strings.HasSuffix(where, "->"+vendor+"]"):
			w.book.take(ownHeader, bytes.Join(ownLine.FindAll(text, -1), nil))
			w.book.take(toKernel, ownLine.ReplaceAll(text, nil))
		case filepath.Dir(where) == w.dir && (name == "app.env" || strings.HasPrefix(name, ".app.env.quarterturn-")):
			w.book.take(ownFile, text)
		default:
			w.book.take(toKernel, append([]byte(targetMark+where+"\n"), text...))
			w.book.take(paths, []byte(where))
		}
	}
}

// leakBuild builds the program, with some of its files replaced or added: overlay maps paths in the module to texts.
func leakBuild(t *testing.T, overlay map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "quarterturn")
	args := []string{"build", "-trimpath", "-o", bin}
	if overlay != nil {
		args = append(args, "-overlay", writeOverlay(t, dir, overlay))
	}
	c := exec.Command("go", append(args, "./cmd/quarterturn")...)
	c.Dir, c.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

func writeOverlay(t *testing.T, dir string, texts map[string]string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for name, text := range texts {
		at := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%q: %q", filepath.Join(root, name), at))
	}
	slices.Sort(lines)
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, []byte(`{"Replace": {`+strings.Join(lines, ", ")+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
