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
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], system()))
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
