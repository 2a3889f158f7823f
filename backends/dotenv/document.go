package dotenv

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// document is a .env file cut into pieces which, joined, are the file byte for byte. Only the raw value of one of our
// entries is ever exchanged, and only new entries are ever added.
type document struct {
	pieces []piece
	eol    string // how lines end here
	stamp  string // the comment line that set adds with the first entry when none of ours is there, "" for none
}

// piece is an entry, or whatever else stands on a line; a value over several lines makes one piece.
type piece struct {
	line   int    // where it starts, from 1
	name   string // one of ours, "" for everything else
	before string // up to the value; all of it when the piece is not ours
	raw    string // the value with its quotes
	after  string // blanks and comment
	end    string // "\n", "\r\n" or ""
	value  string // the value as every reader sees it
}

// entry is one name with the value it shall have.
type entry struct{ name, value string }

// head is everything up to a value: byte order mark, indentation, "export", name, separator.
var head = regexp.MustCompile(`^\x{FEFF}?[ \t\v\f]*(?:export[ \t]+)?([^\s=:#"'\x{FEFF}]+)[ \t]*([=:])[ \t]*`)

// parse cuts content up. Its errors name a line and never what is on it.
func parse(content []byte, names []string) (document, error) {
	if line := foreign(content); line > 0 {
		return document{}, fmt.Errorf("line %d: this is not plain text with lines ending in LF or CRLF: convert the file", line)
	}
	p := parser{rest: string(content), line: 1, names: names}
	doc := document{eol: "\n"}
	if first, _, _ := strings.Cut(p.rest, "\n"); strings.HasSuffix(first, "\r") {
		doc.eol = "\r\n"
	}
	for p.rest != "" {
		next, err := p.next()
		if err != nil {
			return document{}, err
		}
		doc.pieces = append(doc.pieces, next)
	}
	return doc, nil
}

// foreign is the first line with a zero byte or a carriage return in the middle, which readers take for different
// things; 0 when there is none.
func foreign(content []byte) int {
	for i, c := range content {
		if c == 0 || c == '\r' && (i+1 == len(content) || content[i+1] != '\n') {
			return 1 + bytes.Count(content[:i], []byte("\n"))
		}
	}
	return 0
}

func chomp(line string) (text, end string) {
	text = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	return text, line[len(text):]
}

type parser struct {
	rest  string // what is not read yet
	line  int    // number of its first line
	last  string // the line before it
	names []string
}

// take reads on to the end of the line on which the next n bytes end.
func (p *parser) take(n int) piece {
	if more := strings.IndexByte(p.rest[n:], '\n'); more >= 0 {
		n += more + 1
	} else {
		n = len(p.rest)
	}
	text, end := chomp(p.rest[:n])
	here := piece{line: p.line, before: text, end: end}
	p.line, p.rest = p.line+strings.Count(p.rest[:n], "\n"), p.rest[n:]
	return here
}

func (p *parser) next() (piece, error) {
	start, last := *p, p.last
	here := p.take(0)
	p.last = here.before
	hit := head.FindStringSubmatchIndex(here.before)
	if hit == nil {
		return here, nil
	}
	if slices.Contains(p.names, here.before[hit[2]:hit[3]]) {
		return ours(here, hit, last)
	}
	value := here.before[hit[1]:]
	s := styleOf(value)
	if s == bare || closing(value[1:], s) >= 0 {
		return here, p.theirs(here.line, value, s)
	}
	*p = start
	return p.several(hit[1]+1, s)
}

// ours takes apart an entry of ours; hit is where head matched, last the line before.
func ours(here piece, hit []int, last string) (piece, error) {
	text, sep, start := here.before, hit[5], hit[1]
	here.name = text[hit[2]:hit[3]]
	if start == len(text) {
		start = sep // NAME=, with blanks behind it at most: a value must follow the sign at once
	}
	raw, after, value, why := cut(text[start:])
	switch {
	case text[sep-1] == ':':
		why = "it is set with a colon, which not every reader knows"
	case strings.HasSuffix(last, `\`):
		why = "the line before ends in a backslash, which some readers take for a continuation"
	}
	if why != "" {
		return piece{}, unclear(here.line, here.name, why)
	}
	here.before, here.raw, here.after, here.value = text[:start], raw, after, value
	return here, nil
}

// theirs makes sure that none of our names hides in somebody else's entry on one line.
func (p *parser) theirs(line int, value string, s style) error {
	if s != bare {
		value = value[closing(value[1:], s)+2:]
	}
	if hit := comment.FindStringIndex(value); hit != nil {
		value = value[:hit[0]]
	}
	return p.hidden(line, value, `(?:^|[\s;&|])`)
}

// several reads somebody else's value over several lines, whose inside starts at start.
func (p *parser) several(start int, s style) (piece, error) {
	end := closing(p.rest[start:], s)
	if end < 0 {
		return piece{}, fmt.Errorf("line %d: a quote is opened and never closed: close it", p.line)
	}
	here := p.take(start + end)
	p.last = here.before
	return here, p.hidden(here.line, here.before[start:], `(?m:^)[ \t]*(?:export[ \t]+)?`)
}

// hidden refuses a name of ours where one reader sees an entry and another sees part of somebody else's value.
func (p *parser) hidden(line int, text, lead string) error {
	for _, name := range p.names {
		if strings.Contains(text, name) && regexp.MustCompile(lead+regexp.QuoteMeta(name)+`[ \t]*[=:]`).MatchString(text) {
			return unclear(line, name, "it also stands inside another entry")
		}
	}
	return nil
}

func unclear(line int, name, why string) error {
	return fmt.Errorf("line %d: %s: %s; rewrite the line, best as %[2]s='value'", line, name, why)
}

// get is the last value of name, which most readers take, and the lines that give it another one.
func (d document) get(name string) (value string, found bool, others []int) {
	for _, p := range slices.Backward(d.pieces) {
		switch {
		case p.name != name:
		case !found:
			value, found = p.value, true
		case p.value != value:
			others = append(others, p.line)
		}
	}
	return value, found && value != "", others
}

// holds reports whether every occurrence of every entry has its value already.
func (d document) holds(want []entry) bool {
	for _, e := range want {
		value, found, others := d.get(e.name)
		if !found || len(others) > 0 || value != e.value {
			return false
		}
	}
	return true
}

// set returns the file with every occurrence of every entry set, and the missing ones added at the end.
func (d document) set(want []entry) ([]byte, error) {
	var out bytes.Buffer
	done := map[string]bool{}
	for _, p := range d.pieces {
		for _, e := range want {
			if p.name == e.name {
				p.raw, done[e.name] = encode(e.value, styleOf(p.raw)), true
			}
		}
		out.WriteString(p.before + p.raw + p.after + p.end)
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(e entry) bool { return done[e.name] })
	if err := d.extendable(missing); err != nil {
		return nil, err
	}
	d.add(&out, missing)
	return out.Bytes(), nil
}

func (d document) extendable(missing []entry) error {
	if len(missing) == 0 || len(d.pieces) == 0 {
		return nil
	}
	if last := d.pieces[len(d.pieces)-1]; strings.HasSuffix(last.before+last.raw+last.after, `\`) {
		return fmt.Errorf("the last line ends in a backslash, which some readers take for a continuation: quote that value")
	}
	return nil
}

// add keeps a missing final line end missing.
func (d document) add(out *bytes.Buffer, missing []entry) {
	open := len(d.pieces) > 0 && d.pieces[len(d.pieces)-1].end == ""
	for _, line := range d.lines(missing) {
		if open {
			out.WriteString(d.eol + line)
			continue
		}
		out.WriteString(line + d.eol)
	}
}

func (d document) lines(missing []entry) []string {
	var lines []string
	if d.stamp != "" && len(missing) > 0 {
		lines = append(lines, d.stamp)
	}
	for _, e := range missing {
		lines = append(lines, e.name+"="+encode(e.value, bare))
	}
	return lines
}
