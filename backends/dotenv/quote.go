package dotenv

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// There is no standard for .env files. Shells, systemd, Docker, Node, Python, PHP and Go agree about the forms that
// this file writes as far as that is possible, and it reads only forms about which the common readers agree: a value
// that one consumer sees differently from another must be rewritten by a person, never guessed.

// style is the quote around a value: 0 for none.
type style byte

const (
	bare   style = 0
	single style = '\''
	double style = '"'
)

var (
	// bareValue needs no quotes anywhere.
	bareValue = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,^-]+$`)
	// tail is what may follow a closing quote.
	tail = regexp.MustCompile(`^[ \t]*$|^[ \t]+#.*$`)
	// comment opens one behind a bare value.
	comment = regexp.MustCompile(`[ \t]+#`)
	escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")
)

func styleOf(raw string) style {
	if raw != "" && (raw[0] == byte(single) || raw[0] == byte(double)) {
		return style(raw[0])
	}
	return bare
}

// uncarriable says why no .env file can carry v, in words that show nothing of it; "" when one can.
func uncarriable(v string) string {
	switch {
	case strings.ContainsAny(v, "\n\r"):
		return "it contains a line break"
	case strings.Contains(v, "\x00"):
		return "it contains a zero byte"
	case !utf8.ValidString(v):
		return "it is not UTF-8 text"
	case strings.HasSuffix(v, `\`):
		return "it ends in a backslash, about which readers of .env files disagree"
	case strings.HasSuffix(v, `"`) && strings.Contains(v, "'"):
		return "it contains both kinds of quotes and ends in one, about which readers of .env files disagree"
	}
	return ""
}

// encode writes v, which must be carriable, keeping the style that was there where it is safe.
func encode(v string, was style) string {
	for _, s := range []style{was, single, double} {
		if safe(v, s) {
			return wrap(v, s)
		}
	}
	return wrap(escapes.Replace(v), double)
}

// safe reports whether v stands between quotes of style s as it is.
func safe(v string, s style) bool {
	switch s {
	case bare:
		return bareValue.MatchString(v)
	case single:
		return !strings.Contains(v, "'")
	}
	return !strings.ContainsAny(v, "\\\"$`")
}

func wrap(v string, s style) string {
	if s == bare {
		return v
	}
	return string(s) + v + string(s)
}

// cut takes the text behind "NAME=" apart: the raw value, quotes included, and what follows it on the line. why is "" if
// every reader would see the same value.
func cut(text string) (raw, after, value, why string) {
	if s := styleOf(text); s != bare {
		return cutQuoted(text, s)
	}
	at := len(text)
	if hit := comment.FindAllStringIndex(text, -1); len(hit) > 0 {
		at = hit[0][0]
		if len(hit) > 1 {
			why = "it is unclear where the comment starts"
		}
	}
	raw = strings.TrimRight(text[:at], " \t")
	if why == "" {
		why = unclearBare(raw)
	}
	return raw, text[len(raw):], raw, why
}

func unclearBare(raw string) string {
	switch {
	case strings.HasPrefix(raw, "#"), strings.HasPrefix(raw, "`"):
		return "it is unclear what the value is"
	case strings.ContainsAny(raw, `$\`):
		return "a $ or a backslash means different things to different readers"
	case strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsSpace(r) && r != ' ' && r != '\t' }):
		return "the value contains an unusual blank"
	}
	return uncarriable(raw)
}

func cutQuoted(text string, s style) (raw, after, value, why string) {
	end := closing(text[1:], s)
	if end < 0 {
		return text, "", "", "the value spans several lines, and no entry of a pair may"
	}
	inner := text[1 : 1+end]
	raw, after = text[:end+2], text[end+2:]
	value, why = inner, ""
	if s == double {
		value, why = unescape(inner)
	} else if strings.HasSuffix(inner, `\`) {
		why = "readers disagree about a backslash before the closing quote"
	}
	if !tail.MatchString(after) {
		why = "there is text behind the closing quote"
	}
	if why == "" {
		why = uncarriable(value)
	}
	return raw, after, value, why
}

// closing finds the quote that ends a value, -1 when there is none. A backslash escapes between double quotes alone.
func closing(text string, s style) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == byte(s):
			return i
		case s == double && text[i] == '\\':
			i++
		}
	}
	return -1
}

// unescape resolves the escapes that mean the same to shells and to libraries, and no others.
func unescape(inner string) (value, why string) {
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		if c == '$' {
			return "", "a $ between double quotes means different things to different readers"
		}
		if c == '\\' {
			i++ // closing never leaves a lone backslash at the end
			if c = inner[i]; !strings.ContainsRune("\\\"$`", rune(c)) {
				return "", "readers disagree about this backslash between double quotes"
			}
		}
		b.WriteByte(c)
	}
	if strings.HasSuffix(inner, `\"`) {
		return "", "readers disagree about an escaped quote before the closing one"
	}
	return b.String(), ""
}
