package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"quarterturn/internal/sim"
	"quarterturn/secret/secrettest"
)

// The leak harness (I-18). A story runs with canaries for keys, everything that leaves the program is written into a book
// by surface, and at the end the book is read by both detectors of secrettest with that story's canaries.
//
// Every feature extends it. A new way out of the program is a new surface: a constant here, its bytes given to
// leakBook.take where they leave (leakWorld for a story in this process, tracedRun for the real program), and a plant that
// shows it is read (leakPlants). A new command is a line of leakTour; TestLeakTourIsWhole fails without.

type surface string

const (
	outText   surface = "output, text"
	outJSON   surface = "output, JSON"
	outErr    surface = "error output"
	outLog    surface = "log lines, every level"
	inLedger  surface = "ledger and its log"
	inFiles   surface = "other files"
	inTemp    surface = "temporary files"
	onTrail   surface = "trail, words, calls"
	toVendor  surface = "HTTP to the vendor"
	toService surface = "HTTP to the service"
	toPeople  surface = "webhook, Slack, mail"
	inErrors  surface = "errors as %v %+v %#v"
	onStack   surface = "stacks and panics"
	inChild   surface = "children: cmdline, environ"
	inSelf    surface = "/proc/self: cmdline, environ"
	onScreen  surface = "terminal"
	toKernel  surface = "system calls"
	execs     surface = "system calls: execve"
	paths     surface = "system calls: paths"

	// Where a pair must be: what is not seen here shows that the harness is blind.
	ownHeader surface = "(Authorization header)"
	ownFile   surface = "(.env file)"
)

func (s surface) own() bool { return strings.HasPrefix(string(s), "(") }

// leakBook is what left the program in one story. Safe for concurrent use.
type leakBook struct {
	mu    sync.Mutex
	pages map[surface]*bytes.Buffer
}

func newLeakBook() *leakBook { return &leakBook{pages: map[surface]*bytes.Buffer{}} }

func (b *leakBook) take(on surface, text []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pages[on] == nil {
		b.pages[on] = &bytes.Buffer{}
	}
	b.pages[on].Write(text)
	b.pages[on].WriteByte('\n')
}

// writer gives what is written to it to a surface, as the pieces come.
func (b *leakBook) writer(on surface) leakWriter { return leakWriter{b, on} }

type leakWriter struct {
	book *leakBook
	on   surface
}

func (w leakWriter) Write(p []byte) (int, error) {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	if w.book.pages[w.on] == nil {
		w.book.pages[w.on] = &bytes.Buffer{}
	}
	return w.book.pages[w.on].Write(p)
}

// sweep takes every file below dir. A .env file is where a pair belongs; its neighbours are not.
func (b *leakBook) sweep(dir string, on surface) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went away meanwhile
		}
		if err != nil {
			return err
		}
		b.take(on, []byte(d.Name()))
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		b.take(leakPage(d.Name(), on), text)
		return err
	})
}

func leakPage(name string, otherwise surface) surface {
	switch {
	case strings.HasSuffix(name, ".env") && !strings.HasPrefix(name, "."):
		return ownFile
	case strings.Contains(name, ".db"):
		return inLedger
	case name == childrenFile:
		return inChild
	}
	return otherwise
}

// leakFinding is one canary seen on one surface.
type leakFinding struct {
	On   surface
	What string
}

func (f leakFinding) String() string { return fmt.Sprintf("I-18: in %s: %s", f.On, f.What) }

// leakCount is what reading books came to.
type leakCount struct {
	Bytes    map[surface]int
	Findings []leakFinding
	Own      int // canaries seen where they belong
}

func (c *leakCount) add(o leakCount) {
	if c.Bytes == nil {
		c.Bytes = map[surface]int{}
	}
	for on, n := range o.Bytes {
		c.Bytes[on] += n
	}
	c.Findings = append(c.Findings, o.Findings...)
	c.Own += o.Own
}

// table is what is printed at the end.
func (c *leakCount) table() string {
	hits := map[surface]int{}
	for _, f := range c.Findings {
		hits[f.On]++
	}
	var b strings.Builder
	for _, on := range slices.Sorted(maps.Keys(c.Bytes)) {
		note := fmt.Sprintf("%d hits", hits[on])
		if on.own() {
			note = "where pairs belong: seen, as they must be"
		}
		fmt.Fprintf(&b, "  %-30s %12.1f KB   %s\n", on, float64(c.Bytes[on])/1000, note)
	}
	fmt.Fprintf(&b, "  %d encodings; canaries seen where they belong: %d; hits elsewhere: %d\n", len(secrettest.Encodings()), c.Own, len(c.Findings))
	return b.String()
}

// canaries are what must not be seen of pairs: what is secret of each key, each secret, and both as a header joins them.
func canaries(pairs []sim.Shown) (all []secrettest.Secret) {
	for i, p := range pairs {
		if p.ID == "" {
			continue
		}
		key := p.Key[strings.Index(p.Key, "_")+1:] // the prefix is published
		name := fmt.Sprintf("pair %d's ", i)
		all = append(all, secrettest.Secret{Name: name + "key", Text: key}, secrettest.Secret{Name: name + "secret", Text: p.Secret},
			secrettest.Secret{Name: name + "joined pair", Text: key[len(key)-7:] + ":" + p.Secret[:7]})
	}
	return all
}

// read looks for pairs on every page. Find, which decodes, is the slower of the two by far: it reads what people and other
// machines are told, and no files.
func (b *leakBook) read(pairs []sim.Shown) leakCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := leakCount{Bytes: map[surface]int{}}
	known := canaries(pairs)
	scanner := secrettest.NewScanner(known...)
	for on, page := range b.pages {
		c.Bytes[on] += page.Len()
		hits := scanner.Find(page.Bytes())
		if on.own() {
			c.Own += owned(hits)
			continue
		}
		for _, h := range hits {
			c.Findings = append(c.Findings, leakFinding{on, h.String() + leakTarget(page.Bytes(), h.At)})
		}
		if len(hits) == 0 && !slices.Contains([]surface{inLedger, inFiles, inTemp, toKernel, onStack}, on) {
			c.Findings = append(c.Findings, decoded(on, page.Bytes(), known)...)
		}
	}
	slices.SortFunc(c.Findings, func(a, b leakFinding) int { return cmp.Compare(a.String(), b.String()) })
	return c
}

// targetMark begins a line that says where the bytes after it went.
const targetMark = "\x01to "

// leakTarget names where the bytes at an offset went, where the page says so.
func leakTarget(page []byte, at int) string {
	if at > len(page) {
		return ""
	}
	i := bytes.LastIndex(page[:at], []byte(targetMark))
	if i < 0 {
		return ""
	}
	line, _, _ := bytes.Cut(page[i+len(targetMark):], []byte("\n"))
	return " (" + string(line) + ")"
}

// owned counts the canaries among hits.
func owned(hits []secrettest.Hit) int {
	names := map[string]bool{}
	for _, h := range hits {
		names[h.Name] = true
	}
	return len(names)
}

func decoded(on surface, text []byte, known []secrettest.Secret) (all []leakFinding) {
	var needles []string
	for _, s := range known {
		needles = append(needles, s.Text)
	}
	for _, line := range secrettest.Find(text, needles...) {
		all = append(all, leakFinding{on, "decoded: " + line})
	}
	return all
}
