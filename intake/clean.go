package intake

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"quarterturn/vendors"
)

// space is the white space that may stand around a paste, a line or a value; any other is refused by name.
const space = " \t\n\r\v\f"

// bracketed-paste marks: a terminal puts them around a paste when it was asked to. The prompt asks, and takes them off;
// anywhere else they mean that something else asked, and may have kept a part.
const (
	pasteBegins = "\x1b[200~"
	pasteEnds   = "\x1b[201~"
)

// marks are the same, as they are or as programs show them, and what a line editor that does not know them leaves.
var marks = regexp.MustCompile(`(\x1b|\^\[)\[20[01]~|^\s*\[200~|\[201~\s*$|(?s)^\s*0?0~.*1~\s*$`)

// cut is where a terminal that edits lines itself ends each of them, in bytes, without a word.
const cut = 4095

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
	if at := marks.FindStringIndex(text); at != nil {
		return "", p.fail(PasteMarks, "", 1+strings.Count(text[:at[0]], "\n"))
	}
	if err := p.printable(text); err != nil {
		return "", err
	}
	return outer(text), nil
}

// remove takes white space off, and says so. Line ends at the very end belong to lines and are not worth a word; empty
// lines before the text stay for lines to skip, so that line numbers are those of the paste.
func (p *parser) remove(text string) string {
	swap := func(old, fresh, said string) {
		if strings.Contains(text, old) {
			text = strings.ReplaceAll(text, old, fresh)
			p.note(said)
		}
	}
	if rest, ok := strings.CutPrefix(text, "\uFEFF"); ok {
		text = rest
		p.note("a byte order mark was removed")
	}
	swap("\r\n", "\n", "Windows line ends (CRLF) were removed")
	swap("\r", "\n", "carriage returns were taken as line ends")
	if outer := strings.TrimSuffix(text, "\n"); strings.Trim(outer, space) != outer {
		p.note("white space around the values was removed")
	}
	return text
}

// outer trims, but keeps line numbers right when a JSON object does not start in the first line: only lines need them.
func outer(text string) string {
	text = strings.TrimRight(text, space)
	if trimmed := strings.TrimLeft(text, space); object.MatchString(trimmed) {
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
			e.Column, e.Character = column, vendors.CharacterName(r)
			return e
		}
	}
	return nil
}

// clipped reports a line that ends where a terminal would have cut it.
func clipped(text string) (line int, ok bool) {
	for i, one := range strings.Split(text, "\n") {
		if len(one) == cut {
			return i + 1, true
		}
	}
	return 0, false
}
