package vendors

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
)

// run is how many secret bytes in a row are too many.
const run = 8

// identifierForm is the only form in which a vendor's id is kept.
var identifierForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,80}$`)

// guard knows how the values of one call may come back. It lives as long as that call.
type guard struct{ forms []string }

// newGuard takes the values as they are and in every encoding an echo is likely to have. base64 is taken at its three
// alignments, since a value usually stands somewhere inside of what was encoded. Of a value that is shorter than a run
// only the value itself is guarded.
func newGuard(values ...string) guard {
	var g guard
	for _, v := range append(values, strings.Join(values, ":")) {
		g.add(v)
		if len(v) < run {
			continue
		}
		g.add(hex.EncodeToString([]byte(v)))
		g.add(url.QueryEscape(v))
		for shift := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + v))
			body := encoded[min(len(encoded), (shift*8+5)/6):]
			g.add(body)
			g.add(strings.NewReplacer("+", "-", "/", "_").Replace(body))
		}
	}
	return g
}

func (g *guard) add(form string) {
	if form != "" {
		g.forms = append(g.forms, strings.ToLower(form))
	}
}

// echoes reports whether s holds 8 or more bytes in a row of a guarded value, or the whole of a shorter one. Case is
// ignored: dropping a harmless id costs less than keeping a harmful one.
func (g guard) echoes(s string) bool {
	s = strings.ToLower(s)
	for _, form := range g.forms {
		width := min(run, len(form))
		for i := 0; i+width <= len(s); i++ {
			if strings.Contains(form, s[i:i+width]) {
				return true
			}
		}
	}
	return false
}

// clean returns an id that may be kept, or "".
func (g guard) clean(s string) string {
	if !identifierForm.MatchString(s) || g.echoes(s) {
		return ""
	}
	return s
}
