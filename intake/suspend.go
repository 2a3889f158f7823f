package intake

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Job control at a hidden prompt. In raw mode the terminal sends no signal for Ctrl-Z, so this sends it; and the shell
// must be given a terminal that echoes. Whoever continues the process has set modes of their own meanwhile.

// suspend gives the terminal back and stops this process until it is continued. Where nobody could continue it (no shell
// above, as in a container) it does nothing.
func (s *session) suspend(ctx context.Context) error {
	if !s.jobs() {
		return nil
	}
	s.say(marksOff + "\r\n")
	_ = term.Restore(s.fd, s.before)
	if err := unix.Kill(os.Getpid(), unix.SIGSTOP); err != nil {
		return s.resume()
	}
	// The stop may reach another thread first: only SIGCONT says that it is over.
	select {
	case <-s.continued:
	case <-ctx.Done():
	}
	return s.resume()
}

// jobs reports whether a parent in another job of this session is there to continue this one.
func (s *session) jobs() bool {
	parent := os.Getppid()
	theirs, err := unix.Getsid(parent)
	mine, err2 := unix.Getsid(0)
	group, err3 := unix.Getpgid(parent)
	return err == nil && err2 == nil && err3 == nil && theirs == mine && group != unix.Getpgrp()
}

// resume hides what is typed again, and asks again: the shell has written over the question.
func (s *session) resume() error {
	if _, err := term.MakeRaw(s.fd); err != nil {
		return s.gone()
	}
	s.say("\r" + marksOn + question(s.fields))
	return nil
}

// watch listens for job control. Call the result when the prompt is over.
func (s *session) watch() func() {
	s.stopped, s.continued = make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(s.stopped, unix.SIGTSTP)
	signal.Notify(s.continued, unix.SIGCONT)
	return func() {
		signal.Stop(s.stopped)
		signal.Stop(s.continued)
	}
}

// control obeys what came from outside since the last look: kill -TSTP, and the end of a stop nobody could see coming.
func (s *session) control(ctx context.Context) error {
	select {
	case <-s.stopped:
		return s.suspend(ctx)
	case <-s.continued:
		return s.resume()
	default:
		return nil
	}
}
