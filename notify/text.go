package notify

import (
	"fmt"
	"strings"
	"unicode"
)

// subjectLimit keeps a subject readable in a list of mails, in characters.
const subjectLimit = 140

// Text is m as a person reads it, the same on every channel: subject is one line, body plain text that ends in a newline.
// Neither holds a control character or a character without a shape but the body's own newlines, whatever m holds.
func Text(m Message) (subject, body string) {
	what := Line(m.What)
	subject = fmt.Sprintf("[quarterturn] %s %s: %s", headline(m), Line(m.Credential), what)
	if r := []rune(subject); len(r) > subjectLimit {
		subject = string(r[:subjectLimit-1]) + "…"
	}
	parts := []string{about(m)}
	if m.Escalated {
		parts = append(parts, "Escalated: the owner was told before, and nothing happened since.")
	}
	parts = append(parts, sentence(what), state(m), next(m),
		fmt.Sprintf("%s, message %s", m.At.UTC().Format("2006-01-02 15:04 UTC"), Line(m.ID)))
	return subject, strings.Join(parts, "\n\n") + "\n"
}

func headline(m Message) string {
	word := map[Kind]string{Reminder: "DUE", Waits: "WAITS", Broken: "BROKEN", Mended: "MENDED", Closed: "CLOSED"}[m.Kind]
	switch {
	case word == "":
		return "NEWS"
	case m.Escalated:
		return "STILL " + word
	}
	return word
}

func about(m Message) string {
	line := fmt.Sprintf("%s (%s, %s)", Line(m.Credential), Line(m.Vendor), Line(m.Environment))
	if m.Rotation != "" {
		line += ", rotation " + Line(m.Rotation)
	}
	return line
}

func state(m Message) string {
	if m.Broken == "" {
		return "Nothing is broken."
	}
	return "Broken now: " + sentence(Line(m.Broken))
}

func next(m Message) string {
	switch {
	case m.Command != "":
		return "Next, on the machine that runs quarterturn:\n\n    " + Line(m.Command)
	case m.Broken != "":
		return "No answer is awaited. To see more:\n\n    quarterturn status " + Line(m.Credential)
	}
	return "Nobody is awaited."
}

func sentence(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}

// Line is s in one line of shapes: control characters and line breaks become spaces, what has no shape (directions, zero
// width) is dropped, and bytes that are no UTF-8 become U+FFFD.
func Line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(s)
}
