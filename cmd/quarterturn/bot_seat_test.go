package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/creack/pty"
)

// botSeat is where a person sits who types a command line: at a terminal, or where there is none.
type botSeat interface {
	// run types one command line and answers what it asks. heard is everything that was shown, answers left out.
	run(w world, args []string, answer func(shown string) (string, error)) (code int, heard string, err error)
	io.Closer
}

// botPipe has no terminal: what a command asks for comes by standard input, when the person has it to give.
type botPipe struct{ filter botFilter }

// botFilter changes what a person gets to see of a command: for faults that are planted there.
type botFilter func(args []string, shown string) string

func (f botFilter) through(args []string, shown string) string {
	if f == nil {
		return shown
	}
	return f(args, shown)
}

func (s botPipe) run(w world, args []string, answer func(string) (string, error)) (int, string, error) {
	var out bytes.Buffer
	typed, err := answer("")
	w.in, w.out, w.err = strings.NewReader(typed), &out, &out
	code := run(context.Background(), args, w)
	return code, s.filter.through(args, out.String()), err
}

func (botPipe) Close() error { return nil }

// botTerminal is a real pseudo terminal; the commands run in this process, for the world's clock is here.
type botTerminal struct {
	filter   botFilter
	tty, pts *os.File // the person's side, the program's side
	shown    []byte   // since the command began
	read     int      // how much of it the person has answered
}

func newBotTerminal(filter botFilter) (*botTerminal, error) {
	tty, pts, err := pty.Open()
	if err != nil {
		return nil, err
	}
	return &botTerminal{filter: filter, tty: tty, pts: pts}, pty.Setsize(tty, &pty.Winsize{Rows: 50, Cols: width})
}

func (s *botTerminal) Close() error { return errors.Join(s.tty.Close(), s.pts.Close()) }

// botEnd is shown when a command has ended: all that it wrote came before.
const botEnd = "\x00\x00ended\x00\x00"

func (s *botTerminal) run(w world, args []string, answer func(string) (string, error)) (int, string, error) {
	ctx, leave := context.WithTimeout(context.Background(), patient)
	defer leave()
	w.in, w.out, w.err, w.terminal = s.pts, s.pts, s.pts, s.pts
	codes := make(chan int, 1)
	go func() {
		code := run(ctx, args, w)
		_, _ = io.WriteString(s.pts, botEnd)
		codes <- code
	}()
	s.shown, s.read = nil, 0
	err := s.attend(func(shown string) (string, error) { return answer(s.filter.through(args, shown)) }, leave)
	code := <-codes
	if err == nil && ctx.Err() != nil {
		err = errors.New("the command waits for something nobody was asked for")
	}
	return code, s.filter.through(args, s.text()), err
}

// attend reads the screen and types what is asked for, until the command has ended.
func (s *botTerminal) attend(answer func(string) (string, error), leave func()) error {
	var failed error
	for chunk := make([]byte, 4096); !bytes.Contains(s.shown, []byte(botEnd)); {
		n, err := s.tty.Read(chunk)
		if err != nil {
			return fmt.Errorf("the terminal: %w", err)
		}
		s.shown = append(s.shown, chunk[:n]...)
		if failed != nil || !s.asked() {
			continue
		}
		typed, err := answer(s.text())
		s.read = len(s.shown)
		if _, werr := s.tty.WriteString(typed); err != nil || werr != nil {
			failed = errors.Join(err, werr)
			leave()
		}
	}
	return failed
}

// asked reports whether the last line on the screen is a question that nobody has answered.
func (s *botTerminal) asked() bool {
	last := string(s.shown[s.read:])
	last = strings.TrimSpace(last[strings.LastIndexAny(last, "\r\n")+1:])
	return botPrompts(last)
}

// botPrompts are the questions the program is known to ask: a line that only came in half must not be taken for one.
func botPrompts(line string) bool {
	for _, known := range []string{"organisation:", "last four:", "key that was revoked:", "an empty line ends):", "press Enter to end:",
		"for the trail:", "stands in the trail:", "portal showed:", "Z/2h:"} {
		if strings.HasSuffix(line, known) {
			return true
		}
	}
	return false
}

// text is what is on the screen, with line ends as in files; a count-down writes over itself.
func (s *botTerminal) text() string {
	text := strings.NewReplacer(append(marks(), "\r\n", "\n", botEnd, "")...).Replace(string(s.shown))
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, line[strings.LastIndex(line, "\r")+1:])
	}
	return strings.Join(lines, "\n")
}

// botMoment is the last time that an output names as when something is to be looked at again; zero: none.
func botMoment(shown string) (at time.Time) {
	for _, words := range []string{"Come back after ", "Next look after ", "Tried again after "} {
		text := strings.Join(strings.Fields(shown), " ")
		i := strings.LastIndex(text, words)
		if i < 0 {
			continue
		}
		rest := text[i+len(words):]
		t, err := time.Parse("2006-01-02 15:04 MST", rest[:min(len(rest), len("2006-01-02 15:04 UTC"))])
		if err == nil && t.After(at) {
			at = t
		}
	}
	return at
}

// botNext is the command of the last line, "" when nobody is awaited.
func botNext(shown string) string {
	lines := strings.Split(strings.TrimSpace(shown), "\n")
	next, _ := strings.CutPrefix(lines[len(lines)-1], "Next: ")
	if next == lines[len(lines)-1] {
		return ""
	}
	return strings.TrimSpace(next)
}
