// Command quarterturn rotates API keys that only a person can create, and proves every step. This package is flags, the
// wiring list and exit codes: everything that knows all adapters, and nothing that decides.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by the linker.
var version = "dev"

func main() {
	harden()
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not kill a pass: writes fail instead
	ctx, stop := signal.NotifyContext(context.Background(), stops()...)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], system()))
}

// stops are the signals that end a command in order: what was proven is saved, the terminal is put back. A second one
// changes nothing. SIGQUIT is among them because its default, a dump of all goroutines, is nothing to show near keys. One
// that whoever started us had ignored (nohup, a job in the background of a script) stays ignored.
func stops() []os.Signal {
	heeded := []os.Signal{syscall.SIGTERM}
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			heeded = append(heeded, s)
		}
	}
	return heeded
}

// world is everything a command takes from outside: no command reaches past it.
type world struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	now      func() time.Time
	wait     func(context.Context, time.Duration) error
	newID    func() string
	rand     io.Reader
	terminal *os.File // where a person can be asked, nil when nobody is there
}

func system() world {
	w := world{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), now: time.Now, wait: sleep, newID: newID,
		rand: rand.Reader}
	if isTerminal(os.Stdin) && isTerminal(os.Stdout) {
		w.terminal = os.Stdin
	}
	return w
}

// sleep is the only place where a command waits for time to pass.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// newID is random and printable: 20 hex digits.
func newID() string {
	b := make([]byte, 10)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
