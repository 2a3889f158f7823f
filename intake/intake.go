// Package intake takes a pasted key apart. A paste is where rotations go wrong quietly: half a value, a masked one, the
// placeholder of a manual, a look-alike letter. So nothing is mended silently (what is removed is said), nothing is
// guessed silently, and no error or note ever repeats a byte of what was pasted.
package intake

import (
	"errors"
	"strings"

	"quarterturn/secret"
)

// Limit is how long a paste may be, in bytes.
const Limit = 64 << 10

// Field is one part of the key that is asked for.
type Field struct {
	Name     string   // material field, e.g. "key"
	Entry    string   // default name in a .env file, e.g. "BLUUM_API_KEY"
	Secret   bool     // never shown by the vendor again; two values without names are taken as the public one first
	Prefixes []string // how values of this field are known to begin, e.g. "test_bluum_": a hint, never a rule
}

// Parse takes one paste apart: KEY=value or "Label: value" lines in any order, a label line with its value on the next,
// one flat JSON object, or as many bare lines as there are fields (two at most, the public one first). Names are the
// fields' names, entries and their usual variants, in any case.
//
// The notes say what was removed or assumed, without any of it. Every error is an *Error.
func Parse(text []byte, fields []Field) (secret.Material, []string, error) {
	return parse(text, fields, false)
}

func parse(text []byte, fields []Field, part bool) (secret.Material, []string, error) {
	p := &parser{fields: fields, names: known(fields), found: map[string]entry{}, part: part}
	clean, err := p.clean(text)
	if err != nil {
		return nil, nil, err
	}
	if object.MatchString(clean) {
		err = p.readObject(clean)
	} else {
		err = p.lines(clean)
	}
	if err != nil {
		return nil, nil, err
	}
	m, err := p.material()
	if err != nil {
		return nil, nil, err
	}
	return m, p.notes, nil
}

// entry is one value and where its line stands; line 0 for a part of a JSON object.
type entry struct {
	value string
	line  int
}

// parser is one paste on its way.
type parser struct {
	fields []Field
	names  map[string]string // normalised name to field
	found  map[string]entry  // by field
	notes  []string
	part   bool // fewer fields than asked for will do
}

// note says something once.
func (p *parser) note(text string) {
	for _, said := range p.notes {
		if said == text {
			return
		}
	}
	p.notes = append(p.notes, text)
}

// take keeps one named value.
func (p *parser) take(field string, e entry) error {
	if _, twice := p.found[field]; twice {
		return p.fail(Twice, field, e.line)
	}
	value, err := p.unwrap(field, e)
	if err != nil {
		return err
	}
	p.found[field] = entry{value: value, line: e.line}
	return nil
}

// unwrap removes white space and one pair of quotes around a value.
func (p *parser) unwrap(field string, e entry) (string, error) {
	value := strings.Trim(e.value, space)
	if value != e.value {
		p.note("white space around the values was removed")
	}
	if e.line == 0 || !strings.ContainsAny(value, `"'`) {
		return value, nil
	}
	inner, ok := unquote(value)
	if !ok {
		return "", p.fail(Quotes, field, e.line)
	}
	p.note("quotes around " + p.entry(field) + " were removed")
	return inner, nil
}

// unquote removes one pair of equal quotes with nothing in between that a shell would read differently. A backslash is
// one of these in double quotes alone.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' {
		return "", false
	}
	inner := s[1 : len(s)-1]
	return inner, !strings.ContainsAny(inner, `"'`) && (s[0] == '\'' || !strings.Contains(inner, `\`))
}

// material checks every value, then all of them together.
func (p *parser) material() (secret.Material, error) {
	m := secret.Material{}
	for _, f := range p.fields {
		e, ok := p.found[f.Name]
		if !ok && p.part {
			continue
		}
		if !ok {
			return nil, p.fail(Missing, f.Name, 0)
		}
		if err := p.check(f.Name, e); err != nil {
			return nil, err
		}
		m[f.Name] = secret.New(e.value)
	}
	return m, p.together()
}

// check looks at one value. Only JSON can still hold odd characters here, as escapes.
func (p *parser) check(field string, e entry) error {
	if kind := p.judge(e.value, p.prefixes(field)); kind != "" {
		bad := p.fail(kind, field, e.line)
		if kind == OtherVendor {
			bad.Vendor = issuer(e.value)
		}
		return bad
	}
	err := p.printable(e.value)
	if odd, ok := errors.AsType[*Error](err); ok {
		odd.Field, odd.Line = p.entry(field), e.line
	}
	return err
}

// together compares the fields with each other.
func (p *parser) together() error {
	for i, f := range p.fields {
		for _, g := range p.fields[i+1:] {
			a, b := p.found[f.Name], p.found[g.Name]
			switch {
			case a.value == b.value:
				return p.fail(Same, g.Name, b.line)
			case within(a.value, b.value):
				return p.fail(Within, g.Name, b.line)
			case p.crossed(f, g, a.value, b.value):
				return p.fail(Swapped, g.Name, b.line)
			}
		}
	}
	return nil
}

// within reports that one value holds the whole of the other.
func within(a, b string) bool {
	return min(len(a), len(b)) >= 8 && (strings.Contains(a, b) || strings.Contains(b, a))
}

// prefixes are how values of a field are known to begin.
func (p *parser) prefixes(field string) []string {
	for _, f := range p.fields {
		if f.Name == field {
			return f.Prefixes
		}
	}
	return nil
}

// crossed reports whether each value, as far as hints exist, begins like the other field's.
func (p *parser) crossed(f, g Field, a, b string) bool {
	mine := begins(a, f.Prefixes) || begins(b, g.Prefixes)
	return !mine && (begins(b, f.Prefixes) || begins(a, g.Prefixes))
}

func begins(value string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if prefix != "" && strings.HasPrefix(value, prefix) {
			return true
		}
	}
	return false
}

// entry is how people know a field.
func (p *parser) entry(field string) string {
	for _, f := range p.fields {
		if f.Name == field && f.Entry != "" {
			return f.Entry
		}
	}
	return field
}
