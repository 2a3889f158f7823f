package secrettest

import (
	"bytes"
	"compress/flate"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// spelling is one encoding: write returns every text that eight bytes can have in it, whatever stands around them.
type spelling struct {
	name  string
	write func(run string) []string
}

// Encodings names what a Scanner looks for, beside the compressed forms of all of them.
func Encodings() (names []string) {
	for _, sp := range spellings() {
		if !slices.Contains(names, sp.name) {
			names = append(names, sp.name)
		}
	}
	return names
}

func spellings() []spelling {
	little := wide("%c\x00")
	return []spelling{
		{"raw", one(same)},
		{"reversed", one(backwards)},
		{"hex", cases(func(s string) string { return hex.EncodeToString([]byte(s)) })},
		{"hex of the reverse", cases(func(s string) string { return hex.EncodeToString([]byte(backwards(s))) })}, // a little-endian word of a dump
		{"base64", base64At},
		{"base32", base32At},
		{"percent", cases(everyByte("%%%02x"))},
		{"percent", both(url.QueryEscape, url.PathEscape)},
		{"quoted-printable", cases(everyByte("=%02x"))},
		{"JSON escapes", cases(everyByte(`\u%04x`))},
		{"JSON escapes", both(inJSON, func(s string) string { return inJSON(inJSON(s)) })},
		{"Go escapes", cases(everyByte(`\x%02x`))},
		{"Go escapes", one(func(s string) string { return strings.Trim(strconv.Quote(s), `"`) })},
		{"octal escapes", one(everyByte(`\%03o`))},
		{"shell quotes", both(func(s string) string { return strings.ReplaceAll(s, `'`, `'\''`) }, everyByte(`\%c`))},
		{"HTML entities", one(html.EscapeString)},
		{"HTML entities", cases(everyByte("&#x%x;"))},
		{"HTML entities", one(everyByte("&#%d;"))},
		{"UTF-16", both(wide("%c\x00"), wide("\x00%c"))},
		{"spaced", one(wide("%c "))},
		{"decimal numbers", numbered("%d")},
		{"hex numbers", numbered("0x%x")},
		{"base64 of hex", func(s string) []string { return base64At(hex.EncodeToString([]byte(s))) }},
		{"base64 of UTF-16", func(s string) []string { return base64At(little(s)) }},
		{"base64 of base64", func(s string) []string { return nested(base64At(s), base64At) }},
		{"hex of base64", func(s string) []string {
			return nested(base64At(s), cases(func(s string) string { return hex.EncodeToString([]byte(s)) }))
		}},
		{"percent of base64", func(s string) []string { return nested(base64At(s), one(url.QueryEscape)) }},
	}
}

func same(s string) string { return s }

func one(f func(string) string) func(string) []string {
	return func(s string) []string { return []string{f(s)} }
}

func both(f, g func(string) string) func(string) []string {
	return func(s string) []string { return []string{f(s), g(s)} }
}

// cases is lower and upper case of the digits; f's text has no other letters but a fixed prefix.
func cases(f func(string) string) func(string) []string {
	return func(s string) []string {
		text := f(s)
		upper := strings.NewReplacer("U", "u", "X", "x").Replace(strings.ToUpper(text))
		return []string{text, upper}
	}
}

func nested(inner []string, outer func(string) []string) (all []string) {
	for _, s := range inner {
		all = append(all, outer(s)...)
	}
	return all
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// everyByte writes every byte by a format, which is worked out once.
func everyByte(format string) func(string) string {
	var table [256]string
	for c := range table {
		table[c] = fmt.Sprintf(format, byte(c))
	}
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			b.WriteString(table[s[i]])
		}
		return b.String()
	}
}

// wide leaves out what follows the last byte, which may be the end of the text.
func wide(format string) func(string) string {
	write := everyByte(format)
	return func(s string) string { return strings.Trim(write(s), "\x00 ") }
}

// numbered is a list of numbers, with what printers put between two.
func numbered(format string) func(string) []string {
	write := everyByte(format + " ")
	return func(s string) []string {
		list := strings.TrimSuffix(write(s), " ")
		return []string{list, strings.ReplaceAll(list, " ", ","), strings.ReplaceAll(list, " ", ", ")}
	}
}

func inJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b[1 : len(b)-1])
}

// base64At are the characters that eight bytes fix on their own at each of the three alignments, in both alphabets.
func base64At(s string) (all []string) {
	for before := range 3 {
		all = append(all, fixed(s, before, 6, base64.RawStdEncoding.EncodeToString), fixed(s, before, 6, base64.RawURLEncoding.EncodeToString))
	}
	return all
}

// base32At is the same at five alignments, in upper and lower case.
func base32At(s string) (all []string) {
	for before := range 5 {
		text := fixed(s, before, 5, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString)
		all = append(all, text, strings.ToLower(text))
	}
	return all
}

// fixed encodes s behind so many unknown bytes and keeps the characters that are made of s alone.
func fixed(s string, before, bits int, encode func([]byte) string) string {
	text := encode(append(make([]byte, before), s...))
	from := (before*8 + bits - 1) / bits
	to := (before + len(s)) * 8 / bits
	return text[from:to]
}

// between is what printers, line breaks and wide characters put between the parts of a text.
const between = "\x00 \t\r\n\v\f'\"`,:;()[]{}<>|=.*^@?$"

// squeeze drops it.
func squeeze(b []byte) []byte {
	var drop [256]bool
	for _, c := range []byte(between) {
		drop[c] = true
	}
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if !drop[c] {
			out = append(out, c)
		}
	}
	return out
}

// inflate hands over what every compressed stream in b holds, as far as it can be read: gzip and zlib wherever their
// marks stand, bare deflate where b begins with it.
func inflate(b []byte, give func(kind string, plain []byte)) {
	z := flate.NewReader(bytes.NewReader(nil))
	try := func(kind string, from []byte) {
		_ = z.(flate.Resetter).Reset(bytes.NewReader(from), nil) // never fails
		plain, _ := io.ReadAll(io.LimitReader(z, inflated))      // a broken end doesn't hide its beginning
		if len(plain) >= Run {
			give(kind, plain)
		}
	}
	try("deflate", b)
	for i := 0; i+2 < len(b); i++ {
		switch {
		case b[i] == 0x1f && b[i+1] == 0x8b && b[i+2] == 8:
			try("gzip", b[i+gzipHead(b[i:]):])
		case b[i] == 0x78 && strings.IndexByte("\x01\x5e\x9c\xda", b[i+1]) >= 0:
			try("zlib", b[i+2:])
		}
	}
}

// inflated is the most that is read of one compressed stream, in bytes: more is a bomb.
const inflated = 8 << 20

// gzipHead is the length of a gzip header, extra field, name and comment included.
func gzipHead(b []byte) int {
	n := 10
	if len(b) < n {
		return len(b)
	}
	if b[3]&4 != 0 && len(b) >= n+2 {
		n += 2 + int(b[n]) + int(b[n+1])<<8
	}
	for _, flag := range []byte{8, 16} {
		if b[3]&flag != 0 && n < len(b) {
			n += bytes.IndexByte(b[n:], 0) + 1
		}
	}
	if b[3]&2 != 0 {
		n += 2
	}
	return min(n, len(b))
}
