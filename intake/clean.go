package intake

import (
	"strings"
	"unicode/utf8"
)

// space is the white space that may stand around a paste, a line or a value; any other is refused by name.
const space = " \t\n\r\v\f"

// bracketed-paste marks: a terminal puts them around a paste when it was asked to.
const (
	pasteBegins = "\x1b[200~"
	pasteEnds   = "\x1b[201~"
)

// clean removes what no key can be meant by, says so, and refuses what is not printable ASCII.
func (p *parser) clean(raw []byte) (string, error) {
	if len(raw) > Limit {
		return "", p.fail(TooLong, "", 0)
	}
	if !utf8.Valid(raw) || strings.ContainsRune(string(raw), 0) {
		return "", p.fail(NotText, "", 0)
	}
	text := p.remove(string(raw))
	if strings.Trim(text, space) == "" {
		return "", p.fail(Empty, "", 0)
	}
	return text, p.printable(text)
}

// remove takes marks and white space off. Line ends at the very end belong to lines and are not worth a word; empty
// lines before the text stay for lines to skip, so that line numbers are those of the paste.
func (p *parser) remove(text string) string {
	cut := func(old, fresh, said string) {
		if strings.Contains(text, old) {
			text = strings.ReplaceAll(text, old, fresh)
			p.note(said)
		}
	}
	cut(pasteBegins, "", "the terminal's paste marks were removed")
	cut(pasteEnds, "", "the terminal's paste marks were removed")
	if rest, ok := strings.CutPrefix(text, "\uFEFF"); ok {
		text = rest
		p.note("a byte order mark was removed")
	}
	cut("\r\n", "\n", "Windows line ends (CRLF) were removed")
	cut("\r", "\n", "carriage returns were taken as line ends")
	if outer := strings.TrimSuffix(text, "\n"); strings.Trim(outer, space) != outer {
		p.note("white space around the values was removed")
	}
	return outer(text)
}

// outer trims, but keeps line numbers right when a JSON object does not start in the first line: only lines need them.
func outer(text string) string {
	text = strings.TrimRight(text, space)
	if trimmed := strings.TrimLeft(text, space); strings.HasPrefix(trimmed, "{") {
		return trimmed
	}
	return text
}

// printable refuses the first character that no key has, with its place and name.
func (p *parser) printable(text string) error {
	line, column := 1, 0
	for _, r := range text {
		column++
		switch {
		case r == '\n':
			line, column = line+1, 0
		case strings.ContainsRune(space, r), r > ' ' && r < 0x7f:
		default:
			e := p.fail(strange(r), "", line)
			e.Column, e.Character = column, name(r)
			return e
		}
	}
	return nil
}

// strange tells what stands for masked characters and what replaces quotes from all other characters.
func strange(r rune) Kind {
	switch r {
	case '\u2022', '\u25CF', '\u00B7', '\u2219', '\u2026', '\u2217', '\u22C6', '\u2588':
		return Masked
	case '\u2018', '\u2019', '\u201A', '\u201B', '\u201C', '\u201D', '\u201E', '\u201F', '\u00AB', '\u00BB', '\u2032', '\u2033':
		return SmartQuotes
	}
	return Character
}
