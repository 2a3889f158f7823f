package vendors

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"quarterturn/secret"
)

// Fault is what is wrong with one field of a material.
type Fault string

const (
	Missing    Fault = "missing"     // the profile has a field that the material lacks
	Extra      Fault = "extra"       // the material has a field that the profile lacks; never named, it may be a secret
	Empty      Fault = "empty"       //
	TooShort   Fault = "too short"   //
	TooLong    Fault = "too long"    //
	Whitespace Fault = "whitespace"  // inside or around, at Position
	Foreign    Fault = "not allowed" // a character outside the field's alphabet, at Position
	Same       Fault = "same value"  // two fields hold one value: one of them was pasted twice
)

// ShapeError is one thing wrong with a material, without a byte of it.
type ShapeError struct {
	Field    string // name in the profile, "" for Extra
	Fault    Fault  //
	Position int    // character, from 1; 0 when the fault has no place
	What     string // says it in words, e.g. "a line break at character 12"
}

func (e *ShapeError) Error() string {
	if e.Field == "" {
		return e.What
	}
	return e.Field + ": " + e.What
}

// ShapeErrors is everything wrong with a material, in the order of the fields' names.
type ShapeErrors []*ShapeError

func (e ShapeErrors) Error() string {
	var parts []string
	for _, one := range e {
		parts = append(parts, one.Error())
	}
	return "the pair has not the form of this vendor's keys and was not used: " + strings.Join(parts, "; ")
}

// Unwrap lets errors.As find each *ShapeError.
func (e ShapeErrors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// Shape checks the form of a material before anything is done with it: every field there, none too many, lengths,
// alphabet, no whitespace, no value twice. The error is ShapeErrors; it never holds a byte of a value.
func (p Profile) Shape(m secret.Material) error {
	found := p.fieldCount(m)
	for _, name := range p.FieldNames() {
		if fault := p.inspect(name, m); fault != nil {
			found = append(found, fault)
		}
	}
	if len(found) == 0 {
		found = p.twice(m)
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

func (p Profile) fieldCount(m secret.Material) ShapeErrors {
	extra := 0
	for name := range m {
		if _, known := p.Fields[name]; !known {
			extra++
		}
	}
	if extra == 0 {
		return nil
	}
	return ShapeErrors{{Fault: Extra, What: fmt.Sprintf("%d more than the fields %s: remove what does not belong",
		extra, strings.Join(p.FieldNames(), ", "))}}
}

// inspect looks at one field. It reveals the value to judge its form; what it returns is made of names and positions.
func (p Profile) inspect(name string, m secret.Material) *ShapeError {
	f := p.Fields[name]
	value, there := m[name]
	text := value.Reveal()
	switch low, high := f.Length.bounds(); {
	case !there:
		return &ShapeError{name, Missing, 0, "missing"}
	case text == "":
		return &ShapeError{name, Empty, 0, "empty"}
	case utf8.RuneCountInString(text) < low:
		return &ShapeError{name, TooShort, 0, fmt.Sprintf("shorter than %d characters: a part of it is missing, copy it whole", low)}
	case utf8.RuneCountInString(text) > high:
		return &ShapeError{name, TooLong, 0, fmt.Sprintf("longer than %d characters: something else came with it, copy it by itself", high)}
	}
	return p.characters(name, text)
}

func (p Profile) characters(name, text string) *ShapeError {
	position := 0
	for _, r := range text {
		position++
		if fault, what := p.character(name, r); fault != "" {
			what = fmt.Sprintf("%s at character %d (%s): %s", what, position, CharacterName(r), remedy(fault))
			return &ShapeError{name, fault, position, what}
		}
	}
	return nil
}

func remedy(f Fault) string {
	if f == Whitespace {
		return "copy the value again, unbroken and without words around it"
	}
	return "no value of this field has it, copy it again with the portal's copy button"
}

// character judges one character and gives it its name and no neighbour's: a character that no value of the field has
// is no part of one.
func (p Profile) character(field string, r rune) (Fault, string) {
	switch {
	case whitespace(r) != "":
		return Whitespace, whitespace(r)
	case field == p.Auth.Basic.Username && r == ':':
		return Foreign, "a colon, which a user name cannot carry,"
	case !within(p.Fields[field].Alphabet, r):
		return Foreign, kind(r)
	}
	return "", ""
}

func whitespace(r rune) string {
	switch {
	case r == ' ':
		return "a space"
	case r == '\t':
		return "a tab"
	case r == '\n', r == '\r':
		return "a line break"
	case r == '\u00a0':
		return "a no-break space"
	case unicode.IsSpace(r):
		return "a white space"
	}
	return ""
}

func kind(r rune) string {
	switch {
	case strings.ContainsRune("\"'`", r):
		return "a quotation mark"
	case unicode.IsControl(r):
		return "a control character"
	case r == utf8.RuneError:
		return "a character that is not UTF-8"
	case unicode.Is(unicode.Cf, r):
		return "an invisible character"
	case r > unicode.MaxASCII:
		return "a character outside ASCII"
	case unicode.IsLetter(r), unicode.IsDigit(r):
		return "a letter or digit outside the alphabet"
	}
	return "a mark outside the alphabet"
}

// within reports whether an alphabet, "" for printable, has the character.
func within(alphabet string, r rune) bool {
	alphanumeric := r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
	switch alphabet {
	case "alphanumeric":
		return alphanumeric
	case "hex":
		return strings.ContainsRune("0123456789abcdefABCDEF", r)
	case "base64":
		return alphanumeric || strings.ContainsRune("+/=", r)
	case "base64url":
		return alphanumeric || strings.ContainsRune("-_=", r)
	}
	return r > ' ' && r < 0x7f && !strings.ContainsRune("\"'`", r)
}

// twice finds a value that was pasted into two fields.
func (p Profile) twice(m secret.Material) ShapeErrors {
	names := p.FieldNames()
	for i, name := range names {
		for _, other := range names[:i] {
			if m[name].Equal(m[other]) {
				return ShapeErrors{{name, Same, 0, "the same value as " + other + ": one of them was pasted twice"}}
			}
		}
	}
	return nil
}
