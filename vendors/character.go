package vendors

import (
	"fmt"

	"golang.org/x/text/unicode/runenames"
)

// CharacterName is a code point and its name in the Unicode standard, e.g. "U+0430 CYRILLIC SMALL LETTER A". Characters
// that the standard does not name one by one, such as ideographs, carry their kind in angle brackets.
func CharacterName(r rune) string {
	name := runenames.Name(r)
	if name == "" {
		name = "<not assigned>"
	}
	if name == "<control>" {
		name = controlName(r)
	}
	return fmt.Sprintf("%U %s", r, name)
}

// controlName names the controls that keys meet on their way; the standard lists these as aliases only.
func controlName(r rune) string {
	switch r {
	case 0x00:
		return "NULL"
	case '\t':
		return "CHARACTER TABULATION"
	case '\n':
		return "LINE FEED"
	case '\r':
		return "CARRIAGE RETURN"
	case 0x1b:
		return "ESCAPE"
	case 0x7f:
		return "DELETE"
	case 0x85:
		return "NEXT LINE"
	}
	return "<control>"
}
