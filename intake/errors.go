package intake

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is a stable name of one class of wrong paste.
type Kind string

// Every Kind is used with a message and a remedy of its own; see words.
const (
	Empty       Kind = "empty"
	TooLong     Kind = "too_long"
	NotText     Kind = "not_text"
	Cut         Kind = "cut"          // a line ends where terminals cut lines
	PasteMarks  Kind = "paste_marks"  // marks of a terminal around or in the paste
	Character   Kind = "character"    // not printable ASCII: position and name are given, as with the next four
	LookAlike   Kind = "look_alike"   // it looks like a plain character and is another
	Invisible   Kind = "invisible"    // a blank that is none, or nothing to be seen
	Control     Kind = "control"      // what a key such as an arrow sends
	SmartQuotes Kind = "smart_quotes" // typographic quotes around or inside a value
	Command     Kind = "command"      // a curl line or a header
	Exported    Kind = "export"       // a shell's assignment, e.g. export NAME=value
	PrivateKey  Kind = "private_key"  // a PEM block
	Address     Kind = "address"      // a URL
	JSON        Kind = "json"         // an object that is broken, nested or not of strings
	Joined      Kind = "joined"       // key:secret in one line
	Unknown     Kind = "unknown_entry"
	Mixed       Kind = "mixed" // a line without a name between lines with one
	Unnamed     Kind = "unnamed"
	Missing     Kind = "missing_field"
	NoValue     Kind = "no_value"
	Twice       Kind = "field_twice"
	Same        Kind = "same_value"
	Within      Kind = "within" // one value holds the other
	Swapped     Kind = "swapped"
	Doubled     Kind = "doubled" // one value pasted twice in a row
	Named       Kind = "named"   // the value begins with an entry's name again
	Placeholder Kind = "placeholder"
	Reference   Kind = "reference" // $NAME, ${NAME}, {{ name }}, op://...
	Masked      Kind = "masked"
	InnerSpace  Kind = "inner_space"
	Quotes      Kind = "quotes"
	OtherVendor Kind = "other_vendor" // a token in the form of another vendor's
)

// ErrInterrupted: the person pressed Ctrl-C at the prompt. Nothing was taken in and the terminal is as before.
var ErrInterrupted = errors.New("interrupted at the prompt; nothing was taken in")

// Error is a paste that was refused as a whole. It holds no byte of it beyond the name of one stray character.
type Error struct {
	Kind      Kind
	Field     string   // as people know it, e.g. "BLUUM_API_SECRET"; "" when it is about the whole
	Line      int      // of the paste, from 1; 0 when unknown
	Column    int      // in characters, from 1; 0 unless a Character is named
	Character string   // e.g. "U+00A0 NO-BREAK SPACE"; "" unless Kind is about one
	Vendor    string   // whose form the value has, e.g. "GitHub"; "" unless Kind is OtherVendor
	Entries   []string // what is asked for
}

// Error says what is wrong, that nothing was taken in, and what to do.
func (e *Error) Error() string {
	what, remedy := e.words()
	return fmt.Sprintf("%s%s; nothing was taken in: %s", e.where(), what, remedy)
}

func (e *Error) where() string {
	var parts []string
	if e.Line > 0 {
		parts = append(parts, fmt.Sprintf("line %d", e.Line))
	}
	if e.Column > 0 {
		parts = append(parts, fmt.Sprintf("character %d", e.Column))
	}
	if e.Field != "" {
		parts = append(parts, e.Field)
	}
	if len(parts) == 0 {
		return "the paste: "
	}
	return strings.Join(parts, ", ") + ": "
}

// words gives each kind its message and its remedy.
func (e *Error) words() (what, remedy string) {
	entries := strings.Join(e.Entries, " and ")
	switch e.Kind {
	case Empty:
		return "there is nothing in it", "paste " + entries
	case TooLong:
		return "longer than 64 KiB", "paste only " + entries
	case NotText:
		return "not UTF-8 text", "save the file as UTF-8 (not UTF-16), or copy the values as text"
	case Cut:
		return "ends at 4095 characters, where a terminal cuts lines",
			"run quarterturn submit itself at the terminal, without cat or echo in front, and paste at its prompt"
	case PasteMarks:
		return "has a terminal's paste marks in it (ESC [200~ or [201~)",
			"paste at the prompt of quarterturn submit, which asks for the marks and takes them off"
	case Character, LookAlike, Invisible, Control, SmartQuotes:
		return e.stray()
	case Command:
		return "is a command or a header, not a value", "paste only what it uses as " + entries
	case Exported:
		return "is a shell's assignment (export, set or env), where quotes, $ and \\ are no part of a value",
			"paste NAME=value alone, with the value as the portal shows it"
	case PrivateKey:
		return "is a PEM block", "this credential is " + entries + ", not a key file"
	case Address:
		return "is an address, not a value", "leave addresses out and paste only " + entries
	case JSON:
		return "begins like JSON but is not one flat object of strings, each name once",
			"paste {...} whole, with " + entries + " as names"
	}
	return e.shape(entries)
}

// stray is words for one character that does not belong.
func (e *Error) stray() (what, remedy string) {
	switch e.Kind {
	case LookAlike:
		return "has " + e.Character + " in it, which looks like a plain character and is another",
			"another keyboard or a document put it there: copy the value with the portal's copy button, and type none of it"
	case Invisible:
		return "has " + e.Character + " in it, which cannot be seen and which no key has",
			"a web page or a chat added it: copy the value again with the portal's copy button"
	case Control:
		return "has " + e.Character + " in it, which a special key or a program sends and which no key has",
			"paste again and touch neither arrows nor other keys meanwhile"
	case SmartQuotes:
		return "has a typographic quote in it (" + e.Character + ")",
			"a document or chat replaced the plain quotes: copy from the portal"
	}
	return "has " + e.Character + " in it, which no key has",
		"copy the value again with the portal's copy button, not out of a document or a chat"
}

// shape is words for what is wrong between names and values.
func (e *Error) shape(entries string) (what, remedy string) {
	switch e.Kind {
	case Joined:
		return "looks like two values joined by a colon", "give each its own line, e.g. NAME=value with " + entries
	case Unknown:
		return "has a name that is not asked for", "paste only " + entries
	case Mixed:
		return "has no name although other lines have one, or continues the line before",
			"write NAME=value in every line, each value unbroken"
	case Unnamed:
		return "there are not as many lines as values asked for, and no names", "write NAME=value lines with " + entries
	case Missing:
		if e.Field == "" {
			return "there is one value where more are asked for", "paste " + entries + " together"
		}
		return "is missing", "paste " + entries + " together"
	case NoValue:
		return "has a name and no value", "reveal the value in the portal before copying"
	case Twice:
		return "is there twice", "paste each of " + entries + " once"
	case Same:
		return "has the same value as another field", "copy each of " + entries + " from its own line in the portal"
	case Within:
		return "has the whole value of another field in it", "copy each of " + entries + " by itself"
	case Swapped:
		return "the values seem to be swapped: each begins like the other one", "exchange them and paste again"
	case Doubled:
		return "is one value twice in a row", "paste it once"
	}
	return e.value()
}

// value is words for what is wrong inside one value.
func (e *Error) value() (what, remedy string) {
	switch e.Kind {
	case Named:
		return "its value begins with a name again", "paste each NAME=value once"
	case Placeholder:
		return "is a placeholder, not a value", "copy the real value from the portal"
	case Reference:
		return "refers to a value kept elsewhere", "paste the value itself"
	case Masked:
		return "is masked or shortened", "reveal it in the portal, or use its copy button"
	case InnerSpace:
		return "has white space inside", "paste the value unbroken, without words around it"
	case Quotes:
		return "has quotes or a comma that do not fit together", "paste the value without quotes"
	case OtherVendor:
		return "has the form of a token of " + e.Vendor, "copy from the portal of the vendor whose key this is"
	}
	return "cannot be used", "paste NAME=value lines"
}

// fail makes an error; field is the material field, "" for none.
func (p *parser) fail(k Kind, field string, line int) *Error {
	e := &Error{Kind: k, Line: line}
	if field != "" {
		e.Field = p.entry(field)
	}
	for _, f := range p.fields {
		e.Entries = append(e.Entries, p.entry(f.Name))
	}
	return e
}
