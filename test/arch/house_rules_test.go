package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The numbers of docs/design.md, section 9.
const (
	maxFileLines   = 500
	maxFuncLines   = 80
	maxMedianLines = 12
)

// source is one parsed Go file.
type source struct {
	name  string // path below the module
	text  string
	fset  *token.FileSet
	file  *ast.File
	tests bool // a _test.go file
}

func (s source) folder() string { return path.Dir(s.name) }

func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(n.Pos()).Line)
}

func (s source) span(n ast.Node) int {
	return s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
}

func (s source) funcs() []*ast.FuncDecl {
	var out []*ast.FuncDecl
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			out = append(out, f)
		}
	}
	return out
}

// fileRules look at one non-test file each.
var fileRules = []func(source) []string{longFile, longFuncs, initFuncs, ownClock, mutableVars, undocumented}

func longFile(s source) []string {
	if n := strings.Count(s.text, "\n"); n > maxFileLines {
		return []string{fmt.Sprintf("%s has %d lines, more than %d: what would split naturally?", s.name, n, maxFileLines)}
	}
	return nil
}

func longFuncs(s source) []string {
	var out []string
	for _, f := range s.funcs() {
		if n := s.span(f) - s.tableLines(f); n > maxFuncLines {
			out = append(out, fmt.Sprintf("%s: %s has %d lines outside tables, more than %d", s.at(f), f.Name.Name, n, maxFuncLines))
		}
	}
	return out
}

// tableLines counts the lines inside a function's outermost slice, array and map literals.
func (s source) tableLines(f *ast.FuncDecl) int {
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		lit, ok := node.(*ast.CompositeLit)
		if !ok {
			return true
		}
		switch lit.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			n += s.span(lit) - 1
			return false
		}
		return true
	})
	return n
}

func initFuncs(s source) []string {
	var out []string
	for _, f := range s.funcs() {
		if f.Name.Name == "init" && f.Recv == nil {
			out = append(out, s.at(f)+": init(): cmd lists the constructors")
		}
	}
	return out
}

// ownClock finds every way around the clock that is given at construction, as a call or as a value. cmd makes that
// clock, so only waiting is forbidden to it.
func ownClock(s source) []string {
	pattern := regexp.MustCompile(`^(Now|Since|Until|Sleep|After|Tick)$`)
	if in("cmd/...")(s.folder()) {
		pattern = regexp.MustCompile(`^(Sleep|After|Tick)$`)
	}
	var out []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && isName(sel.X, "time") && pattern.MatchString(sel.Sel.Name) {
			out = append(out, fmt.Sprintf("%s: time.%s: one clock, given at construction; wait by recording a time",
				s.at(sel), sel.Sel.Name))
		}
		return true
	})
	return out
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// mutableVars finds package-level variables. What a program must not change but Go has no constant for may stay: errors,
// embedded files, compiled expressions and replacers, interface assertions, and the version that the linker sets.
func mutableVars(s source) []string {
	var out []string
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			out = append(out, s.mutable(g, spec.(*ast.ValueSpec))...)
		}
	}
	return out
}

func (s source) mutable(g *ast.GenDecl, v *ast.ValueSpec) []string {
	if embedded(g.Doc) || embedded(v.Doc) {
		return nil
	}
	var out []string
	for i, name := range v.Names {
		if fixedName(s.folder(), name.Name) || i < len(v.Values) && compiled(v.Values[i]) {
			continue
		}
		out = append(out, fmt.Sprintf("%s: package-level variable %s: make it a constant, a function or a field", s.at(name), name.Name))
	}
	return out
}

func fixedName(folder, name string) bool {
	return name == "_" || regexp.MustCompile(`^(Err|err)([A-Z]|$)`).MatchString(name) ||
		folder == "cmd/quarterturn" && name == "version"
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// compiled reports a value that is built once and cannot be changed by those who use it.
func compiled(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (isName(sel.X, "regexp") || isName(sel.X, "strings") && sel.Sel.Name == "NewReplacer")
}

// undocumented finds exported names without a comment. Methods whose meaning an interface of the standard library fixes
// need none.
func undocumented(s source) []string {
	var out []string
	report := func(n ast.Node, name string) {
		out = append(out, fmt.Sprintf("%s: exported %s has no comment: shapes, units, errors", s.at(n), name))
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !wellKnown(d) {
				report(d, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				bare(d, spec, report)
			}
		}
	}
	return out
}

// bare reports a type, constant or variable that neither its own line nor its group explains.
func bare(g *ast.GenDecl, spec ast.Spec, report func(ast.Node, string)) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if g.Doc == nil && spec.Doc == nil && spec.Comment == nil && spec.Name.IsExported() {
			report(spec, spec.Name.Name)
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if g.Doc == nil && spec.Doc == nil && spec.Comment == nil && name.IsExported() {
				report(spec, name.Name)
			}
		}
	}
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	id, ok := t.(*ast.Ident)
	return !ok || id.IsExported()
}

func wellKnown(f *ast.FuncDecl) bool {
	return f.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "Is", "As", "String", "Read", "Write", "Close",
		"Len", "Less", "Swap", "ServeHTTP", "RoundTrip"}, f.Name.Name)
}

func longMedian(all []source) []string {
	var lengths []int
	for _, s := range all {
		for _, f := range s.funcs() {
			lengths = append(lengths, s.span(f)-s.tableLines(f))
		}
	}
	slices.Sort(lengths)
	if n := len(lengths); n > 0 && lengths[n/2] > maxMedianLines {
		return []string{fmt.Sprintf("the median function has %d lines, more than %d", lengths[n/2], maxMedianLines)}
	}
	return nil
}

func packageComments(all []source) []string {
	said := map[string]bool{}
	for _, s := range all {
		said[s.folder()] = said[s.folder()] || s.file.Doc != nil
	}
	var out []string
	for folder, ok := range said {
		if !ok {
			out = append(out, folder+" has no package comment: say what its name does not")
		}
	}
	slices.Sort(out)
	return out
}

// decideFile is where decide and the order of its rows stand; the rows themselves may be spread by subject.
const decideFile = "rotator/decide.go"

var (
	decideFiles = regexp.MustCompile(`^rotator/(decide|rows_[a-z_]+)\.go$`)
	// What a pure function can't do harm with.
	pureImports = []string{"cmp", "errors", "fmt", "maps", "math", "slices", "sort", "strconv", "strings", "time",
		module + "/secret", module + "/policies", module + "/vendors", module + "/backends", module + "/cicd"}
)

// impureDecide holds that the meaning of the product can be read and tested without the world: one decide in its file,
// Moves made there and in its rows alone, and nothing imported there that could look, wait or act.
func impureDecide(all []source) []string {
	var out []string
	homes := 0
	for _, s := range all {
		if s.folder() != "rotator" {
			continue
		}
		if s.name == decideFile {
			homes += s.decides()
		} else if s.decides() > 0 {
			out = append(out, s.name+" has a decide of its own, beside "+decideFile)
		}
		out = append(out, s.impure()...)
	}
	if homes != 1 {
		out = append(out, fmt.Sprintf("%s has %d functions called decide, want one", decideFile, homes))
	}
	return out
}

func (s source) decides() int {
	n := 0
	for _, f := range s.funcs() {
		if f.Name.Name == "decide" && f.Recv == nil {
			n++
		}
	}
	return n
}

func (s source) impure() []string {
	if !decideFiles.MatchString(s.name) {
		if makesMoves(s.file) {
			return []string{s.name + " makes a Move outside decide and its rows"}
		}
		return nil
	}
	var out []string
	for _, spec := range s.file.Imports {
		if imported := strings.Trim(spec.Path.Value, `"`); !slices.Contains(pureImports, imported) {
			out = append(out, fmt.Sprintf("%s imports %s: decide is pure: facts in, a move out", s.at(spec), imported))
		}
	}
	return out
}

func makesMoves(f *ast.File) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		found = found || ok && isName(lit.Type, "Move") && len(lit.Elts) > 0
		return !found
	})
	return found
}
