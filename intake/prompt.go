package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"quarterturn/secret"
)

// How the terminal is treated, in one place:
//
//   - Raw mode, because a terminal that edits lines itself cuts them at 4096 bytes without a word. Editing is done here:
//     backspace, Ctrl-U, Ctrl-D to end, Ctrl-C to leave.
//   - Echo is off before the question is shown, and mode and marks are put back on every way out.
//   - Ctrl-Z gives the shell a terminal that echoes, and hides again when the job is continued: see suspend.go.
//   - Pastes come between marks, so that an empty line inside one does not end it. Terminals without marks send the
//     bare text, which works as long as it comes in one go.
//   - What still arrives at the end is swallowed: the rest of a wrong paste must not run in the shell that follows.
const (
	marksOn  = "\x1b[?2004h"
	marksOff = "\x1b[?2004l"

	ctrlC     = 0x03
	ctrlD     = 0x04
	backspace = 0x08
	ctrlU     = 0x15
	ctrlZ     = 0x1a
	quit      = 0x1c
	del       = 0x7f
)

// These times tell one burst of input from the next; nothing is decided by them but when to look.
const (
	tick  = 200 * time.Millisecond // how soon an ended ctx is noticed
	quiet = 150 * time.Millisecond // silence that ends a burst
)

// Prompt asks at a terminal opened for reading and writing, e.g. /dev/tty, and shows nothing of what is typed or
// pasted. It ends when everything asked for was found, at an empty line, or at Ctrl-D, and then parses what it has.
// ErrInterrupted: Ctrl-C, or ctx ended, whose error it then is too. *Error: the paste was refused. Anything else: the terminal could
// not be used. In every case the terminal is as it was before.
func Prompt(ctx context.Context, tty *os.File, fields []Field) (secret.Material, []string, error) {
	return prompt(ctx, tty, fields, false)
}

func prompt(ctx context.Context, tty *os.File, fields []Field, part bool) (secret.Material, []string, error) {
	fd := int(tty.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, nil, errors.New("the terminal cannot hide what is typed; nothing was asked: give the key on stdin")
	}
	defer func() { _ = term.Restore(fd, before) }()
	s := &session{tty: tty, fd: fd, before: before, fields: fields, part: part, text: make([]byte, 0, Limit+2*len(pasteEnds))}
	defer s.close()
	defer s.watch()()
	s.say(marksOn + question(fields))
	if err := s.listen(ctx); err != nil {
		return nil, nil, err
	}
	return s.parse()
}

// question names what is asked for and how to end.
func question(fields []Field) string {
	p := &parser{fields: fields}
	var entries []string
	for _, f := range fields {
		entries = append(entries, p.entry(f.Name))
	}
	return fmt.Sprintf("Paste %s (hidden; an empty line ends): ",
		strings.Join(entries, " and "))
}

// session is one prompt.
type session struct {
	tty     *os.File
	fd      int
	before  *term.State
	fields  []Field
	part    bool   // see PromptPart
	text    []byte // what was taken so far, marks left out; never grown, so that clear reaches every copy
	pasting bool   // between two marks
	cr      bool   // the last byte was a carriage return
	over    bool   // longer than text can hold: the rest is swallowed
	ended   bool

	stopped, continued chan os.Signal
}

// close swallows what still arrives, and leaves nothing behind that this can reach.
func (s *session) close() {
	var waste [4096]byte
	for s.pending(quiet) {
		if n, err := s.tty.Read(waste[:]); n == 0 || err != nil {
			break
		}
	}
	clear(waste[:])
	clear(s.text[:cap(s.text)])
	s.say(marksOff + "\r\n")
}

// say writes to the terminal. What cannot be written cannot be told either.
func (s *session) say(text string) { _, _ = io.WriteString(s.tty, text) }

// parse looks at what is there.
func (s *session) parse() (secret.Material, []string, error) {
	if s.over {
		p := &parser{fields: s.fields}
		return nil, nil, p.fail(TooLong, "", 0)
	}
	return parse(s.text, s.fields, s.part)
}

// listen reads burst after burst until the end.
func (s *session) listen(ctx context.Context) error {
	var chunk [4096]byte
	defer clear(chunk[:])
	for !s.ended {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w: %w", ErrInterrupted, err)
		}
		if err := s.control(ctx); err != nil {
			return err
		}
		if !s.pending(tick) {
			continue
		}
		n, err := s.tty.Read(chunk[:])
		if err != nil || n == 0 {
			return s.gone()
		}
		for _, b := range chunk[:n] {
			if err := s.key(ctx, b); err != nil {
				return err
			}
		}
		if !s.pending(quiet) {
			s.burst()
		}
	}
	return nil
}

// gone is a terminal that hung up: half a paste is no paste.
func (s *session) gone() error {
	return errors.New("the terminal went away; nothing was taken in: open another and paste again")
}

// pending waits for input, at most d. An interrupted wait is an end of this wait, no more. A terminal that cannot be
// waited for is read at once.
func (s *session) pending(d time.Duration) bool {
	var set unix.FdSet
	set.Set(s.fd)
	wait := unix.NsecToTimeval(d.Nanoseconds())
	n, err := unix.Select(s.fd+1, &set, nil, nil, &wait)
	return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
}

// key takes one byte, or does what it asks for.
func (s *session) key(ctx context.Context, b byte) error {
	switch b {
	case ctrlC, quit:
		return ErrInterrupted
	case ctrlZ:
		return s.suspend(ctx)
	}
	second := s.cr && b == '\n' // of a CRLF
	if s.cr = b == '\r'; s.cr {
		b = '\n' // what Enter sends, and what terminals make of line ends in a paste
	}
	switch {
	case s.ended, s.over, second:
	case !s.pasting && s.edit(b):
	case len(s.text) == cap(s.text):
		s.over = true
	default:
		s.text = append(s.text, b)
		s.mark()
	}
	return nil
}

// edit obeys the keys of a line editor and reports whether b was one. Line ends before anything else are nothing.
func (s *session) edit(b byte) bool {
	switch b {
	case ctrlD:
		s.ended = true
	case backspace, del:
		s.rub()
	case ctrlU:
		s.text = s.text[:s.line()]
	default:
		return b == '\n' && len(s.text) == 0
	}
	return true
}

// rub takes the last character of this line back.
func (s *session) rub() {
	if line := s.text[s.line():]; len(line) > 0 {
		_, size := utf8.DecodeLastRune(line)
		s.text = s.text[:len(s.text)-size]
	}
}

// line is where the current line begins.
func (s *session) line() int { return bytes.LastIndexByte(s.text, '\n') + 1 }

// mark notices the marks around a paste and leaves them out.
func (s *session) mark() {
	for _, mark := range []string{pasteBegins, pasteEnds} {
		if bytes.HasSuffix(s.text, []byte(mark)) {
			s.text, s.pasting = s.text[:len(s.text)-len(mark)], mark == pasteBegins
		}
	}
}

// burst looks whether everything is there, after a complete line only: half a value could be taken for a whole one. An
// empty line ends all when it is the last of its burst: one in the middle of a paste does not.
func (s *session) burst() {
	switch {
	case s.over, !s.pasting && len(s.text) > Limit:
		s.ended = true
	case s.ended, s.pasting, len(s.text) == 0, s.line() != len(s.text):
	default:
		_, _, err := Parse(s.text, s.fields)
		if s.ended = err == nil || bytes.HasSuffix(s.text, []byte("\n\n")); !s.ended {
			s.say("\r\nreceived; paste the rest, or press Enter to end: ")
		}
	}
}
