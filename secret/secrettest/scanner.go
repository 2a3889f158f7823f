package secrettest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Secret is something to be looked for: its name is what a hit says, never its text.
type Secret struct{ Name, Text string }

// Hit is a secret seen somewhere: whose, in which encoding, and where it began (in bytes of what was scanned; of the
// squeezed or inflated text where Encoding says so).
type Hit struct {
	Name, Encoding string
	At             int
}

// String never holds a byte of the secret.
func (h Hit) String() string { return fmt.Sprintf("%s as %s, from byte %d", h.Name, h.Encoding, h.At) }

// Scanner finds every run of Run bytes of its secrets in any of the encodings of Encodings, in hundreds of megabytes a
// minute. It goes the other way than Find: it writes each run in each encoding and looks for that. The two share nothing
// but the meaning of Run, so that what one was written to overlook, the other sees. Safe for concurrent use.
type Scanner struct {
	filter   []uint64 // one bit for each hash of a pattern's first eight bytes
	patterns map[uint64][]pattern
	longest  int
}

type pattern struct {
	rest     string // after its first eight bytes
	name     string
	encoding string
}

const (
	head       = 8  // bytes of a pattern that choose it
	filterBits = 20 // 128 KiB, which stays in a cache
)

// NewScanner writes down what to look for. A secret shorter than Run panics, since it could never be found.
func NewScanner(secrets ...Secret) *Scanner {
	s := &Scanner{filter: make([]uint64, 1<<filterBits/64), patterns: map[uint64][]pattern{}}
	all := spellings()
	for _, secret := range secrets {
		if len(secret.Text) < Run {
			panic(fmt.Sprintf("secrettest: %s is shorter than %d bytes", secret.Name, Run))
		}
		for i := 0; i+Run <= len(secret.Text); i++ {
			s.addRun(secret.Name, secret.Text[i:i+Run], all)
		}
	}
	return s
}

func (s *Scanner) addRun(name, run string, all []spelling) {
	seen := map[string]bool{}
	for _, sp := range all {
		for _, text := range sp.write(run) {
			if !seen[text] {
				seen[text] = true
				s.add(text, name, sp.name)
			}
		}
	}
}

func (s *Scanner) add(text, name, encoding string) {
	if len(text) < head {
		panic("secrettest: " + encoding + " makes a pattern that is too short to be looked for")
	}
	key := binary.LittleEndian.Uint64([]byte(text[:head]))
	h := hash(key)
	s.filter[h>>6] |= 1 << (h & 63)
	s.patterns[key] = append(s.patterns[key], pattern{text[head:], name, encoding})
	s.longest = max(s.longest, len(text))
}

func hash(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> (64 - filterBits) }

// Find returns one hit for each secret and encoding: the first. It looks at the bytes as they are, at the bytes without
// what printers and line breaks put between (white space, NUL, quotes, commas, brackets and the like), and at both
// inside every gzip, zlib or bare deflate stream that begins in b.
func (s *Scanner) Find(b []byte) []Hit {
	found := hits{}
	s.views(b, "", found, depth)
	return found.sorted()
}

// depth is how many layers of compression are undone.
const depth = 2

func (s *Scanner) views(b []byte, path string, found hits, deeper int) {
	s.match(b, path, found)
	if squeezed := squeeze(b); len(squeezed) < len(b) {
		also := hits{}
		s.match(squeezed, path, also)
		found.add(also)
	}
	if deeper == 0 {
		return
	}
	inflate(b, func(kind string, plain []byte) { s.views(plain, path+" in "+kind, found, deeper-1) })
}

func (s *Scanner) match(b []byte, path string, found hits) {
	for i := 0; i+head <= len(b); i++ {
		key := binary.LittleEndian.Uint64(b[i:])
		h := hash(key)
		if s.filter[h>>6]>>(h&63)&1 == 0 {
			continue
		}
		for _, p := range s.patterns[key] {
			if rest := b[i+head:]; len(rest) >= len(p.rest) && string(rest[:len(p.rest)]) == p.rest {
				found.note(Hit{p.name, p.encoding + path, i})
			}
		}
	}
}

// hits keeps the first of each name and encoding.
type hits map[[2]string]int

func (f hits) note(h Hit) {
	key := [2]string{h.Name, h.Encoding}
	if at, seen := f[key]; !seen || h.At < at {
		f[key] = h.At
	}
}

// add notes what only the squeezed text showed.
func (f hits) add(squeezed hits) {
	for key, at := range squeezed {
		if _, seen := f[key]; !seen {
			f.note(Hit{key[0], key[1] + " squeezed", at})
		}
	}
}

func (f hits) sorted() []Hit {
	var all []Hit
	for key, at := range f {
		all = append(all, Hit{key[0], key[1], at})
	}
	slices.SortFunc(all, func(a, b Hit) int { return strings.Compare(a.Name+a.Encoding, b.Name+b.Encoding) })
	return all
}

// Stream scans what is written to it in pieces; a run that is cut by the end of one is found.
type Stream struct {
	s     *Scanner
	found hits
	buf   []byte
	gone  int // bytes before buf
}

// A compressed stream is inflated as far as it lies within one piece of chunk bytes; overlap of them are looked at again.
const (
	chunk   = 4 << 20
	overlap = 64 << 10
)

// Stream begins one.
func (s *Scanner) Stream() *Stream { return &Stream{s: s, found: hits{}} }

// Write never fails.
func (w *Stream) Write(b []byte) (int, error) {
	w.buf = append(w.buf, b...)
	for len(w.buf) >= chunk {
		w.scan(w.buf[:chunk])
		w.gone += chunk - overlap
		w.buf = append(w.buf[:0], w.buf[chunk-overlap:]...)
	}
	return len(b), nil
}

func (w *Stream) scan(b []byte) {
	for _, h := range w.s.Find(b) {
		h.At += w.gone
		w.found.note(h)
	}
}

// Hits ends it and returns what Find would have returned for all of it.
func (w *Stream) Hits() []Hit {
	w.scan(w.buf)
	w.gone, w.buf = w.gone+len(w.buf), nil
	return w.found.sorted()
}
