package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"

	"quarterturn/secret"
)

// terminal is a real pseudo-terminal: master is where a person types and looks.
type terminal struct {
	master, tty *os.File
	before      *term.State
	mu          sync.Mutex
	screen      bytes.Buffer
	shown       *sync.Cond
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{master: master, tty: tty}
	x.shown = sync.NewCond(&x.mu)
	if x.before, err = term.GetState(int(tty.Fd())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close(); _ = master.Close() })
	go x.look()
	return x
}

// look collects what the screen shows.
func (x *terminal) look() {
	var b [4096]byte
	for {
		n, err := x.master.Read(b[:])
		x.mu.Lock()
		x.screen.Write(b[:n])
		x.mu.Unlock()
		x.shown.Broadcast()
		if err != nil {
			return
		}
	}
}

// await blocks until the screen shows text a number of times.
func (x *terminal) await(text string, times int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for strings.Count(x.screen.String(), text) < times {
		x.shown.Wait()
	}
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

// answer is what Prompt returned.
type answer struct {
	m     secret.Material
	notes []string
	err   error
}

// ask runs Prompt while a person acts, and checks what holds for every ending.
func (x *terminal) ask(t *testing.T, ctx context.Context, act func()) answer {
	t.Helper()
	done := make(chan answer, 1)
	go func() {
		m, notes, err := Prompt(ctx, x.tty, fields)
		done <- answer{m, notes, err}
	}()
	x.await("an empty line ends", 1)
	act()
	a := <-done
	after, err := term.GetState(int(x.tty.Fd()))
	if err != nil || !reflect.DeepEqual(x.before, after) {
		t.Error("the terminal was not restored")
	}
	x.await(marksOff, 1)
	for _, piece := range []string{goodKey, goodSecret} {
		if strings.Contains(x.text(), piece[:8]) {
			t.Error("the screen shows what was pasted")
		}
	}
	return a
}

func (x *terminal) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(x.master, text); err != nil {
		t.Error(err)
	}
}

func TestPrompt(t *testing.T) {
	named := "BLUUM_API_KEY=" + goodKey + "\r" + "BLUUM_API_SECRET=" + goodSecret + "\r"
	for _, c := range []struct {
		name  string
		sends []string // each after the feedback to the one before
		kind  Kind     // "": everything is found
	}{
		{"one paste", []string{named}, ""},
		{"one marked paste", []string{pasteBegins + named + pasteEnds}, ""},
		{"a marked paste without a last line end", []string{pasteBegins + strings.TrimSuffix(named, "\r") + pasteEnds + "\r"}, ""},
		{"marked, empty line inside", []string{pasteBegins + strings.ReplaceAll(named, "\r", "\r\r") + pasteEnds}, ""},
		{"bare, empty line inside", []string{goodKey + "\r\r" + goodSecret + "\r"}, ""},
		{"CRLF", []string{strings.ReplaceAll(named, "\r", "\r\n")}, ""},
		{"two pastes", []string{goodKey + "\r", goodSecret + "\r"}, ""},
		{"two marked pastes, Enter after each", []string{pasteBegins + goodKey + pasteEnds + "\r",
			pasteBegins + goodSecret + pasteEnds + "\r"}, ""},
		{"JSON over lines", []string{"{\r\"key\": \"" + goodKey + "\",\r", "\"secret\": \"" + goodSecret + "\"}\r"}, ""},
		{"Ctrl-D instead of Enter", []string{goodKey + "\r", goodSecret + "\x04"}, ""},
		{"Enter first", []string{"\r\r" + named}, ""},
		{"backspace", []string{goodKey + "Q\x7f\r" + goodSecret + "ZZ\b\b\r"}, ""},
		{"backspace over a wide letter", []string{goodKey + "я\x7f\r" + goodSecret + "\r"}, ""},
		{"Ctrl-U", []string{goodKey + "\r" + "wrong line\x15" + goodSecret + "\r"}, ""},
		{"empty line ends", []string{goodKey + "\r", "\r"}, Missing},
		{"Ctrl-D at once", []string{"\x04"}, Empty},
		{"wrong paste", []string{pasteBegins + "curl -u " + goodKey + pasteEnds + "\r", "\r"}, Command},
		{"arrow key", []string{goodKey + "\x1b[A\r" + goodSecret + "\r", "\r"}, Control},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := newTerminal(t)
			a := x.ask(t, t.Context(), func() {
				for i, text := range c.sends {
					x.await("received", i)
					x.send(t, text)
				}
			})
			expect(t, a.m, a.err, c.kind)
		})
	}
}

// A terminal that edits lines itself would cut each at 4096 bytes.
func TestPromptLongPaste(t *testing.T) {
	overhead := len("BLUUM_API_KEY=\nBLUUM_API_SECRET=\n")
	half := (Limit - overhead) / 2
	long, rest := random(half), random(Limit-overhead-half)
	paste := "BLUUM_API_KEY=" + long + "\rBLUUM_API_SECRET=" + rest + "\r"
	for name, text := range map[string]string{"bare": paste, "marked": pasteBegins + paste + pasteEnds} {
		t.Run(name, func(t *testing.T) {
			x := newTerminal(t)
			a := x.ask(t, t.Context(), func() { x.send(t, text) })
			if a.err != nil || !a.m["key"].Equal(secret.New(long)) || !a.m["secret"].Equal(secret.New(rest)) {
				t.Error("not what was pasted:", a.err)
			}
		})
	}
	for name, text := range map[string]string{"one more": "x" + paste, "many more": strings.Repeat(paste, 3)} {
		t.Run(name, func(t *testing.T) {
			x := newTerminal(t)
			a := x.ask(t, t.Context(), func() { x.send(t, text) })
			expect(t, a.m, a.err, TooLong)
		})
	}
}

func TestPromptInterrupted(t *testing.T) {
	for name, text := range map[string]string{
		"at once": "\x03", "in a line": goodKey + "\x03", "in a paste": pasteBegins + goodKey + "\x03", "Ctrl-\\": "\x1c",
	} {
		t.Run(name, func(t *testing.T) {
			x := newTerminal(t)
			a := x.ask(t, t.Context(), func() { x.send(t, text) })
			if !errors.Is(a.err, ErrInterrupted) || a.m != nil {
				t.Error(a.err)
			}
		})
	}
}

func TestPromptStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	x := newTerminal(t)
	a := x.ask(t, ctx, func() { x.send(t, goodKey); cancel() })
	if !errors.Is(a.err, context.Canceled) || a.m != nil {
		t.Error(a.err)
	}
}

// What follows a wrong paste must not reach the shell.
func TestPromptSwallowsTheRest(t *testing.T) {
	x := newTerminal(t)
	x.ask(t, t.Context(), func() { x.send(t, goodKey+"\r"+goodSecret+"\x04rm -rf everything\r") })
	x.send(t, "next\r")
	var b [64]byte
	n, err := x.tty.Read(b[:])
	if err != nil || string(b[:n]) != "next\n" {
		t.Errorf("the shell reads %q, %v", b[:n], err)
	}
}

func TestPromptNeedsATerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(); _ = w.Close() }()
	if _, _, err := Prompt(t.Context(), r, fields); err == nil || !strings.Contains(err.Error(), "on stdin") {
		t.Error(err)
	}
}
