package mutate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Outcomes of a mutant.
const (
	killed    = "killed"
	timedOut  = "timed out" // the tests didn't end, which somebody would notice: counted as killed
	survived  = "survived"
	unreached = "not reached" // no test came by: it survived
)

// batch is tests of one package that run in one process.
type batch struct {
	Folder string
	Tests  []string
	Took   time.Duration // without a mutant
	Used   time.Duration // of a processor, for that
}

// pattern names exactly these tests. Parts of a test, written TEST/PART, never share a batch with others.
func (bt batch) pattern() string {
	var parts []string
	parent := ""
	for _, name := range bt.Tests {
		top, part, _ := strings.Cut(name, "/")
		if part == "" {
			parts = append(parts, top)
		} else {
			parent, parts = "^"+top+"$/", append(parts, regexp.QuoteMeta(part))
		}
	}
	return parent + "^(" + strings.Join(parts, "|") + ")$"
}

func (bt batch) takes(r reached) bool {
	own, _, isPart := strings.Cut(bt.Tests[0], "/")
	other, _, otherPart := strings.Cut(r.Test, "/")
	return bt.Folder == r.Folder && isPart == otherPart && (!isPart || own == other)
}

// process is how one run of a test binary ended.
type process struct {
	failed, late bool
	test         string // the first that failed, "" when the process died otherwise
	took, used   time.Duration
	out          string
}

// run runs tests of one package in a process of its own, in which mutant n is awake; -1 is none. A mutant may
// ask for memory without end: the process gets no more than its share. What is limited first is the processor's
// time, so that a busy machine makes no result.
func (b *built) run(ctx context.Context, bt batch, n int, reach string, limit time.Duration) (process, error) {
	wait := time.Minute + limit + 10*bt.Took
	args := []string{"-test.run", bt.pattern(), "-test.failfast", "-test.count=1",
		"-test.timeout", wait.String()}
	if b.random(bt.Folder) {
		args = append(args, "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=0s")
	}
	shell := append([]string{"-c", fmt.Sprintf(`ulimit -v 6000000; ulimit -t %.0f; exec "$0" "$@"`, limit.Seconds()+1),
		b.binaries[bt.Folder]}, args...)
	ctx, stop := context.WithTimeout(ctx, wait+10*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", shell...)
	cmd.Dir = filepath.Join(b.root, bt.Folder)
	cmd.Env = append(os.Environ(), "TMPDIR="+b.scratch, "QUARTERTURN_MUTANT="+strconv.Itoa(n), "QUARTERTURN_MUTANT_REACH="+reach)
	cmd.WaitDelay = time.Second
	out := &limited{}
	cmd.Stdout, cmd.Stderr = out, out
	started := time.Now()
	err := cmd.Run()
	p := process{took: time.Since(started), out: out.String()}
	if errors.Is(err, exec.ErrWaitDelay) { // it ended well, and a child of its own did not
		err = nil
	}
	if cmd.ProcessState != nil {
		p.used = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) || ctx.Err() != nil {
		p.failed = true
		p.late = ctx.Err() != nil || strings.Contains(p.out, "panic: test timed out after") || outOfTime(exit)
		p.test = firstFailed(p.out)
		err = nil
	}
	return p, err
}

// outOfTime: the kernel ended a process that had used its time.
func outOfTime(exit *exec.ExitError) bool {
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && (status.Signal() == syscall.SIGKILL || status.Signal() == syscall.SIGXCPU)
}

// limited keeps the first megabyte: a mutant may print without end.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len() < 1<<20 {
		l.Buffer.Write(p)
	}
	return len(p), nil
}

func firstFailed(out string) string {
	m := regexp.MustCompile(`(?m)^\s*--- FAIL: (Test\S+)`).FindStringSubmatch(out)
	if m == nil {
		return ""
	}
	return m[1]
}

// random: the package's tests take the flags of the library that draws random worlds.
func (b *built) random(folder string) bool {
	names, _ := filepath.Glob(filepath.Join(b.root, folder, "*_test.go"))
	return slices.ContainsFunc(names, func(name string) bool {
		text, err := os.ReadFile(name)
		return err == nil && bytes.Contains(text, []byte(`"pgregory.net/rapid"`))
	})
}

// tests lists a package's tests, without those that are not to run; one that is long is taken part by part.
func (b *built) tests(ctx context.Context, k killer) ([]string, error) {
	out, err := b.says(ctx, k, "-test.list", "^Test")
	if err != nil {
		return nil, err
	}
	skip := regexp.MustCompile("^(" + k.skip + ")$")
	var all []string
	for _, name := range strings.Fields(out) {
		switch {
		case !strings.HasPrefix(name, "Test") || skip.MatchString(name):
		case slices.Contains(k.parts, name):
			parts, err := b.parts(ctx, k, name)
			if err != nil {
				return nil, err
			}
			all = append(all, parts...)
		default:
			all = append(all, name)
		}
	}
	return all, nil
}

func (b *built) parts(ctx context.Context, k killer, test string) ([]string, error) {
	out, err := b.says(ctx, k, "-test.v", "-test.run", "^"+test+"$")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^=== RUN +(`+test+`/[^/\n]+)$`).FindAllStringSubmatch(out, -1) {
		all = append(all, m[1])
	}
	return all, nil
}

// says runs a test binary with no mutant awake.
func (b *built) says(ctx context.Context, k killer, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.binaries[k.folder], args...)
	cmd.Dir = filepath.Join(b.root, k.folder)
	cmd.Env = append(os.Environ(), "TMPDIR="+b.scratch)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tests of %s: %w\n%s", k.folder, err, out)
	}
	return string(out), nil
}

// reached is one test, how long it takes, and which mutants it comes by.
type reached struct {
	Folder, Test string
	Took, Used   time.Duration
	Mutants      []int
}

// reach runs every test once, alone, with no mutant awake.
func (b *built) reach(ctx context.Context, k killer, test string) (reached, error) {
	file := filepath.Join(b.dir, "reach-"+strings.NewReplacer("/", "_").Replace(k.folder+"-"+test))
	p, err := b.run(ctx, batch{Folder: k.folder, Tests: []string{test}}, -1, file, 10*time.Minute)
	if err != nil {
		return reached{}, err
	}
	if p.failed {
		return reached{}, fmt.Errorf("%s in %s fails without any mutant:\n%s", test, k.folder, p.out)
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return reached{}, err
	}
	r := reached{Folder: k.folder, Test: test, Took: p.took, Used: p.used}
	for _, f := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return r, err
		}
		r.Mutants = append(r.Mutants, n)
	}
	slices.Sort(r.Mutants)
	r.Mutants = slices.Compact(r.Mutants)
	return r, nil
}

// batches are the tests that reach a mutant, the fastest first; each batch takes about as long as all before it.
func batches(all []reached, m mutant) []batch {
	var out []batch
	total := time.Duration(0)
	for _, r := range all { // sorted by time
		if _, ok := slices.BinarySearch(r.Mutants, m.id); !ok || r.Folder != m.folder() {
			continue
		}
		i := slices.IndexFunc(out, func(b batch) bool {
			return b.takes(r) && b.Took+r.Took <= max(total/2, 200*time.Millisecond)
		})
		if i < 0 {
			out, i = append(out, batch{Folder: r.Folder}), len(out)
		}
		out[i].Tests = append(out[i].Tests, r.Test)
		out[i].Took, out[i].Used = out[i].Took+r.Took, out[i].Used+r.Used
		total += r.Took
	}
	slices.SortStableFunc(out, func(a, b batch) int { return int(a.Took - b.Took) })
	return out
}

// try awakes one mutant before the tests that reach it, until one fails.
func (b *built) try(ctx context.Context, n int, order []batch) (result, error) {
	if len(order) == 0 {
		return result{Outcome: unreached}, nil
	}
	for _, bt := range order {
		p, err := b.run(ctx, bt, n, "", 5*time.Second+5*bt.Used)
		switch {
		case err != nil:
			return result{}, err
		case p.late:
			return result{Outcome: timedOut, Folder: bt.Folder, Test: strings.Join(bt.Tests, "|")}, nil
		case p.failed:
			test := p.test
			if test == "" {
				test = strings.Join(bt.Tests, "|")
			}
			return result{Outcome: killed, Folder: bt.Folder, Test: test}, nil
		}
	}
	return result{Outcome: survived}, nil
}
