package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// width is what fits a terminal nobody has widened.
const width = 80

// printer writes for people or, with asJSON, one JSON document for machines. Colour ends at pipes and at NO_COLOR.
type printer struct {
	w      io.Writer
	asJSON bool
}

func newPrinter(w io.Writer, environ []string, asJSON bool) *printer {
	cw := colorprofile.NewWriter(w, environ)
	if lookup(environ, "NO_COLOR") != "" {
		cw.Profile = colorprofile.NoTTY // no bold letters either
	}
	return &printer{w: cw, asJSON: asJSON}
}

// answer is what a command has to say: the same facts twice, and the one next command.
type answer struct {
	json any
	text func(p *printer)
	next string
}

// give prints an answer. The last line says Next: when somebody is awaited.
func (p *printer) give(a answer) error {
	if p.asJSON {
		enc := json.NewEncoder(p.w)
		enc.SetIndent("", "  ")
		return enc.Encode(a.json)
	}
	if a.text != nil {
		a.text(p)
	}
	p.next(a.next)
	return nil
}

func (p *printer) next(command string) {
	if command != "" {
		p.line("Next: %s", p.style(bold, command))
	}
}

// say is a paragraph, wrapped to the width of a terminal.
func (p *printer) say(format string, args ...any) { p.indented("", fmt.Sprintf(format, args...)) }

// indented is a paragraph of which all lines but the first begin with indent.
func (p *printer) indented(indent, text string) {
	for i, l := range wrap(text, width-len(indent)) {
		if i > 0 {
			l = indent + l
		}
		p.line("%s", l)
	}
}

func (p *printer) line(format string, args ...any) { _, _ = fmt.Fprintf(p.w, format+"\n", args...) }

// tone is how a word stands out.
type tone int

const (
	plain tone = iota
	bold
	good
	mild
	bad
	faint
)

func (p *printer) style(t tone, s string) string {
	st := lipgloss.NewStyle()
	switch t {
	case bold:
		st = st.Bold(true)
	case good:
		st = st.Foreground(lipgloss.Green)
	case mild:
		st = st.Foreground(lipgloss.Yellow)
	case bad:
		st = st.Foreground(lipgloss.Red).Bold(true)
	case faint:
		st = st.Faint(true)
	default:
		return s
	}
	return st.Render(s)
}

// mark is the word a line begins with: ok, note, wait, ask, said or STOP.
func (p *printer) mark(word, format string, args ...any) {
	tones := map[string]tone{"ok": good, "note": plain, "wait": mild, "ask": bold, "said": plain, "STOP": bad}
	first := "  " + p.style(tones[word], fmt.Sprintf("%-4s", word)) + "  "
	for i, l := range wrap(fmt.Sprintf(format, args...), width-8) {
		if i > 0 {
			first = strings.Repeat(" ", 8)
		}
		p.line("%s%s", first, l)
	}
}

// wrap breaks s at spaces into lines of at most n characters; a longer word stays whole.
func wrap(s string, n int) []string {
	var lines []string
	for _, paragraph := range strings.Split(s, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len([]rune(line))+1+len([]rune(word)) > n {
				lines = append(lines, line)
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		lines = append(lines, line)
	}
	return lines
}

// table prints columns as wide as they need to be; the last one wraps.
func (p *printer) table(head []string, rows [][]string) {
	p.tableWith(head, rows, func(int) {})
}

// tableWith is table with something below each row.
func (p *printer) tableWith(head []string, rows [][]string, below func(i int)) {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	p.row(head, widths, faint)
	for i, row := range rows {
		p.row(row, widths, plain)
		below(i)
	}
}

func (p *printer) row(cells []string, widths []int, t tone) {
	var b strings.Builder
	indent := 0
	for i, cell := range cells[:len(cells)-1] {
		b.WriteString(p.style(t, fmt.Sprintf("%-*s", widths[i], cell)) + "  ")
		indent += widths[i] + 2
	}
	for i, l := range wrap(cells[len(cells)-1], max(width-indent, 24)) {
		if i > 0 {
			b.WriteString("\n" + strings.Repeat(" ", indent))
		}
		b.WriteString(p.style(t, l))
	}
	p.line("%s", strings.TrimRight(b.String(), " "))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func day(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02")
}
