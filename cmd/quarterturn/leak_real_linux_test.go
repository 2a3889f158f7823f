package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// realLeak is a world in which the real program is a process of its own, traced.
type realLeak struct {
	*leakWorld
	t      *testing.T
	bin    string
	env    []string
	traces int
	calls  int
}

func newRealLeak(t *testing.T, bin string) *realLeak {
	t.Helper()
	w, err := newLeakWorld(t.Context(), leakOptions{Dir: t.TempDir(), Real: true})
	if err != nil {
		t.Fatal(err)
	}
	r := &realLeak{leakWorld: w, t: t, bin: bin, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + w.dir + "/tmp", "TERM=xterm",
		"USER=test", "NO_COLOR=1", "GOTRACEBACK=all", "QUARTERTURN_PRINT_KEY=" + w.printKey()}}
	if err := errors.Join(os.Mkdir(w.path("tmp"), 0o700), closeShop(w.stage)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go keepUp(ctx, w.clock)
	t.Cleanup(func() {
		stop()
		if err := w.end(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// program is one command line, traced into a file of its own.
func (r *realLeak) program(args ...string) (c *exec.Cmd, file string) {
	r.traces++
	file = filepath.Join(r.t.TempDir(), "trace")
	c = exec.Command(r.bin, args...)
	c.Dir, c.Env = r.dir, r.env
	return traced(file, c), file
}

// over takes a trace into the book. Every process of ours must have forbidden dumps of itself, and children may not.
func (r *realLeak) over(file string) *trace {
	r.t.Helper()
	tr, err := readTrace(file)
	if err != nil {
		r.t.Fatal(err)
	}
	if tr.cut > 0 || tr.sealed == 0 || tr.calls < 5 {
		r.t.Errorf("%d calls seen, %d texts cut, %d processes sealed: the trace cannot be trusted", tr.calls, tr.cut, tr.sealed)
	}
	r.calls += tr.calls
	r.keep(tr)
	return tr
}

// does runs a command line without a terminal.
func (r *realLeak) does(stdin string, args ...string) (code int, said string) {
	r.t.Helper()
	c, file := r.program(args...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	code = exitOf(r.t, c)
	on := outText
	if len(args) > 1 && strings.Contains(strings.Join(args, " "), "--output json") {
		on = outJSON
	}
	r.book.take(on, out.Bytes())
	r.book.take(outErr, errs.Bytes())
	r.over(file)
	return code, out.String() + errs.String()
}

// must is does for what has to succeed.
func (r *realLeak) must(stdin string, args ...string) {
	r.t.Helper()
	if code, said := r.does(stdin, args...); code != exitDone {
		r.t.Fatalf("quarterturn %s: exit code %d: %s", strings.Join(args, " "), code, said)
	}
}

// snapshot takes /proc/PID/{cmdline,environ} of whatever runs below a process.
func (r *realLeak) snapshot(pid int) (below []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, field := range strings.Fields(string(text)) {
		var child int
		_, _ = fmt.Sscan(field, &child)
		below = append(append(below, child), r.snapshot(child)...)
		for _, name := range []string{"cmdline", "environ"} {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", child, name)); err == nil {
				r.book.take(inSelf, text)
			}
		}
	}
	return below
}

// rotation is a whole one by a person at a terminal, and everything that may be asked about it.
func (r *realLeak) rotation() {
	r.t.Helper()
	r.must("", "adopt", demoName, "--created", r.old.CreatedAt.Format(time.RFC3339))
	r.does("", "run", "--log")
	r.dies(syscall.SIGQUIT, exitSignal)
	r.dies(syscall.SIGABRT, 2)
	fresh := r.atTerminal()
	for range 60 {
		if code, said := r.does("", "--output", "json", "run"); code == exitDone && strings.Contains(said, `"to": "closed"`) {
			break
		}
		time.Sleep(time.Second)
	}
	for _, s := range []struct{ stdin, line string }{{"", "status --output json"}, {"", "evidence NAME"}, {"", "audit verify"},
		{"", "audit export --file trail.jsonl"}, {pasted(fresh), "identify"}, {pasted(fresh), "--output json identify"}, {pasted(fresh), "fingerprint report"},
		{fresh.Secret + "\n", "submit NAME"}, {pasted(fresh), "adopt --find NAME --in ."}, {"", "check"}, {"", "plan --output json"},
		{"", "ledger backup --file copy.db"}, {"", "rekey seal"}, {"", "rekey fingerprint"}, {"", "work"}} {
		r.does(s.stdin, strings.Fields(strings.ReplaceAll(s.line, "NAME", demoName))...)
	}
}

// atTerminal is rotate, from the portal to the word that the old key was revoked.
func (r *realLeak) atTerminal() sim.Shown {
	r.t.Helper()
	fresh, err := r.stage.vendor.Create(sim.Acme, sim.Production, demoName)
	if err != nil {
		r.t.Fatal(err)
	}
	r.pairs, r.fresh = append(r.pairs, fresh), fresh
	c, file := r.program("rotate", demoName)
	s := sit(r.t, c)
	s.expect("organisation: ")
	s.types("acme trading\n")
	s.expect("hidden")
	s.hidden()
	s.types("BLUUM_API_KEY=" + fresh.Key + "\r")
	s.expect("received; paste the rest")
	r.snapshot(c.Process.Pid)
	s.types("BLUUM_API_SECRET=" + fresh.Secret + "\r")
	s.expect("Your pair is safe")
	s.expect("app uses the pair")
	r.snapshot(c.Process.Pid)
	s.expect("last four: ")
	if err := r.stage.vendor.Delete(r.old.ID); err != nil {
		r.t.Fatal(err)
	}
	s.types(last4(r.old) + "\n")
	s.expect("was revoked")
	if code := s.ends(); code != exitDone {
		r.t.Errorf("rotate: exit code %d", code)
	}
	r.book.take(onScreen, []byte(s.text()))
	r.over(file)
	return fresh
}

// dies ends a program in the middle of a paste, and takes its last words.
func (r *realLeak) dies(sig syscall.Signal, want int) {
	r.t.Helper()
	c, file := r.program("submit", demoName)
	c.Args[0] = "strace" // holding starts it
	said := holding(r.t, c, pasted(r.old)[:60])
	below := r.snapshot(c.Process.Pid)
	if len(below) == 0 {
		r.t.Fatal("the program is not there")
	}
	if err := syscall.Kill(below[0], sig); err != nil {
		r.t.Fatal(err)
	}
	if code := exitOf(r.t, c); code != want && want != 2 {
		r.t.Errorf("%s: exit code %d: %s", sig, code, said)
	}
	if sig == syscall.SIGABRT && !strings.Contains(said.String(), "goroutine ") {
		r.t.Errorf("%s: no dump: %s", sig, said)
	}
	r.book.take(onStack, said.Bytes())
	r.over(file)
}

// TestLeakReal is I-18 for the program in processes of its own: what a terminal shows, and every byte and name that any of
// them gives to the kernel. make test-leak plays six rotations; make test none.
func TestLeakReal(t *testing.T) {
	why := traceable()
	if !leakAll() {
		why = "make test-leak runs it"
	}
	if why != "" {
		fmt.Println("NOT RUN: the traced half of the leak harness: " + why)
		return
	}
	rotations, bin := 6, leakBuild(t, nil)
	var mu sync.Mutex
	var sum leakCount
	played, programs, calls := 0, 0, 0
	t.Run("rotations", func(t *testing.T) {
		for i := range rotations {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				r := newRealLeak(t, bin)
				r.rotation()
				count := r.finish()
				mu.Lock()
				defer mu.Unlock()
				sum.add(count)
				played, programs, calls = played+1, programs+r.traces, calls+r.calls
			})
		}
	})
	for _, f := range sum.Findings {
		t.Error(f)
	}
	fmt.Printf("leak: %d rotations by %d real programs, %d system calls\n%s", played, programs, calls, sum.table())
}

// finish takes what is left and reads everything.
func (r *realLeak) finish() leakCount {
	r.t.Helper()
	if err := errors.Join(r.reopen(r.ctx), r.collect()); err != nil {
		r.t.Fatal(err)
	}
	if last, err := r.journey(r.ctx); err != nil || last.State != rotator.Closed {
		r.t.Errorf("the rotation is %s: %s, %v", last.State, last.Why, err)
	}
	count := r.book.read(r.pairs)
	if count.Own == 0 {
		r.t.Error("no canary was seen where it belongs: the harness is blind")
	}
	return count
}
