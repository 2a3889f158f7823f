package intake

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// strange sorts what is not printable ASCII by what put it there, for each class has a remedy of its own.
func strange(r rune) Kind {
	switch {
	case strings.ContainsRune("\u2022\u25CF\u00B7\u2219\u2026\u2217\u22C6\u2588", r):
		return Masked
	case strings.ContainsRune("\u2018\u2019\u201A\u201B\u201C\u201D\u201E\u201F\u00AB\u00BB\u2032\u2033", r):
		return SmartQuotes
	case unicode.IsControl(r):
		return Control
	case unicode.In(r, unicode.Cf, unicode.Z):
		return Invisible
	case alike(r):
		return LookAlike
	}
	return Character
}

// twins are the letters of other alphabets that most fonts draw like a plain one.
const twins = "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd\u03c1\u03f2" +
	"\u0405\u0406\u0408\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0430\u0435\u043e\u0440\u0441" +
	"\u0443\u0445\u0455\u0456\u0458\u04bb\u04cf\u0501\u051b\u051d\u0131\u0261\u0578\u057d\u0585\u2010\u2011\u2013\u2014\u2212"

// alike reports a letter that looks like a plain one, or a form of a plain character, such as a fullwidth one.
func alike(r rune) bool {
	if strings.ContainsRune(twins, r) {
		return true
	}
	plain := []rune(norm.NFKC.String(string(r)))
	return len(plain) == 1 && plain[0] > ' ' && plain[0] < 0x7f
}
