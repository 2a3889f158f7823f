package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestHouse holds the numbers and habits of docs/design.md section 9 against the tree.
func TestHouse(t *testing.T) {
	var product, all []source
	for _, s := range sources(t) {
		all = append(all, s)
		if !s.tests {
			product = append(product, s)
		}
	}
	for _, s := range product {
		for _, rule := range fileRules {
			report(t, rule(s))
		}
	}
	report(t, longMedian(product))
	report(t, impureDecide(product))
	report(t, packageComments(all))
}

func report(t *testing.T, problems []string) {
	t.Helper()
	for _, p := range problems {
		t.Error(p)
	}
}

// sources parses every Go file of the module, whatever its build tags. It walks the folders itself, so that go test's
// cache notices each file and folder that comes, goes or changes.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && foreign(name):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		all = append(all, parse(t, filepath.ToSlash(rel), string(text)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("found %d Go files: the test looks at the wrong folder", len(all))
	}
	return all
}

// foreign reports whether a folder is not part of the module: hidden, test data, or a module of its own.
func foreign(name string) bool {
	if name == root {
		return false
	}
	base := filepath.Base(name)
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

func parse(t *testing.T, name, text string) source {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{name: name, text: text, fset: fset, file: file, tests: strings.HasSuffix(name, "_test.go")}
}

// TestFileRulesCanFail shows each rule a file that breaks it and one that does not.
func TestFileRulesCanFail(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\tf()\n", n) }
	for name, tc := range map[string]struct {
		rule func(source) []string
		name string
		body string
		want string // "" none
	}{
		"long file":            {longFile, "x/x.go", strings.Repeat("\n", 501), "more than 500"},
		"short file":           {longFile, "x/x.go", strings.Repeat("\n", 400), ""},
		"long func":            {longFuncs, "x/x.go", "func f() {\n" + lines(80) + "}", "82 lines"},
		"short func":           {longFuncs, "x/x.go", "func f() {\n" + lines(78) + "}", ""},
		"table":                {longFuncs, "x/x.go", "func f() []int { return []int{\n" + strings.Repeat("1,\n", 100) + "} }", ""},
		"init":                 {initFuncs, "x/x.go", "func init() {}", "cmd lists the constructors"},
		"method init":          {initFuncs, "x/x.go", "type T struct{}\nfunc (T) init() {}", ""},
		"now":                  {ownClock, "x/x.go", "import \"time\"\nvar f = time.Now()", "time.Now"},
		"now as a value":       {ownClock, "x/x.go", "import \"time\"\nvar f = time.Now", "time.Now"},
		"now in cmd":           {ownClock, "cmd/quarterturn/x.go", "import \"time\"\nvar f = time.Now", ""},
		"sleep in cmd":         {ownClock, "cmd/quarterturn/x.go", "import \"time\"\nfunc f() { time.Sleep(1) }", "time.Sleep"},
		"after":                {ownClock, "x/x.go", "import \"time\"\nvar f = time.After(1)", "time.After"},
		"time type":            {ownClock, "x/x.go", "import \"time\"\nvar f time.Time", ""},
		"map":                  {mutableVars, "x/x.go", "var names = map[string]int{}", "variable names"},
		"second of two":        {mutableVars, "x/x.go", "var errA, b = 1, 2", "variable b"},
		"error":                {mutableVars, "x/x.go", "import \"errors\"\nvar ErrX = errors.New(\"x\")", ""},
		"expression":           {mutableVars, "x/x.go", "import \"regexp\"\nvar r = regexp.MustCompile(`x`)", ""},
		"replacer":             {mutableVars, "x/x.go", "import \"strings\"\nvar r = strings.NewReplacer()", ""},
		"other of strings":     {mutableVars, "x/x.go", "import \"strings\"\nvar r = strings.NewReader(``)", "variable r"},
		"embedded":             {mutableVars, "x/x.go", "import _ \"embed\"\n//go:embed x.txt\nvar x string", ""},
		"assertion":            {mutableVars, "x/x.go", "var _ error = (*T)(nil)\ntype T struct{ error }", ""},
		"version":              {mutableVars, "cmd/quarterturn/main.go", "var version = \"dev\"", ""},
		"version elsewhere":    {mutableVars, "x/x.go", "var version = \"dev\"", "variable version"},
		"bare func":            {undocumented, "x/x.go", "func F() {}", "exported F"},
		"said func":            {undocumented, "x/x.go", "// F does.\nfunc F() {}", ""},
		"bare method":          {undocumented, "x/x.go", "// T is.\ntype T struct{}\nfunc (*T) M() {}", "exported M"},
		"well-known method":    {undocumented, "x/x.go", "// T is.\ntype T struct{}\nfunc (*T) String() string { return \"\" }", ""},
		"method of unexported": {undocumented, "x/x.go", "type t struct{}\nfunc (*t) M() {}", ""},
		"bare type":            {undocumented, "x/x.go", "type T struct{}", "exported T"},
		"bare constant":        {undocumented, "x/x.go", "const (\n\tA = 1 // said\n\tB = 2\n)", "exported B"},
		"said group":           {undocumented, "x/x.go", "// Both.\nconst (\n\tA = 1\n\tB = 2\n)", ""},
		"bare variable":        {undocumented, "x/x.go", "var ErrX error", "exported ErrX"},
	} {
		expect(t, name, tc.rule(parse(t, tc.name, "package x\n"+tc.body+"\n")), tc.want)
	}
}

// TestTreeRulesCanFail does the same for the rules over all files.
func TestTreeRulesCanFail(t *testing.T) {
	long := "func f() {\n" + strings.Repeat("\tg()\n", 12) + "}"
	short := "func f() {\n}"
	decide, move := "func decide() {}", "func g() { _ = Move{Do: 1} }"
	for name, tc := range map[string]struct {
		rule  func([]source) []string
		files map[string]string
		want  string
	}{
		"long median":   {longMedian, map[string]string{"a/a.go": long, "b/b.go": long, "c/c.go": short}, "has 14 lines"},
		"short median":  {longMedian, map[string]string{"a/a.go": short, "b/b.go": long, "c/c.go": short}, ""},
		"no comment":    {packageComments, map[string]string{"a/a.go": "", "a/b.go": ""}, "a has no package comment"},
		"no decide":     {impureDecide, map[string]string{"rotator/a.go": ""}, "0 functions called decide"},
		"two decides":   {impureDecide, map[string]string{"rotator/decide.go": decide, "rotator/b.go": decide}, "decide of its own"},
		"move outside":  {impureDecide, map[string]string{"rotator/decide.go": decide, "rotator/b.go": move}, "b.go makes a Move"},
		"move in rows":  {impureDecide, map[string]string{"rotator/decide.go": decide, "rotator/rows_a.go": move}, ""},
		"zero move":     {impureDecide, map[string]string{"rotator/decide.go": decide, "rotator/b.go": "var m Move"}, ""},
		"looks itself":  {impureDecide, map[string]string{"rotator/decide.go": "import \"os\"\n" + decide}, "imports os"},
		"rows wait":     {impureDecide, map[string]string{"rotator/decide.go": decide, "rotator/rows_a.go": "import \"context\""}, "imports context"},
		"pure imports":  {impureDecide, map[string]string{"rotator/decide.go": "import \"time\"\n" + decide}, ""},
		"other package": {impureDecide, map[string]string{"rotator/decide.go": decide, "x/b.go": decide}, ""},
	} {
		var all []source
		for file, body := range tc.files {
			all = append(all, parse(t, file, "package x\n"+body+"\n"))
		}
		expect(t, name, tc.rule(all), tc.want)
	}
	said := []source{parse(t, "a/a.go", "// Package a is.\npackage a\n"), parse(t, "a/b.go", "package a\n")}
	expect(t, "comment in one file", packageComments(said), "")
}

func expect(t *testing.T, name string, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("%s: want nothing, got %q", name, got)
	case want != "" && (len(got) != 1 || !strings.Contains(got[0], want)):
		t.Errorf("%s: want one finding with %q, got %q", name, want, slices.Clip(got))
	}
}
