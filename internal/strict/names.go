package strict

import (
	"fmt"
	"regexp"
	"strings"
)

// hiddenName stands for a field name that does not look like one, since it may be a misplaced secret.
const hiddenName = "(hidden)"

// identifier is words of up to 19 letters and digits with separators between: an access key id is one run of 20.
var identifier = regexp.MustCompile(`^[A-Za-z0-9]{0,19}([_.-][A-Za-z0-9]{0,19})*$`)

// ShowName is name if it looks like something a person would call a field, else "(hidden)": up to 40 letters, digits
// and _ - . with no long unbroken run, few digits, and few changes between letters and digits, which keys are full of.
func ShowName(name string) string {
	if name == "" || len(name) > 40 || !identifier.MatchString(name) {
		return hiddenName
	}
	digits, turns := 0, 0
	for i := range len(name) {
		if isDigit(name[i]) {
			digits++
		}
		if i > 0 && isDigit(name[i]) != isDigit(name[i-1]) {
			turns++
		}
	}
	if digits > 8 || turns > 6 {
		return hiddenName
	}
	return name
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Field renders a path of string keys and int indexes, e.g. "credentials[0].places[1].name".
func Field(path ...any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(ShowName(step))
		}
	}
	return b.String()
}

// Nearest is the known name at most two edits, and half its length, away from name; "" when there is none. What it
// returns is always one of known.
func Nearest(name string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d < distance && 2*d <= len(k) {
			best, distance = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance over bytes, one row at a time.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
