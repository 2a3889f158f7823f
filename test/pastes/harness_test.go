package pastes

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"quarterturn/secret"
	"quarterturn/vendors"
)

// harness hands pastes in at one desk and collects what must not be.
type harness struct {
	*desk
	seed     uint64
	says     vocabulary
	findings []string
	counts   map[string]map[string]int // by class, by what refused it
	canaries map[string]bool           // the first 8 characters of every value that nobody knew before
	before   int64
}

func newHarness(t *testing.T, seed uint64, p plant) *harness {
	t.Helper()
	h := &harness{desk: newDesk(t, p), seed: seed, counts: map[string]map[string]int{}, canaries: map[string]bool{}}
	h.says = readVocabulary(t, h.world)
	h.before = h.version()
	return h
}

func (h *harness) find(p Paste, format string, args ...any) {
	h.findings = append(h.findings, p.Class+": "+fmt.Sprintf(format, args...))
}

// wrong hands in n pastes of a class. Each class has a stream of its own, so that a count decides nothing about another.
func (h *harness) wrong(c Class, n int) {
	g := New(h.seed+hash(c.Name), h.world)
	h.counts[c.Name] = map[string]int{}
	for i := range n {
		p := g.Wrong(c)
		if Wrong(p, c, p.Credential == narrow) == "" {
			h.find(p, "number %d is legal: the generator is wrong", i)
		}
		kind, message := h.submit(p)
		h.counts[c.Name][kind]++
		if !slices.Contains(c.Kinds, kind) {
			h.find(p, "number %d was taken or refused as %q instead of %v", i, kind, c.Kinds)
		}
		if run := h.says.echo(message, p.Text); run != "" {
			h.find(p, "number %d: the message repeats the paste: %q", i, run)
		}
		h.untouched(p, i)
		h.remember(p.Pair)
	}
}

func hash(s string) (n uint64) {
	for _, b := range []byte(s) {
		n = n*131 + uint64(b)
	}
	return n
}

// untouched: nothing was committed to the ledger, and the place is as it was.
func (h *harness) untouched(p Paste, i int) {
	if now := h.version(); now != h.before {
		h.before = now
		h.find(p, "number %d reached the ledger", i)
	}
	if why := h.place(); why != "" {
		h.find(p, "number %d reached the place: %s", i, why)
		h.must(os.WriteFile(h.path("app.env"), h.env, 0o600))
	}
}

// remember keeps what to look for in the files, known pairs aside: those are there for a reason.
func (h *harness) remember(p Pair) {
	w := h.world
	for _, known := range []Pair{w.Current, w.Previous, w.Dead, w.Orphan, w.Elsewhere, w.Neighbour} {
		if p.Key == known.Key || p.Secret == known.Secret {
			return
		}
	}
	for _, v := range []string{p.Key, p.Secret} {
		if len(v) >= 16 {
			h.canaries[v[len(v)-8:]] = true
		}
	}
}

// look lets a pass go over what was left behind, then reads every file for what was pasted.
func (h *harness) look() {
	h.passes(2)
	h.before = h.version()
	if why := h.place(); why != "" {
		h.find(Paste{Class: "all"}, "after a pass: %s", why)
	}
	if r, err := h.rt.Underway(h.t.Context(), main); err != nil || r.State != "awaiting_key" {
		h.find(Paste{Class: "all"}, "the rotation went on to %s", r.State)
	}
	files, err := filepath.Glob(h.path("*"))
	h.must(err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		h.must(err)
		for i := 0; i+8 <= len(content); i++ {
			if h.canaries[string(content[i:i+8])] {
				h.find(Paste{Class: "all"}, "a pasted value stands in %s", filepath.Base(file))
			}
		}
	}
}

// legal hands in n legal pastes, each for a credential that awaits one, at desks of 500: a ledger lists all of its pairs
// for some questions, and no house has thousands of credentials.
func legal(t *testing.T, seed uint64, n int, p plant) (findings []string) {
	t.Helper()
	for from := 0; from < n; from += 500 {
		progress(t, "legal pastes", from)
		for _, f := range legalAt(t, seed+uint64(from), min(500, n-from), p) {
			findings = append(findings, fmt.Sprintf("desk %d: %s", from/500, f))
		}
	}
	return findings
}

func legalAt(t *testing.T, seed uint64, n int, p plant) (findings []string) {
	t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("legal-%05d", i)
	}
	d := newDesk(t, p, names...)
	g := New(seed, d.world)
	for i, name := range names {
		d.await(name)
		paste := g.Right(name)
		if !Legal(paste.Text, paste.Pair) {
			findings = append(findings, fmt.Sprintf("legal %d is not: the generator is wrong", i))
		}
		if kind, message := d.submit(paste); kind != "" {
			findings = append(findings, fmt.Sprintf("legal %d was refused as %s: %s", i, kind, message))
			continue
		}
		kept, err := d.ledger.Pairs(t.Context(), name)
		d.must(err)
		if len(kept) != 1 || len(kept[0].Sealed) == 0 || kept[0].Prints.Compare(d.keys.Prints(material(paste.Pair))) != secret.Equal {
			findings = append(findings, fmt.Sprintf("legal %d: something else was kept", i))
		}
	}
	return findings
}

func progress(t *testing.T, what string, i int) {
	if i > 0 && i%5000 == 0 {
		t.Logf("%s: %d", what, i)
	}
}

// vocabulary is every run of 4 characters in what the product can say by itself.
type vocabulary map[string]bool

// readVocabulary takes the string literals of the packages that refuse pastes, and the names of this world.
func readVocabulary(t *testing.T, w World) vocabulary {
	t.Helper()
	v := vocabulary{}
	for _, folder := range []string{"intake", "vendors", "rotator"} {
		files, err := filepath.Glob("../../" + folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal("no source of ", folder, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				v.literals(t, file)
			}
		}
	}
	for _, own := range []string{w.Credential, w.Narrow, w.Environment, w.Organisation, w.Names[0], w.Names[1], "elsewhere (sandbox)",
		"neighbour", "2026-03-02", "awaiting_key", " BLUUM_API_KEY: ", " BLUUM_API_SECRET: ", " key: longer", " secret: longer", " key: shorter", " secret: shorter"} {
		v.learn(own)
	}
	return v
}

func (v vocabulary) literals(t *testing.T, file string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				v.learn(text)
			}
		}
		return true
	})
}

func (v vocabulary) learn(text string) {
	for i := 0; i+4 <= len(text); i++ {
		v[text[i:i+4]] = true
	}
}

// echo finds in a message 4 characters in a row of the paste that are not the product's own words, the
// Unicode names of what the paste has strange characters of, or a number. "" is none.
func (v vocabulary) echo(message, paste string) string {
	for i := 0; i+4 <= len(message); i++ {
		run := message[i : i+4]
		if v[run] || !strings.Contains(paste, run) || strings.Trim(run, "0123456789 ,:-") == "" {
			continue
		}
		if !named(run, paste) {
			return run
		}
	}
	return ""
}

// named reports whether a run stands in the name of a character that the paste has.
func named(run, paste string) bool {
	for _, r := range paste {
		if (r > unicode.MaxASCII || r < ' ' || r == 0x7f || unicode.IsPunct(r)) && strings.Contains(vendors.CharacterName(r), run) {
			return true
		}
	}
	return false
}
