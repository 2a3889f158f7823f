package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// given is one line that a flag could have said: typed at a terminal after a question, read from standard input elsewhere.
// "": nothing was said.
func (a *app) given(ctx ctxt, what string) (string, error) {
	if a.w.terminal != nil {
		return a.ask(ctx, "        "+what+": ")
	}
	return lineOf(ctx, func() (string, error) {
		text, err := readLine(a.w.in)
		if errors.Is(err, errHungUp) { // a pipe ends where a terminal goes away
			err = nil
		}
		return text, err
	})
}

// unsaid is a usage error for what was neither flag nor line, and names the command that asks again.
func unsaid(next, what, flag string) error {
	return &failure{code: exitUsage, next: next, err: fmt.Errorf("%s: say it with %s, at a terminal, or as a line on standard input; "+
		"nothing was recorded", what, flag)}
}

// ask reads one visible line from the terminal.
func (a *app) ask(ctx ctxt, prompt string) (string, error) {
	_, _ = fmt.Fprint(a.w.out, prompt)
	text, err := lineOf(ctx, func() (string, error) { return readLine(a.w.terminal) })
	if ctx.Err() != nil {
		_, _ = fmt.Fprintln(a.w.out)
	}
	return text, err
}

// lineOf ends at once with ctx: the read that is left behind ends with the process.
func lineOf(ctx ctxt, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := read()
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

var errHungUp = errors.New("the terminal went away before the line ended; nothing was recorded")

// lineLimit is more bytes than any line that is asked for.
const lineLimit = 4096

// readLine takes no byte beyond the line: what follows belongs to the next prompt. At errHungUp the text is what came.
func readLine(r io.Reader) (string, error) {
	var b strings.Builder
	one := make([]byte, 1)
	for b.Len() < lineLimit {
		n, err := r.Read(one)
		if n == 0 || err != nil {
			return strings.TrimSpace(b.String()), errHungUp
		}
		if one[0] == '\n' || one[0] == '\r' {
			break
		}
		b.WriteByte(one[0])
	}
	return strings.TrimSpace(b.String()), nil
}
