// Package pastes makes wrong pastes by the class, and legal ones, for the harness beside it: what people hand in when a
// key was copied badly. Whether a paste is wrong is judged a second time, by an oracle that shares no code with the
// intake: a generator that made a legal one would count as a find of its own.
package pastes

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Pair is one key as its vendor shows it.
type Pair struct{ Key, Secret string }

// World is what the ledger already knows when a paste comes in.
type World struct {
	Credential   string
	Environment  string
	Organisation string
	Current      Pair
	Previous     Pair
	Dead         Pair
	Orphan       Pair
	Elsewhere    Pair // in use in another environment
	Neighbour    Pair // in use by another credential of the same environment
	Names        [2]string
	Narrow       string // a credential whose profile allows hexadecimal digits in both fields only
}

// Paste is one thing that a person hands in.
type Paste struct {
	Class        string
	Credential   string
	Text         string
	Pair         Pair   // as it was meant; zero where nothing was
	Environment  string // what the person says the portal showed, "" for nothing
	Organisation string
}

// Class is one way to be wrong.
type Class struct {
	Name  string
	Kinds []string             // what may refuse it, e.g. "look_alike"
	Rare  bool                 // long ones: a hundredth of the others
	Make  func(g *Gen) string  // the text; g.Pair is what was meant
	Why   func(p Paste) string // why it is wrong although its form is legal, "" when it is not; nil: its form is not
}

// Gen draws pastes. Two of the same seed draw the same.
type Gen struct {
	*rand.Rand
	W     World
	Pair  Pair
	paste Paste
}

// New is a generator for one world.
func New(seed uint64, w World) *Gen { return &Gen{Rand: rand.New(rand.NewPCG(seed, 4)), W: w} }

// Wrong draws one paste of a class.
func (g *Gen) Wrong(c Class) Paste {
	g.fresh(16, 48)
	g.paste = Paste{Class: c.Name, Credential: g.W.Credential}
	g.paste.Text = c.Make(g)
	g.paste.Pair = g.Pair
	return g.paste
}

// alphabets are those of vendor profiles; "printable" is the widest.
const (
	letters   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits    = "0123456789"
	hex       = "0123456789abcdef"
	base64url = letters + digits + "-_"
	base64    = letters + digits + "+/"
	printable = letters + digits + "!#$%&()*+,-./:;<=>?@[]^_{|}~\\"
)

func (g *Gen) draw(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

// fresh is a pair nobody has seen, of letters and digits: what is wrong with it comes later.
func (g *Gen) fresh(low, high int) {
	alphabet := g.one(letters+digits, hex, base64url)
	g.Pair = Pair{Key: "k" + g.draw(alphabet, low+g.IntN(high-low)), Secret: "s" + g.draw(alphabet, low+g.IntN(high-low))}
	if g.IntN(3) == 0 {
		g.Pair.Key = "test_bluum_" + g.Pair.Key
	}
}

func (g *Gen) one(of ...string) string { return of[g.IntN(len(of))] }

// form writes a pair down in one of the ways that are taken.
func (g *Gen) form(p Pair) string {
	switch n := g.W.Names; g.IntN(5) {
	case 0:
		return fmt.Sprintf("%s=%s\n%s=%s\n", n[0], p.Key, n[1], p.Secret)
	case 1:
		return fmt.Sprintf("API secret: %s\r\nAPI key: %s\r\n", p.Secret, p.Key)
	case 2:
		return fmt.Sprintf(`{"key": %s, "secret": %s}`, quoted(p.Key), quoted(p.Secret))
	case 3:
		return fmt.Sprintf("API key\n%s\n\nAPI secret\n%s\n", p.Key, p.Secret)
	}
	return fmt.Sprintf("key=%s\nsecret=%s", p.Key, p.Secret)
}

// lines is a form without JSON, where quotes and escapes would be something else.
func (g *Gen) lines(p Pair) string {
	for {
		if text := g.form(p); !strings.HasPrefix(text, "{") {
			return text
		}
	}
}

// quoted is a JSON string.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\x1b", `\u001b`, "\x7f", `\u007f`).Replace(s) + `"`
}

// either changes the key or the secret.
func (g *Gen) either(f func(string) string) Pair {
	p := g.Pair
	if g.IntN(2) == 0 {
		p.Key = f(p.Key)
		return p
	}
	p.Secret = f(p.Secret)
	return p
}

// inside puts something behind the first character, before the last, or anywhere between.
func (g *Gen) inside(what string) func(string) string {
	return func(v string) string { at := 1 + g.IntN(len(v)-1); return v[:at] + what + v[at:] }
}

// instead puts something in place of the whole value.
func instead(what string) func(string) string { return func(string) string { return what } }
