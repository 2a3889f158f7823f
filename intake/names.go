package intake

import (
	"fmt"
	"unicode"
)

// name is a character's code point and its Unicode name where one of those that keys pick up on their way has one, else
// what script or class it belongs to.
func name(r rune) string {
	for _, c := range strays() {
		if c.r == r {
			return fmt.Sprintf("%U %s", r, c.name)
		}
	}
	return fmt.Sprintf("%U %s", r, class(r))
}

// class names what is not in the table.
func class(r rune) string {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0:
		return "(a control character)"
	case r >= 0xff01 && r <= 0xff5e:
		return "(a fullwidth form of a plain character)"
	case unicode.IsSpace(r):
		return "(a kind of white space)"
	case unicode.Is(unicode.Cyrillic, r):
		return "(a Cyrillic letter)"
	case unicode.Is(unicode.Greek, r):
		return "(a Greek letter)"
	case unicode.Is(unicode.Latin, r):
		return "(a letter with an accent or of another alphabet)"
	case !unicode.IsGraphic(r):
		return "(an invisible character)"
	}
	return "(not a plain character)"
}

// stray is a character often met in keys that went through documents, chats and other keyboards.
type stray struct {
	r    rune
	name string
}

// strays holds the names of the Unicode standard, in the order of code points.
func strays() []stray {
	return []stray{
		{0x1b, "ESCAPE"}, {0x7f, "DELETE"},
		{0xa0, "NO-BREAK SPACE"}, {0xab, "LEFT-POINTING DOUBLE ANGLE QUOTATION MARK"}, {0xad, "SOFT HYPHEN"},
		{0xb7, "MIDDLE DOT"}, {0xbb, "RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK"}, {0x131, "LATIN SMALL LETTER DOTLESS I"},
		{0x391, "GREEK CAPITAL LETTER ALPHA"}, {0x392, "GREEK CAPITAL LETTER BETA"}, {0x395, "GREEK CAPITAL LETTER EPSILON"},
		{0x396, "GREEK CAPITAL LETTER ZETA"}, {0x397, "GREEK CAPITAL LETTER ETA"}, {0x399, "GREEK CAPITAL LETTER IOTA"},
		{0x39a, "GREEK CAPITAL LETTER KAPPA"}, {0x39c, "GREEK CAPITAL LETTER MU"}, {0x39d, "GREEK CAPITAL LETTER NU"},
		{0x39f, "GREEK CAPITAL LETTER OMICRON"}, {0x3a1, "GREEK CAPITAL LETTER RHO"}, {0x3a4, "GREEK CAPITAL LETTER TAU"},
		{0x3a5, "GREEK CAPITAL LETTER UPSILON"}, {0x3a7, "GREEK CAPITAL LETTER CHI"}, {0x3bf, "GREEK SMALL LETTER OMICRON"},
		{0x405, "CYRILLIC CAPITAL LETTER DZE"}, {0x406, "CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I"},
		{0x408, "CYRILLIC CAPITAL LETTER JE"}, {0x410, "CYRILLIC CAPITAL LETTER A"}, {0x412, "CYRILLIC CAPITAL LETTER VE"},
		{0x415, "CYRILLIC CAPITAL LETTER IE"}, {0x41a, "CYRILLIC CAPITAL LETTER KA"}, {0x41c, "CYRILLIC CAPITAL LETTER EM"},
		{0x41d, "CYRILLIC CAPITAL LETTER EN"}, {0x41e, "CYRILLIC CAPITAL LETTER O"}, {0x420, "CYRILLIC CAPITAL LETTER ER"},
		{0x421, "CYRILLIC CAPITAL LETTER ES"}, {0x422, "CYRILLIC CAPITAL LETTER TE"}, {0x425, "CYRILLIC CAPITAL LETTER HA"},
		{0x430, "CYRILLIC SMALL LETTER A"}, {0x435, "CYRILLIC SMALL LETTER IE"}, {0x43e, "CYRILLIC SMALL LETTER O"},
		{0x440, "CYRILLIC SMALL LETTER ER"}, {0x441, "CYRILLIC SMALL LETTER ES"}, {0x443, "CYRILLIC SMALL LETTER U"},
		{0x445, "CYRILLIC SMALL LETTER HA"}, {0x455, "CYRILLIC SMALL LETTER DZE"},
		{0x456, "CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I"}, {0x458, "CYRILLIC SMALL LETTER JE"},
		{0x2007, "FIGURE SPACE"}, {0x2009, "THIN SPACE"}, {0x200b, "ZERO WIDTH SPACE"}, {0x200c, "ZERO WIDTH NON-JOINER"},
		{0x200d, "ZERO WIDTH JOINER"}, {0x200e, "LEFT-TO-RIGHT MARK"}, {0x200f, "RIGHT-TO-LEFT MARK"}, {0x2010, "HYPHEN"},
		{0x2011, "NON-BREAKING HYPHEN"}, {0x2013, "EN DASH"}, {0x2014, "EM DASH"}, {0x2018, "LEFT SINGLE QUOTATION MARK"},
		{0x2019, "RIGHT SINGLE QUOTATION MARK"}, {0x201a, "SINGLE LOW-9 QUOTATION MARK"},
		{0x201c, "LEFT DOUBLE QUOTATION MARK"}, {0x201d, "RIGHT DOUBLE QUOTATION MARK"},
		{0x201e, "DOUBLE LOW-9 QUOTATION MARK"}, {0x2022, "BULLET"}, {0x2026, "HORIZONTAL ELLIPSIS"},
		{0x2028, "LINE SEPARATOR"}, {0x2029, "PARAGRAPH SEPARATOR"}, {0x202f, "NARROW NO-BREAK SPACE"},
		{0x2060, "WORD JOINER"}, {0x2212, "MINUS SIGN"}, {0x25cf, "BLACK CIRCLE"}, {0x3000, "IDEOGRAPHIC SPACE"},
		{0xfeff, "ZERO WIDTH NO-BREAK SPACE"}, {0xfffd, "REPLACEMENT CHARACTER"}, {0xff1d, "FULLWIDTH EQUALS SIGN"},
	}
}
