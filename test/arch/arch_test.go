package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the module's folder, seen from this package.
const root = "../.."

// TestImports holds docs/design.md section 5 against the tree.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, v := range violations(p) {
			t.Error(v)
		}
	}
}

// TestLibraries holds that every library the tree imports was chosen with a reason.
func TestLibraries(t *testing.T) {
	chosen, err := os.ReadFile(filepath.Join(root, "docs/decisions/0001-decisions-and-few-libraries.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages(t) {
		for _, imported := range slices.Concat(p.imports, p.testImports) {
			if !documented(string(chosen), imported) {
				t.Errorf("%s imports %s: name its module with the reason in docs/decisions/0001-...", p.folder, imported)
			}
		}
	}
}

// documented reports whether an import needs no reason or its module stands in the text as `module`.
func documented(text, imported string) bool {
	if _, own := ownFolder(imported); own || standard(imported) {
		return true
	}
	for path := imported; path != "."; path = filepath.ToSlash(filepath.Dir(path)) {
		if strings.Contains(text, "`"+path+"`") {
			return true
		}
	}
	return false
}

// goList asks the go command once for the whole module.
var goList = sync.OnceValues(func() ([]byte, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports,TestImports,XTestImports,IgnoredGoFiles", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = fmt.Errorf("go list: %w\n%s", err, exit.Stderr)
	}
	return out, err
})

// packages lists the tree as the go command sees it, with the imports of files that other build tags would add.
func packages(t *testing.T) []pkg {
	t.Helper()
	sources(t) // go test's cache knows the files this process opens, not those that go list does
	out, err := goList()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, l.pkg(t))
	}
	if len(all) < 5 {
		t.Fatalf("go list found %d packages: the test looks at the wrong folder", len(all))
	}
	return all
}

type listed struct {
	ImportPath, Dir                                    string
	Imports, TestImports, XTestImports, IgnoredGoFiles []string
}

func (l listed) pkg(t *testing.T) pkg {
	t.Helper()
	p := pkg{folder: strings.TrimPrefix(l.ImportPath, module+"/"), imports: l.Imports}
	p.testImports = slices.Concat(l.TestImports, l.XTestImports)
	for _, name := range l.IgnoredGoFiles {
		more := importsOf(t, filepath.Join(l.Dir, name))
		if strings.HasSuffix(name, "_test.go") {
			p.testImports = append(p.testImports, more...)
		} else {
			p.imports = append(p.imports, more...)
		}
	}
	return p
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, path)
	}
	return out
}
