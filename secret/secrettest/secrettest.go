// Package secrettest finds secrets where none may be. A leak seldom looks like the secret: it is cut, quoted, counted
// in hex or hidden inside an Authorization header, so Find undoes the usual encodings, twice over, and then looks for
// any eight bytes in a row. It is for tests of every package and imports the standard library alone.
package secrettest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
)

// Run is how many bytes in a row, of a secret or of a secret reversed, make a leak.
const Run = 8

// layers is how many encodings on top of each other are undone.
const layers = 2

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// Canary returns n random letters and digits (at least 16), different on each call, to be used as a secret and searched
// for afterwards.
func Canary(n int) string {
	b := make([]byte, max(n, 16))
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

// Find returns one line for every way in which a run of Run bytes of a needle shows in the haystack: which needle (by
// its place in the arguments, never by its text), how it was encoded and how many such runs there are. Nothing found:
// nil. It looks at the haystack as it is, reversed, and through percent, backslash and HTML escapes, hex, base64 (both
// alphabets, any alignment) and lists of decimal, octal or binary numbers, and any two of these on top of each other.
// A needle shorter than Run panics, since it could never be found.
func Find(haystack []byte, needles ...string) []string {
	l := looker{runs: runsOf(needles), found: map[owner]map[string]int{}}
	level := []seen{{bytes: haystack}}
	l.look(level)
	for range layers {
		level = through(level)
		l.look(level)
	}
	return l.lines()
}

// owner says whose run it is.
type owner struct {
	needle   int
	reversed bool
}

func (o owner) String() string {
	if o.reversed {
		return fmt.Sprintf("needle %d reversed", o.needle)
	}
	return fmt.Sprintf("needle %d", o.needle)
}

func runsOf(needles []string) map[uint64]owner {
	runs := map[uint64]owner{}
	for i, needle := range needles {
		if len(needle) < Run {
			panic(fmt.Sprintf("secrettest: needle %d is shorter than %d bytes", i, Run))
		}
		back := []byte(needle)
		slices.Reverse(back)
		each(back, func(run uint64) { runs[run] = owner{i, true} })
		each([]byte(needle), func(run uint64) { runs[run] = owner{i, false} })
	}
	return runs
}

// each calls f with every run of eight bytes, packed.
func each(b []byte, f func(uint64)) {
	var run uint64
	for i, c := range b {
		run = run<<8 | uint64(c)
		if i >= Run-1 {
			f(run)
		}
	}
}

// seen is the haystack through the views of its path.
type seen struct {
	path  string
	bytes []byte
}

// looker goes level by level; what was found on one level is not reported again from a deeper one.
type looker struct {
	runs  map[uint64]owner
	found map[owner]map[string]int
}

func (l *looker) look(level []seen) {
	fresh := map[owner]map[string]int{}
	for _, s := range level {
		each(s.bytes, func(run uint64) {
			if o, ok := l.runs[run]; ok {
				count(fresh, o, s.path)
			}
		})
	}
	maps.Copy(fresh, l.found)
	l.found = fresh
}

func count(found map[owner]map[string]int, o owner, path string) {
	if found[o] == nil {
		found[o] = map[string]int{}
	}
	found[o][path]++
}

// through returns what the views make of a level, as far as they change anything.
func through(level []seen) (deeper []seen) {
	for _, s := range level {
		for _, v := range views() {
			if b := v.decode(s.bytes); len(b) >= Run && !slices.Equal(b, s.bytes) {
				deeper = append(deeper, seen{s.path + " in " + v.name, b})
			}
		}
	}
	return deeper
}

func (l *looker) lines() (lines []string) {
	for o, paths := range l.found {
		for path, n := range paths {
			lines = append(lines, fmt.Sprintf("%s%s: %d runs of %d bytes", o, path, n, Run))
		}
	}
	slices.Sort(lines)
	return lines
}
