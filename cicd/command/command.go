// Package command redeploys a consumer by running one fixed list of arguments on this machine: no shell, no templates,
// so nothing in a configuration can turn into code. The program sees a short list of variables and its once-key, never
// a secret and never the environment that quarterturn itself was given.
//
// What the program prints goes to /dev/null. It could hold secrets; and a program that leaves a service behind hands
// its output down to it: were that a pipe, the service would die of SIGPIPE after quarterturn has gone.
//
// Rights it needs: to execute the program, and whatever the program needs.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"quarterturn/cicd"
)

// OnceVariable is the variable in which the program finds the once-key, so that it can recognise a repeat.
const OnceVariable = "QUARTERTURN_ONCE"

// Pipeline runs the program. It has no memory: after a crash the same once-key may be run again. Safe for concurrent
// use as far as the program is.
type Pipeline struct {
	argv []string
	opt  Options
}

var (
	_ cicd.Pipeline = (*Pipeline)(nil)
	_ cicd.Checker  = (*Pipeline)(nil)
)

// New fixes the list. An error names what can never run; whether the program is there is for Check to say.
func New(argv []string, o Options) (*Pipeline, error) {
	if err := validate(argv, o); err != nil {
		return nil, err
	}
	return &Pipeline{argv: append([]string(nil), argv...), opt: o.withDefaults()}, nil
}

// Redeploy runs the program and waits for it. Exit code 0 is Succeeded; any other end, a missing program and a timeout
// are Failed, with the reason in Note. An error means that ctx ended first (the program and what it started in its
// group were stopped) or that the system could not start a process now: in both cases repeat.
func (p *Pipeline) Redeploy(ctx context.Context, once string) (cicd.Run, error) {
	run := cicd.Run{Once: once, State: cicd.Succeeded, StartedAt: p.now()}
	err := p.run(ctx, once)
	run.EndedAt = p.now()
	if err == nil {
		return run, nil
	}
	if run.Note = note(err); run.Note == "" {
		return cicd.Run{}, err
	}
	run.State = cicd.Failed
	return run, nil
}

// Find always answers cicd.ErrNoRun: a command has no memory.
func (p *Pipeline) Find(context.Context, string) (cicd.Run, error) { return cicd.Run{}, cicd.ErrNoRun }

// Check says whether the program can be found and executed, and reminds of what a command cannot do.
func (p *Pipeline) Check(ctx context.Context) (cicd.Readiness, error) {
	ready := cicd.Readiness{Notes: []string{
		"a command has no memory: after a crash it is run again, so repeats must be harmless",
	}}
	if err := p.folder(); err != nil {
		ready.Problems = append(ready.Problems, err.Error())
	}
	if _, err := p.program(); err != nil {
		ready.Problems = append(ready.Problems, fmt.Sprintf("the program %q is %s: install it, give its full path, "+
			"or make it executable", p.argv[0], cmp.Or(note(err), "not usable")))
	}
	return ready, ctx.Err()
}

// ended is a program that ran and did not succeed.
type ended struct{ why string }

func (e *ended) Error() string { return e.why }

// run starts the program and waits for its end: nil, *ended, or a reason to try again.
func (p *Pipeline) run(ctx context.Context, once string) error {
	if p.folder() != nil {
		return &ended{why: "working folder not found"}
	}
	path, err := p.program()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, p.opt.Timeout)
	defer cancel()
	cmd := p.child(limited, path, once)
	stopped := false
	cmd.Cancel = func() error {
		stopped = true
		return signal(cmd, syscall.SIGTERM)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err = cmd.Wait(); !stopped {
		return judge(cmd.ProcessState, err)
	}
	p.finish(cmd)
	if ctx.Err() != nil {
		return fmt.Errorf("the command was stopped halfway; it is run again at the next pass: %w", ctx.Err())
	}
	return &ended{why: "timed out after " + short(p.opt.Timeout)}
}

// child describes the process: a group of its own, so that an end can reach everything it started.
func (p *Pipeline) child(ctx context.Context, path, once string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path)
	cmd.Args = p.argv
	cmd.Dir = p.opt.Dir
	cmd.Env = environment(once)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = p.opt.Grace
	return cmd
}

// finish waits out the grace for what the first process left in its group (a shell dies at SIGTERM before the program
// it waits for), then sends SIGKILL.
func (p *Pipeline) finish(cmd *exec.Cmd) {
	grace, cancel := context.WithTimeout(context.Background(), p.opt.Grace)
	defer cancel()
	look := time.NewTicker(p.opt.Grace/100 + time.Millisecond)
	defer look.Stop()
	for grace.Err() == nil && signal(cmd, 0) == nil {
		select {
		case <-grace.Done():
		case <-look.C:
		}
	}
	_ = signal(cmd, syscall.SIGKILL)
}

// signal reaches the whole group. A group that is gone already is no error worth telling.
func signal(cmd *exec.Cmd, s syscall.Signal) error {
	err := syscall.Kill(-cmd.Process.Pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// judge turns an end into nil or *ended.
func judge(state *os.ProcessState, err error) error {
	if err == nil {
		return nil
	}
	if state == nil {
		return err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &ended{why: fmt.Sprintf("killed by signal %d", status.Signal())}
	}
	return &ended{why: fmt.Sprintf("exit code %d", state.ExitCode())}
}

// program finds the file to run as the child will see it: a path with a slash counts from the working folder.
func (p *Pipeline) program() (string, error) {
	name := p.argv[0]
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		dir, err := filepath.Abs(p.opt.Dir)
		if err != nil {
			return "", err
		}
		name = filepath.Join(dir, name)
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	// Absolute, because the child would look for a relative one from its own folder.
	return filepath.Abs(found)
}

// folder checks the working folder.
func (p *Pipeline) folder() error {
	if p.opt.Dir == "" {
		return nil
	}
	if info, err := os.Stat(p.opt.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("the working folder %q is not there: create it or correct the configuration", p.opt.Dir)
	}
	return nil
}

// note says in a few words why a run failed, "" when err is not about the program but about this moment.
func note(err error) string {
	var end *ended
	switch {
	case errors.As(err, &end):
		return end.why
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return "not found"
	case errors.Is(err, exec.ErrDot), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC),
		errors.Is(err, syscall.EISDIR):
		return "not executable"
	}
	return ""
}

// now is the clock, in UTC.
func (p *Pipeline) now() time.Time { return p.opt.Now().UTC() }

// environment is all that a child gets: where to find programs, who it runs as, how to reach systemd, and its once-key.
// A list of what may pass, because no list of what may not is ever complete.
func environment(once string) []string {
	env := []string{OnceVariable + "=" + once}
	for _, name := range []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
		"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// short writes 5m0s as 5m.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
