// Package fuzz holds that every parser of text from outside has a fuzz target beside it. It has tests only; make fuzz
// runs the targets.
package fuzz

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// parserNames is how functions that take text apart are called here.
var parserNames = regexp.MustCompile(`^(?i:parse|decode|read|load|unmarshal)([A-Z]\w*)?$`)

// otherwise lists parsers that are called something else.
func otherwise() []string {
	return []string{"cicd/httpproof lookup", "cicd/httpproof alike", "policies Creation", "notify Answered", "vendors pick",
		"cmd/quarterturn span", "cmd/quarterturn list", "intake ReadPart", "secret NewOpen", "vendors Shape",
		"vendors retryAfter", "internal/sim resume"}
}

// spared maps parsers without a target of their own to why.
func spared() map[string]string {
	return map[string]string{
		"intake ReadPaste":              "it limits what Parse then reads",
		"intake parse":                  "what Parse and ReadPart call",
		"secret UnmarshalJSON":          "it refuses everything",
		"secret UnmarshalText":          "it refuses everything",
		"internal/sim load":             "it starts a service with what readEnv read",
		"internal/strict Load":          "it refuses everything",
		"intake readObject":             "a part of Parse",
		"secret LoadKeys":               "it checks the file, and ParseKeys reads it",
		"secret ReadFile":               "it checks the file, and takes every text",
		"secret parseKey":               "a part of ParseKeys",
		"secret decodeField":            "a part of Decode",
		"secret decodeString":           "a part of Decode",
		"cicd/httpproof read":           "lookup, then secret.ParseReport: each has a target",
		"backends/dotenv Read":          "it opens the file, and parse reads it",
		"internal/config decode":        "a part of Load",
		"internal/config parse":         "a part of Load",
		"internal/config read":          "a part of Load",
		"internal/sim readEnv":          "it opens the file, and parseEnv reads it",
		"cmd/quarterturn readList":      "it opens the file, and list reads it",
		"cmd/quarterturn readKeyFile":   "it limits what secret.ParseKeys then reads",
		"internal/httpx readAll":        "it limits an answer and takes it as it is",
		"rotator read":                  "it asks a place, and no text is taken apart",
		"rotator readBack":              "it asks the ledger, and secret's seal takes the text apart",
		"internal/crashtest Read":       "test code",
		"internal/strict UnmarshalYAML": "ParseDuration behind a node of the YAML library",
	}
}

// folder is one package as its files say it.
type folder struct {
	parsers map[string]bool
	fuzzed  map[string]bool // every name that stands in a file with a fuzz target
	targets []string
}

func TestEveryParserHasATarget(t *testing.T) {
	folders, spared := read(t), spared()
	targets, parsers, reached := 0, 0, len(spared)
	for name, f := range folders {
		targets += len(f.targets)
		for p := range f.parsers {
			where := name + " " + p
			parsers++
			if spared[where] == "" && !f.fuzzed[p] {
				t.Errorf("%s: no fuzz target names it: write one, or say in spared why not", where)
			}
			delete(spared, where)
		}
	}
	for _, where := range otherwise() {
		name, p, _ := strings.Cut(where, " ")
		if f := folders[name]; f == nil || !f.fuzzed[p] {
			t.Errorf("%s: no fuzz target names it", where)
		}
	}
	for where := range spared {
		t.Errorf("%s is spared and is no parser any more", where)
	}
	fmt.Printf("%d fuzz targets for %d parsers by name and %d others, %d of them reached through another\n", targets, parsers,
		len(otherwise()), reached)
}

// TestTheRegistryCanFail: a package with a parser and no target is noticed.
func TestTheRegistryCanFail(t *testing.T) {
	f := &folder{parsers: map[string]bool{}, fuzzed: map[string]bool{}}
	f.add(parse(t, "x.go", "package x\nfunc ParseThing(s string) {}\nfunc reader() {}\n"), false)
	if !f.parsers["ParseThing"] || f.parsers["reader"] || f.fuzzed["ParseThing"] {
		t.Errorf("%+v", f)
	}
	f.add(parse(t, "x_test.go", "package x\nfunc FuzzThing(f *testing.F) { f.Fuzz(func(t *testing.T, s string) { ParseThing(s) }) }\n"), true)
	if !f.fuzzed["ParseThing"] || !slices.Equal(f.targets, []string{"FuzzThing"}) {
		t.Errorf("%+v", f)
	}
}

// read looks at every package of the product.
func read(t *testing.T) map[string]*folder {
	t.Helper()
	all := map[string]*folder{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "test" || name == "tools" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != "."):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		folderName := filepath.ToSlash(filepath.Dir(name))
		if all[folderName] == nil {
			all[folderName] = &folder{parsers: map[string]bool{}, fuzzed: map[string]bool{}}
		}
		all[folderName].add(parse(t, path, nil), strings.HasSuffix(path, "_test.go"))
		return nil
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("%d packages: %v", len(all), err)
	}
	return all
}

func parse(t *testing.T, path string, text any) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// add takes a file's functions in: parsers of the product, or what a file with fuzz targets names.
func (f *folder) add(file *ast.File, tests bool) {
	var targets []string
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		switch {
		case !ok:
		case tests && strings.HasPrefix(fn.Name.Name, "Fuzz"):
			targets = append(targets, fn.Name.Name)
		case !tests && parserNames.MatchString(fn.Name.Name):
			f.parsers[fn.Name.Name] = true
		}
	}
	if f.targets = append(f.targets, targets...); len(targets) == 0 {
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			f.fuzzed[id.Name] = true
		}
		return true
	})
}
