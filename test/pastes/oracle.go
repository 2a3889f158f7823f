package pastes

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Wrong says why a paste is wrong, "" when it is not: by its form, which this reads on its own, or by its class's reason.
func Wrong(p Paste, c Class, narrow bool) string {
	if pair, ok := read(p.Text); !ok {
		return "it is no pair"
	} else if why := formal(pair, narrow); why != "" {
		return why
	}
	if c.Why == nil {
		return ""
	}
	return c.Why(p)
}

// Legal reports whether a text is exactly this pair, in a form that is taken, and every rule of the profile allows it.
func Legal(text string, want Pair) bool {
	got, ok := read(text)
	return ok && got == want && formal(got, false) == ""
}

// formal holds a pair against Bluum's profile: 8 to 512 of the printable characters but quotes, no colon in the user name
// of HTTP Basic, two different values. narrow: hexadecimal digits only.
func formal(p Pair, narrow bool) string {
	for _, v := range []string{p.Key, p.Secret} {
		if len(v) < 8 || len(v) > 512 {
			return "length"
		}
		for _, r := range v {
			if r < 0x21 || r > 0x7e || r == '"' || r == '\'' || r == '`' || narrow && !strings.ContainsRune(hex+"ABCDEF", r) {
				return "alphabet"
			}
		}
	}
	return when(strings.Contains(p.Key, ":") || p.Key == p.Secret, "the user name has a colon, or both are one")
}

// read is a second reader of pastes, for the few forms that the generators write; false for everything else.
func read(text string) (Pair, bool) {
	if !utf8.ValidString(text) {
		return Pair{}, false
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(text, "\uFEFF"))
	var object map[string]string
	if json.Unmarshal([]byte(text), &object) == nil {
		return fromNames(object)
	}
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.Trim(line, " \t"); line != "" && !strings.HasPrefix(line, "# ") {
			lines = append(lines, line)
		}
	}
	return fromLines(lines)
}

func fromNames(object map[string]string) (Pair, bool) {
	var p Pair
	for name, v := range object {
		switch fieldOf(name) {
		case 'k':
			p.Key = v
		case 's':
			p.Secret = v
		default:
			return p, false
		}
	}
	return p, len(object) == 2 && p.Key != "" && p.Secret != ""
}

// fieldOf is 'k' or 's' for the names that the generators give a field, 0 for others.
func fieldOf(name string) byte {
	switch strings.ToLower(name) {
	case "key", "api key", "bluum_api_key":
		return 'k'
	case "secret", "api secret", "bluum_api_secret":
		return 's'
	}
	return 0
}

// fromLines reads two lines with names, two pairs of label and value, or two bare values.
func fromLines(lines []string) (Pair, bool) {
	if len(lines) == 4 && fieldOf(lines[0]) != 0 && fieldOf(lines[2]) != 0 {
		return fromNames(map[string]string{lines[0]: unquoted(lines[1]), lines[2]: unquoted(lines[3])})
	}
	if len(lines) != 2 {
		return Pair{}, false
	}
	object := map[string]string{}
	for _, line := range lines {
		if at := strings.IndexAny(line, "=:\t"); at > 0 && fieldOf(strings.Trim(line[:at], " ")) != 0 {
			object[strings.Trim(line[:at], " ")] = unquoted(strings.Trim(line[at+1:], " \t"))
		}
	}
	if len(object) == 0 {
		return Pair{lines[0], lines[1]}, true
	}
	return fromNames(object)
}

func unquoted(v string) string {
	if n := len(v); n > 1 && v[0] == v[n-1] && (v[0] == '"' || v[0] == '\'') {
		return v[1 : n-1]
	}
	return v
}

// contains reports whether both values of a pair stand in a text, as they are or in JSON.
func contains(text string, p Pair) bool {
	return strings.Contains(text, p.Key) && strings.Contains(text, p.Secret)
}
