package secret_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const callersFile = "testdata/reveal-callers.txt"

// TestRevealCallersAreReviewed holds the list of functions that may see a secret's bytes: a new one needs a line with a
// reason, one that is gone loses its line.
func TestRevealCallersAreReviewed(t *testing.T) {
	list, err := os.ReadFile(callersFile)
	if err != nil {
		t.Fatal(err)
	}
	callers := revealCallers(t, "..")
	if len(callers) < 5 {
		t.Fatalf("only %d callers found: the test looks at the wrong folder", len(callers))
	}
	for _, problem := range review(string(list), callers) {
		t.Error(problem)
	}
}

func TestReviewSeesEveryChange(t *testing.T) {
	const known = "store/put.go Place.Put  # to the store"
	for name, tc := range map[string]struct {
		list, file, code string
		want             []string
	}{
		"reviewed":     {known, "store/put.go", "func (p *Place) Put() { use(p.v.Reveal()) }", nil},
		"without star": {known, "store/put.go", "func (p Place) Put() { use(p.v.Reveal()) }", nil},
		"generic":      {known, "store/put.go", "func (p *Place[T]) Put() { use(p.v.Reveal()) }", nil},
		"in a closure": {known, "store/put.go", "func (p Place) Put() { go func() { use(p.m[\"a\"].Reveal()) }() }", nil},
		"in a comment": {"# " + known, "store/put.go", "func (p Place) Put() { /* p.v.Reveal() */ }", nil},
		"in a test":    {"", "store/put_test.go", "func TestX() { use(v.Reveal()) }", nil},
		"in test data": {"", "store/testdata/put.go", "func x() { use(v.Reveal()) }", nil},
		"other module": {"", "other/put.go", "func x() { use(v.Reveal()) }", nil},
		"new caller":   {"", "store/put.go", "func put() { use(v.Reveal()) }", []string{unreviewed("store/put.go put")}},
		"not called":   {"", "store/put.go", "func put() { use(v.Reveal) }", []string{unreviewed("store/put.go put")}},
		"by type":      {"", "store/put.go", "func put() { use(secret.Value.Reveal) }", []string{unreviewed("store/put.go put")}},
		"variable":     {"", "store/put.go", "var s = v.Reveal()", []string{unreviewed("store/put.go (outside functions)")}},
		"moved": {known, "store/other.go", "func (p Place) Put() { use(p.v.Reveal()) }",
			[]string{stale("store/put.go Place.Put"), unreviewed("store/other.go Place.Put")}},
		"gone":      {known, "store/put.go", "func (p Place) Put() {}", []string{stale("store/put.go Place.Put")}},
		"no reason": {"store/put.go put", "store/put.go", "func put() { use(v.Reveal()) }", []string{unreasoned("store/put.go put")}},
		"empty reason": {"store/put.go put  #  ", "store/put.go", "func put() { use(v.Reveal()) }",
			[]string{unreasoned("store/put.go put")}},
		"listed twice": {known + "\n" + known, "store/put.go", "func (p Place) Put() { use(p.v.Reveal()) }",
			[]string{callersFile + ": listed twice: store/put.go Place.Put"}},
	} {
		root := t.TempDir()
		plant(t, root, "other/go.mod", "module other\n")
		plant(t, root, tc.file, "package p\n"+tc.code+"\n")
		if got := review(tc.list, revealCallers(t, root)); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func plant(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func unreviewed(caller string) string {
	return fmt.Sprintf("%s: a new caller of Reveal; if the bytes must leave there, add: %s  # <why, and where they go>", callersFile, caller)
}

func stale(caller string) string {
	return fmt.Sprintf("%s: it no longer calls Reveal; delete the line of: %s", callersFile, caller)
}

func unreasoned(caller string) string {
	return fmt.Sprintf("%s: without a reason: %s", callersFile, caller)
}

// review compares the list, "path function  # reason" a line, with the callers, both ways.
func review(list string, callers map[string]bool) (problems []string) {
	listed := map[string]bool{}
	for line := range strings.Lines(list) {
		caller, reason, _ := strings.Cut(line, "#")
		caller, reason = strings.TrimSpace(caller), strings.TrimSpace(reason)
		switch {
		case caller == "":
		case listed[caller]:
			problems = append(problems, callersFile+": listed twice: "+caller)
		case !callers[caller]:
			problems = append(problems, stale(caller))
		case reason == "":
			problems = append(problems, unreasoned(caller))
		}
		listed[caller] = true
	}
	for _, caller := range slices.Sorted(maps.Keys(callers)) {
		if !listed[caller] {
			problems = append(problems, unreviewed(caller))
		}
	}
	return problems
}

// revealCallers returns "path function" for everything in the module outside tests that mentions a selector Reveal:
// called or handed on as a function.
func revealCallers(t *testing.T, root string) map[string]bool {
	t.Helper()
	callers := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && notOurs(path, d.Name()):
			return filepath.SkipDir
		case d.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		for _, d := range file.Decls {
			if mentionsReveal(d) {
				callers[filepath.ToSlash(rel)+" "+functionName(d)] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return callers
}

// notOurs are folders that the go command leaves out of this module.
func notOurs(path, name string) bool {
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil || name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func mentionsReveal(d ast.Decl) (found bool) {
	ast.Inspect(d, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		found = found || ok && selector.Sel.Name == "Reveal"
		return !found
	})
	return found
}

func functionName(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	switch {
	case !ok:
		return "(outside functions)"
	case f.Recv == nil:
		return f.Name.Name
	}
	return typeName(f.Recv.List[0].Type) + "." + f.Name.Name
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}
