package sim

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// readEnv reads a .env file the way a service does: KEY=value with an optional export, # comments, 'literal' and
// "escaped" values that may span lines; the last of several equal names counts. Errors name the line, never its text.
func readEnv(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.New("sim: the .env file can't be read; the service is down")
	}
	return parseEnv(string(b))
}

func parseEnv(text string) (map[string]string, error) {
	all := strings.TrimPrefix(text, "\ufeff")
	entries := map[string]string{}
	for rest := all; rest != ""; {
		name, value, after, ok := nextEntry(rest)
		if !ok {
			line := strings.Count(all[:len(all)-len(rest)], "\n") + 1
			return nil, fmt.Errorf("sim: line %d of the .env file is not KEY=value; the service is down", line)
		}
		if name != "" {
			entries[name] = value
		}
		rest = after
	}
	return entries, nil
}

// nextEntry takes one entry, or with an empty name one blank or comment line.
func nextEntry(text string) (name, value, rest string, ok bool) {
	line, rest, _ := strings.Cut(text, "\n")
	if bare := strings.TrimSpace(line); bare == "" || bare[0] == '#' {
		return "", "", rest, true
	}
	left, _, found := strings.Cut(line, "=")
	name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(left), "export "))
	if !found || name == "" || strings.ContainsAny(name, " \t\"'") {
		return "", "", "", false
	}
	value, rest, ok = nextValue(text[len(left)+1:])
	return name, value, rest, ok
}

func nextValue(text string) (value, rest string, ok bool) {
	if led := strings.TrimLeft(text, " \t"); led != "" && (led[0] == '\'' || led[0] == '"') {
		return quoted(led[1:], led[0])
	}
	line, rest, _ := strings.Cut(text, "\n")
	line, _, _ = strings.Cut(line, " #")
	return strings.TrimSpace(line), rest, true
}

// quoted reads up to the closing quote; only a comment may follow it on its line.
func quoted(text string, quote byte) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			tail, rest, _ := strings.Cut(text[i+1:], "\n")
			tail = strings.TrimSpace(tail)
			return b.String(), rest, tail == "" || tail[0] == '#'
		case c == '\\' && quote == '"' && i+1 < len(text):
			i++
			b.WriteString(unescaped(text[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func unescaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$':
		return string(c)
	}
	return `\` + string(c)
}
