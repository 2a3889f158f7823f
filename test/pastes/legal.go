package pastes

import (
	"fmt"
	"strings"
)

// Right draws a legal pair in one of the forms that are taken, with what may stand around it.
func (g *Gen) Right(credential string) Paste {
	p := Pair{Key: g.value(true), Secret: g.value(false)}
	return Paste{Class: "legal", Credential: credential, Pair: p, Text: g.dressed(p)}
}

// value is as long as the profile allows, or as vendors make them, in one of the alphabets of profiles.
func (g *Gen) value(key bool) string {
	n := 12 + g.IntN(60)
	switch g.IntN(8) {
	case 0:
		n = 8 + g.IntN(505)
	case 1:
		n = 512
	}
	v := g.draw(g.one(printable, printable, letters+digits, hex, base64, base64url), n)
	if key {
		v = strings.ReplaceAll(v, ":", "_")
	}
	if key && n > 30 && n < 500 && g.IntN(3) == 0 {
		v = "test_bluum_" + v
	}
	return v
}

// dressed adds what is taken off and said.
func (g *Gen) dressed(p Pair) string {
	text := g.form(p)
	switch g.IntN(8) {
	case 0:
		text = p.Key + "\n" + p.Secret + "\n"
	case 1:
		text = "\uFEFF" + text
	case 2:
		text = "  " + strings.TrimRight(text, "\n") + "  \n\n"
	case 3:
		if strings.Contains(p.Key, `\`) {
			break // in double quotes a backslash may be meant as an escape
		}
		text = fmt.Sprintf("# from the portal\n%s=\"%s\"\n%s='%s'\n", g.W.Names[0], p.Key, g.W.Names[1], p.Secret)
	case 4:
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	return text
}
