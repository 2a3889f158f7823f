package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"quarterturn/intake"
	"quarterturn/internal/strict"
	"quarterturn/ledger"
	"quarterturn/rotator"
)

// The exit codes. When several apply, the first of 2, 3, 1, 4, 0 wins; a signal is 143.
const (
	exitDone      = 0   // done, or only people are awaited
	exitTransient = 1   // trying again is right
	exitUsage     = 2   // usage or configuration
	exitStop      = 3   // integrity or policy: do not retry
	exitOverdue   = 4   // only where it was asked for
	exitSignal    = 143 // stopped by a signal, state saved
)

// farewell is a signal's end of something that says by itself what is saved and what is gone.
type farewell struct{ text string }

func (f *farewell) Error() string { return f.text }

// Unwrap makes it the end by a signal that it is.
func (f *farewell) Unwrap() error { return context.Canceled }

// failure is an error with its exit code and the one next command.
type failure struct {
	code int
	next string
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func stopped(next string, err error) error { return &failure{code: exitStop, next: next, err: err} }

// exitCode says what kind of trouble err is.
func exitCode(err error) int {
	var f *failure
	var refused *rotator.Refusal
	var problems strict.Problems
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &f):
		return f.code
	case errors.Is(err, context.Canceled), errors.Is(err, intake.ErrInterrupted):
		return exitSignal
	case errors.As(err, &refused):
		return refusalCode(refused)
	case errors.As(err, &problems), errors.Is(err, rotator.ErrNotFound), errors.Is(err, ledger.ErrReadOnly):
		return exitUsage
	case integrity(err):
		return exitStop
	}
	return exitTransient
}

// refusalCode: a word or paste at the wrong time is a usage error; what must not be repeated is a stop.
func refusalCode(r *rotator.Refusal) int {
	switch r.Kind {
	case "wrong_key", "other_environment", "other_credential", "dead", "changed", "unfit_ledger":
		return exitStop
	}
	return exitUsage
}

func integrity(err error) bool {
	for _, bad := range []error{ledger.ErrDamaged, ledger.ErrForeign, ledger.ErrNewer, ledger.ErrRefused, rotator.ErrRestored} {
		if errors.Is(err, bad) {
			return true
		}
	}
	return false
}

// opening says what kind of trouble keeps a configuration from being opened: one that stays until somebody mends it,
// unless the ledger knows better.
func opening(err error) error {
	passing := errors.Is(err, context.DeadlineExceeded)
	for _, trouble := range []error{ledger.ErrLocked, ledger.ErrFull, ledger.ErrDisk} {
		passing = passing || errors.Is(err, trouble)
	}
	if passing || exitCode(err) != exitTransient {
		return err
	}
	return &failure{code: exitUsage, err: err}
}

// nextOf is the command an error names.
func nextOf(err error) string {
	var f *failure
	var refused *rotator.Refusal
	switch {
	case errors.As(err, &f) && f.next != "":
		return f.next
	case errors.As(err, &refused):
		return refused.Command
	case errors.Is(err, rotator.ErrRestored):
		return "quarterturn ledger reconcile"
	}
	return ""
}

// led gives a refusal that names no command one that leads on.
func led(err error, next string) error {
	var refused *rotator.Refusal
	if !errors.As(err, &refused) || nextOf(err) != "" {
		return err
	}
	return &failure{code: exitCode(err), next: next, err: err}
}

// worst orders codes: the first of 2, 3, 1, 4, 0.
func worst(a, b int) int {
	order := map[int]int{exitSignal: 0, exitUsage: 1, exitStop: 2, exitTransient: 3, exitOverdue: 4, exitDone: 5}
	if order[b] < order[a] {
		return b
	}
	return a
}

// report prints err to people, or as JSON, and returns its exit code.
func report(w io.Writer, asJSON bool, err error) int {
	code, next := exitCode(err), nextOf(err)
	if asJSON {
		_ = json.NewEncoder(w).Encode(map[string]any{"error": err.Error(), "exit": code, "next": next})
		return code
	}
	p := newPrinter(w, nil, false)
	var last *farewell
	var problems strict.Problems
	switch {
	case errors.Is(err, intake.ErrInterrupted):
		p.say("stopped at the prompt; nothing was taken in, and the rotation is as it was")
	case errors.As(err, &last):
		p.say("%s", last)
	case code == exitSignal:
		p.say("stopped by a signal; what was proven is saved, and the next run goes on from there")
	case errors.As(err, &problems):
		p.line("error: %d %s in the configuration; nothing was done", len(problems), plural("problem", len(problems)))
		p.problems(problems)
	default:
		p.indented("       ", "error: "+err.Error())
	}
	p.next(next)
	return code
}

// problems are lines that editors understand: file, line and column first.
func (p *printer) problems(list strict.Problems) {
	for _, problem := range list {
		p.indented("    ", problem.Error())
	}
}

func plural(word string, n int) string { return word + strings.Repeat("s", min(max(n-1, 0), 1)) }
