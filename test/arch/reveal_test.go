package arch

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReveal holds the reviewed list of functions through which a secret's bytes leave secret.Value.
func TestReveal(t *testing.T) {
	text, err := os.ReadFile("testdata/reveal.txt")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, s := range sources(t) {
		if !s.tests && !in(suites...)(s.folder()) {
			maps.Copy(found, reveals(s))
		}
	}
	report(t, unreviewed(string(text), found))
}

// reveals maps "folder Function" to where it mentions Reveal, called or not.
func reveals(s source) map[string]string {
	out := map[string]string{}
	for _, d := range s.file.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Reveal" {
				out[s.folder()+" "+declared(d)] = s.at(sel)
			}
			return true
		})
	}
	return out
}

func declared(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok {
		return "(a variable)"
	}
	if f.Recv == nil {
		return f.Name.Name
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	return fmt.Sprintf("%s.%s", t, f.Name.Name)
}

// unreviewed compares the list ("folder Function: why" a line, # comments) with the tree, both ways.
func unreviewed(text string, found map[string]string) []string {
	listed := map[string]bool{}
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		caller, why, _ := strings.Cut(line, ": ")
		listed[caller] = true
		if why == "" {
			out = append(out, caller+" is listed in testdata/reveal.txt without a reason")
		}
		if found[caller] == "" {
			out = append(out, caller+" is listed in testdata/reveal.txt and reveals nothing: delete its line")
		}
	}
	for _, caller := range slices.Sorted(maps.Keys(found)) {
		if !listed[caller] {
			out = append(out, fmt.Sprintf("%s: %s reveals a secret: is this a way out to a store, a vendor or a seal? "+
				"Then list it with its reason in testdata/reveal.txt", found[caller], caller))
		}
	}
	return out
}

func TestRevealCanFail(t *testing.T) {
	const called = "func (t *T) Put() { _ = t.v.Reveal() }"
	for name, tc := range map[string]struct{ list, body, want string }{
		"listed":     {"x T.Put: leaves for the store", called, ""},
		"not listed": {"# nothing yet", called, "x T.Put reveals a secret"},
		"as a value": {"", "func g(v V) func() string { return v.Reveal }", "x g reveals a secret"},
		"variable":   {"", "var f = v.Reveal()", "x (a variable) reveals a secret"},
		"no reason":  {"x T.Put", called, "without a reason"},
		"stale":      {"x T.Put: leaves for the store", "", "delete its line"},
	} {
		found := reveals(parse(t, "x/x.go", "package x\n"+tc.body+"\n"))
		expect(t, name, unreviewed(tc.list, found), tc.want)
	}
}
