package secrettest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"regexp"
	"strconv"
	"strings"
)

// view is one encoding undone wherever it may occur. Views are generous: what a strict decoder would refuse, they pass
// over, because a leak is seldom well-formed.
type view struct {
	name   string
	decode func([]byte) []byte
}

func views() []view {
	return []view{
		{"percent escapes", percent},
		{"backslash escapes", backslash},
		{"HTML escapes", func(b []byte) []byte { return []byte(html.UnescapeString(string(b))) }},
		{"separated characters", func(b []byte) []byte { return without(b, "'\"[],\x00"+space) }},
		{"hex", hexDigits},
		{"base64", base64Runs},
		{"decimal numbers", func(b []byte) []byte { return numbers(b, 10) }},
		{"octal numbers", func(b []byte) []byte { return numbers(b, 8) }},
		{"binary numbers", func(b []byte) []byte { return numbers(b, 2) }},
	}
}

var (
	percentEscape   = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	backslashEscape = regexp.MustCompile(`\\(x[0-9a-fA-F]{2}|u00[0-9a-fA-F]{2}|U000000[0-9a-fA-F]{2}|[0-7]{3}|.)`)
	quotedLetter    = regexp.MustCompile(`'.'`)
	hexRun          = regexp.MustCompile(`[0-9a-fA-F]{16,}`)
	base64Run       = regexp.MustCompile(`[0-9A-Za-z+/]{11,}`)
)

func percent(b []byte) []byte {
	return percentEscape.ReplaceAllFunc(b, func(e []byte) []byte { return number8(e[1:], 16) })
}

func backslash(b []byte) []byte {
	return backslashEscape.ReplaceAllFunc(b, func(e []byte) []byte {
		switch value := e[2:]; {
		case len(e) > 2 && strings.ContainsRune("xuU", rune(e[1])):
			return number8(value, 16)
		case len(e) == 4:
			return number8(e[1:], 8)
		}
		return controls(e[1])
	})
}

func controls(letter byte) []byte {
	if i := strings.IndexByte("abtnvfr", letter); i >= 0 {
		return []byte{byte(7 + i)}
	}
	return []byte{letter}
}

// number8 is the number's lowest byte, or nothing if it has none.
func number8(number []byte, base int) []byte {
	n, err := strconv.ParseUint(string(number), base, 64)
	if err != nil {
		return nil
	}
	return []byte{byte(n)}
}

// hexDigits reads every run of digits at both alignments, since a digit before the run may belong to something else.
func hexDigits(b []byte) []byte {
	var out []byte
	for _, run := range hexRun.FindAll(withoutHexGaps(b), -1) {
		for _, from := range [][]byte{run, run[1:]} {
			decoded := make([]byte, len(from)/2)
			n, _ := hex.Decode(decoded, from[:len(from)/2*2])
			out = append(append(out, decoded[:n]...), 0)
		}
	}
	return out
}

// base64Runs reads every run of characters of either alphabet at all four alignments.
func base64Runs(b []byte) []byte {
	var out []byte
	for _, run := range base64Run.FindAll(bytes.Map(toStandard, b), -1) {
		for shift := range 4 {
			from := run[shift:]
			from = from[:len(from)-len(from)%4+keep(len(from)%4)]
			decoded := make([]byte, base64.RawStdEncoding.DecodedLen(len(from)))
			n, _ := base64.RawStdEncoding.Decode(decoded, from)
			out = append(append(out, decoded[:n]...), 0)
		}
	}
	return out
}

// keep is how many characters of an incomplete last group still hold a byte.
func keep(rest int) int {
	if rest == 1 {
		return 0
	}
	return rest
}

// toStandard turns the URL alphabet into the standard one and drops line breaks, which MIME puts inside.
func toStandard(r rune) rune {
	switch r {
	case '-':
		return '+'
	case '_':
		return '/'
	case '\r', '\n':
		return -1
	}
	return r
}

// numbers reads what is left when every number becomes one byte and everything between them is dropped.
func numbers(b []byte, base int) []byte {
	var out []byte
	for text := typeNames.Replace(string(b)); ; {
		from := strings.IndexAny(text, digits)
		if from < 0 {
			return out
		}
		rest := strings.TrimLeft(text[from:], digits)
		out = append(out, number8([]byte(text[from:len(text)-len(rest)]), base)...)
		text = rest
	}
}

const (
	space  = " \t\r\n"
	digits = "0123456789"
)

// typeNames are the digits that fmt puts between the numbers when a verb does not fit or a prefix is asked for.
var typeNames = strings.NewReplacer("int8", "", "int16", "", "int32", "", "int64", "", "0b", "", "0o", "")

// hexPrefixes is what fmt puts before each byte.
var hexPrefixes = strings.NewReplacer("0x", "", "0X", "", `\x`, "", "U+00", "")

// withoutHexGaps drops what printers put between two bytes: prefixes, spaces, punctuation, and the character itself in
// quotes.
func withoutHexGaps(b []byte) []byte {
	b = without([]byte(hexPrefixes.Replace(string(b))), ",:;-"+space)
	if !bytes.Contains(b, []byte("'")) {
		return b
	}
	return quotedLetter.ReplaceAll(b, nil)
}

func without(b []byte, set string) []byte {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if strings.IndexByte(set, c) < 0 {
			out = append(out, c)
		}
	}
	return out
}
