package kill

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	hang  = 2 * time.Minute // a command that takes longer hangs
	brief = 40 * time.Millisecond
	like  = "adopt" // a command that every world runs: its life stands for those that are not known yet
)

// outcome is how one process ended.
type outcome struct {
	verb   string
	code   int // -1 when it was killed
	killed bool
	said   string // both streams
}

// lives are how long commands run when nobody kills them: moments to kill are spread over them. Only processes that no
// kill was meant for are measured, or short ones would count too much.
type lives struct {
	mu  sync.Mutex
	all map[string][]time.Duration
	of  int
}

// newLives draws from the longest of so many lives: a pass that finds everything leased is no story.
func newLives(of int) *lives { return &lives{all: map[string][]time.Duration{}, of: of} }

func (l *lives) add(verb string, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[verb] = append(l.all[verb], d)
}

// draw is a moment of a life of verb, or a short while when none is known yet.
func (l *lives) draw(verb string, rnd *rand.Rand) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all[verb]
	if len(all) == 0 {
		all = l.all[like]
	}
	life := brief
	for range l.of {
		if len(all) > 0 {
			life = max(life, all[rnd.IntN(len(all))])
		}
	}
	return time.Duration(rnd.Float64()*float64(life)) + 1
}

// blow is a signal after a while. The zero value is none.
type blow struct {
	after  time.Duration
	signal syscall.Signal
}

// early: the signal came while the process was being loaded, before a line of it ran. It had begun nothing.
func (b blow) early(status syscall.WaitStatus, said string) bool {
	return b.signal != 0 && b.signal != syscall.SIGKILL && status.Signaled() && status.Signal() == b.signal && said == ""
}

// calm runs a command to its end.
func (w *world) calm(stdin string, args ...string) outcome { return w.run(stdin, blow{}, args) }

// storm runs a command that is killed at a random moment of its life: a person's three times out of four, a pass every
// other time, or nothing would ever get on.
func (w *world) storm(stdin string, args ...string) outcome {
	var b blow
	w.locked(func() {
		if spared := map[bool]int{true: 2, false: 1}[args[0] == "run"]; w.armed && w.random.IntN(4) >= spared {
			b = blow{w.lives.draw(args[0], w.random), syscall.SIGKILL}
		}
	})
	return w.run(stdin, b, args)
}

// run starts the program, and sends it a signal if it still lives by then.
func (w *world) run(stdin string, b blow, args []string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	c := exec.CommandContext(ctx, w.bin, append([]string{"--as", "alice"}, args...)...)
	if w.shape != nil {
		w.shape(c)
	}
	c.Dir, c.Env = w.dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + w.dir, "USER=alice", "NO_COLOR=1"}
	var said bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr, c.WaitDelay = strings.NewReader(stdin), &said, &said, 5*time.Second
	began := time.Now()
	if err := c.Start(); err != nil {
		w.violation("the program cannot be started: %v", err)
		return outcome{verb: args[0], code: -1}
	}
	if b.signal != 0 {
		timer := time.AfterFunc(b.after, func() { _ = c.Process.Signal(b.signal) })
		defer timer.Stop()
	}
	err := c.Wait()
	o := outcome{verb: args[0], code: c.ProcessState.ExitCode(), said: said.String()}
	w.judge(&o, c, err, ctx.Err(), b, time.Since(began))
	return o
}

// judge counts an end, and says what is wrong with it.
func (w *world) judge(o *outcome, c *exec.Cmd, err, late error, b blow, took time.Duration) {
	status, _ := c.ProcessState.Sys().(syscall.WaitStatus)
	o.killed = b.signal == syscall.SIGKILL && late == nil && status.Signaled() && status.Signal() == syscall.SIGKILL
	switch {
	case o.killed:
		w.locked(func() { w.kills = append(w.kills, time.Now()) })
		w.tally.killed(o.verb, took)
	case late != nil:
		w.violation("%s hangs: nothing for %s", o.verb, hang)
	case b.early(status, o.said):
	case status.Signaled() || errors.Is(err, exec.ErrWaitDelay):
		w.violation("%s ended by itself with %v: %s", o.verb, err, o.said)
	case b.signal == 0:
		w.lives.add(o.verb, took)
	}
	w.tally.ended(*o)
	w.secretless("what "+o.verb+" prints", o.said)
	if dumped := strings.Contains(o.said, "goroutine ") && !strings.Contains(o.said, " memory"); dumped || strings.Contains(o.said, "panic:") {
		w.violation("%s panics: %s", o.verb, o.said)
	}
}

// secretless: no key and no secret is in text.
func (w *world) secretless(where, text string) {
	for _, p := range w.known() {
		if strings.Contains(text, p.key) || strings.Contains(text, p.secret) {
			w.violation("%s shows pair %s", where, p.id)
		}
	}
}
