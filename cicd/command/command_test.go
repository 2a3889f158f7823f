package command

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/cicd"
	"quarterturn/internal/strict"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// clock advances one second a look.
func clock() func() time.Time {
	at := start
	return func() time.Time {
		at = at.Add(time.Second)
		return at
	}
}

// pipeline builds one whose program stands in testdata.
func pipeline(t *testing.T, o Options, argv ...string) *Pipeline {
	t.Helper()
	o.Now = clock()
	p, err := New(argv, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fifo makes a named pipe.
func fifo(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// script is the absolute path of a file in testdata.
func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnds(t *testing.T) {
	folder := t.TempDir()
	for _, c := range []struct {
		name  string
		argv  []string
		dir   string
		state cicd.RunState
		note  string
	}{
		{"exit 0", []string{script(t, "end.sh"), "0"}, "", cicd.Succeeded, ""},
		{"exit 3", []string{script(t, "end.sh"), "3"}, "", cicd.Failed, "exit code 3"},
		{"exit 255", []string{script(t, "end.sh"), "255"}, "", cicd.Failed, "exit code 255"},
		{"SIGKILL", []string{script(t, "end.sh"), "signal", "9"}, "", cicd.Failed, "killed by signal 9"},
		{"SIGTERM of its own", []string{script(t, "end.sh"), "signal", "15"}, "", cicd.Failed, "killed by signal 15"},
		{"on PATH", []string{"true"}, "", cicd.Succeeded, ""},
		{"not on PATH", []string{"quarterturn-no-such-program"}, "", cicd.Failed, "not found"},
		{"no such file", []string{"/no/such/program"}, "", cicd.Failed, "not found"},
		{"no interpreter", []string{script(t, "orphan.sh")}, "", cicd.Failed, "not found"},
		{"not executable", []string{script(t, "plain.txt")}, "", cicd.Failed, "not executable"},
		{"a folder", []string{folder}, "", cicd.Failed, "not executable"},
		{"from its folder", []string{"./end.sh", "0"}, "testdata", cicd.Succeeded, ""},
		{"a path below its folder", []string{"testdata/end.sh", "0"}, "", cicd.Succeeded, ""},
		{"no folder", []string{"true"}, "/no/such/folder", cicd.Failed, "working folder not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			run, err := pipeline(t, Options{Dir: c.dir}, c.argv...).Redeploy(t.Context(), "once-1")
			if err != nil {
				t.Fatal(err)
			}
			want := cicd.Run{Once: "once-1", State: c.state, StartedAt: start.Add(time.Second),
				EndedAt: start.Add(2 * time.Second), Note: c.note}
			if diff := cmp.Diff(want, run); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChildSeesOnlyWhatIsAllowed(t *testing.T) {
	t.Setenv("BLUUM_API_SECRET", "must-not-pass")
	t.Setenv("AWS_SESSION_TOKEN", "must-not-pass")
	t.Setenv("QUARTERTURN_CONFIG", "must-not-pass")
	t.Setenv("LD_PRELOAD_NOTE", "must-not-pass")
	t.Setenv("HOME", "/home/somebody")
	t.Setenv("TZ", "Europe/Berlin")
	out := filepath.Join(t.TempDir(), "seen")
	odd := "a b;$HOME `id` *"
	run, err := pipeline(t, Options{}, script(t, "environment.sh"), out, odd).Redeploy(t.Context(), "once-7")
	if err != nil || run.State != cicd.Succeeded {
		t.Fatal(run, err)
	}
	seen, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(seen)), "\n")
	for _, want := range []string{"QUARTERTURN_ONCE=once-7", "HOME=/home/somebody", "TZ=Europe/Berlin",
		"PATH=" + os.Getenv("PATH"), "argument=" + odd} {
		if !slices.Contains(lines, want) {
			t.Errorf("the child lacks %s", want)
		}
	}
	if strings.Contains(string(seen), "must-not-pass") {
		t.Error("the child saw a variable that is not on the list")
	}
	if strings.Contains(run.Note, "noise") {
		t.Error("the note holds output")
	}
}

// A deaf program is killed with everything in its group: the pipe ends only when the last of them is gone.
func TestTimeoutKillsTheGroup(t *testing.T) {
	pipe := fifo(t, "alive")
	gone := make(chan error, 1)
	go func() {
		f, err := os.Open(pipe)
		if err == nil {
			_, err = io.ReadAll(f)
		}
		gone <- err
	}()
	p := pipeline(t, Options{Timeout: 300 * time.Millisecond, Grace: 50 * time.Millisecond}, script(t, "hang.sh"), pipe)
	run, err := p.Redeploy(t.Context(), "once-1")
	if err != nil {
		t.Fatal(err)
	}
	if run.State != cicd.Failed || run.Note != "timed out after 300ms" {
		t.Error(run)
	}
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
}

// Ended from outside it is unknown what the command did: an error, and what was started may still say goodbye.
func TestContextEndStopsPolitely(t *testing.T) {
	pipe := fifo(t, "words")
	ctx, cancel := context.WithCancel(t.Context())
	words := make(chan string, 1)
	go func() {
		f, err := os.Open(pipe)
		if err != nil {
			words <- err.Error()
			return
		}
		r := bufio.NewReader(f)
		_, _ = r.ReadString('\n')
		cancel()
		rest, _ := io.ReadAll(r)
		words <- string(rest)
	}()
	run, err := pipeline(t, Options{Grace: 20 * time.Second}, script(t, "polite.sh"), pipe).Redeploy(ctx, "once-1")
	if !errors.Is(err, context.Canceled) || !cmp.Equal(run, cicd.Run{}) {
		t.Error(run, err)
	}
	if got := <-words; got != "goodbye\n" {
		t.Errorf("after SIGTERM it said %q", got)
	}
}

func TestEndedContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "seen")
	_, err := pipeline(t, Options{}, script(t, "environment.sh"), out).Redeploy(ctx, "once-1")
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Error("it ran")
	}
}

// A service that the command leaves behind keeps its output: it must not die when it prints.
func TestServiceLeftBehindLives(t *testing.T) {
	allow, report := fifo(t, "allow"), fifo(t, "report")
	run, err := pipeline(t, Options{}, script(t, "service.sh"), allow, report).Redeploy(t.Context(), "once-1")
	if err != nil || run.State != cicd.Succeeded {
		t.Fatal(run, err)
	}
	if err := os.WriteFile(allow, []byte("go\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(report)
	if err != nil || string(got) != "alive\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFindHasNoMemory(t *testing.T) {
	p := pipeline(t, Options{}, "true")
	if _, err := p.Redeploy(t.Context(), "once-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Find(t.Context(), "once-1"); !errors.Is(err, cicd.ErrNoRun) {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name    string
		program string
		dir     string
		problem string
	}{
		{"ready", "true", "", ""},
		{"missing", "quarterturn-no-such-program", "", `"quarterturn-no-such-program" is not found`},
		{"not executable", script(t, "plain.txt"), "", "is not executable"},
		{"no folder", "true", "/no/such/folder", `the working folder "/no/such/folder" is not there`},
	} {
		t.Run(c.name, func(t *testing.T) {
			ready, err := pipeline(t, Options{Dir: c.dir}, c.program).Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(ready.Problems, "\n"); (got == "") != (c.problem == "") || !strings.Contains(got, c.problem) {
				t.Errorf("problems: %q", got)
			}
			if len(ready.Notes) != 1 || !strings.Contains(ready.Notes[0], "repeats must be harmless") {
				t.Errorf("notes: %q", ready.Notes)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	now := clock()
	for name, c := range map[string]struct {
		argv []string
		opt  Options
	}{
		"no list":       {nil, Options{Now: now}},
		"empty program": {[]string{"", "x"}, Options{Now: now}},
		"NUL":           {[]string{"app", "a-secret\x00tail"}, Options{Now: now}},
		"no clock":      {[]string{"app"}, Options{}},
		"negative":      {[]string{"app"}, Options{Now: now, Timeout: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.argv, c.opt)
			if err == nil {
				t.Fatal("taken")
			}
			if strings.Contains(err.Error(), "a-secret") {
				t.Error("the error echoes an argument")
			}
		})
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Second: "1m30s", 10 * time.Second: "10s",
		10 * time.Minute: "10m", 90 * time.Minute: "1h30m",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestSchema(t *testing.T) {
	schema, err := strict.Compile("command", Schema())
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		`[systemctl, restart, app]`: true, `[app]`: true,
		`[]`: false, `systemctl restart app`: false, `[app, 1]`: false, `{command: app}`: false,
	} {
		doc, err := strict.Parse("t.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if problems := doc.Validate(schema); (len(problems) == 0) != good {
			t.Errorf("%s: %v", text, problems)
		}
	}
}
