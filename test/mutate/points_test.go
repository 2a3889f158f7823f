// Package mutate asks whether the tests of decide, of Accept and of the ledger would notice a fault: it plants thousands
// of small ones, one at a time, and counts those that make some test fail.
package mutate

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// mutant is one small fault. Its name stands for it in lists: file:function:operator:what, without line numbers.
type mutant struct {
	id   int
	name string
	file string // below the module
	op   string
	line int
}

// folder is the package it is in, whose tests are to kill it.
func (m mutant) folder() string { return path.Dir(m.file) }

// edits are texts put into a source before and after its nodes. None holds a line break, so that lines keep their numbers.
type edits struct {
	pre, post map[int]string
	cut       map[int]edit
}

type edit struct {
	length int
	text   string
}

// points collects the mutants of one file.
type points struct {
	fset   *token.FileSet
	info   *types.Info
	file   *ast.File
	rel    string
	src    string
	all    *[]mutant
	names  map[string]int
	shared map[types.Object]int // constants that count once, whatever the number of their uses
	edits  edits
	fn     string
	stack  []ast.Node
}

func newPoints(p *pack, file *ast.File, all *[]mutant) *points {
	full := p.fset.Position(file.Package).Filename
	rel, _ := filepath.Rel(p.root, full)
	return &points{fset: p.fset, info: p.info, file: file, rel: filepath.ToSlash(rel), src: p.source[full], all: all,
		names: map[string]int{}, shared: p.shared, edits: edits{map[int]string{}, map[int]string{}, map[int]edit{}}}
}

func (p *points) offset(pos token.Pos) int { return p.fset.Position(pos).Offset }

func (p *points) text(n ast.Node) string { return p.src[p.offset(n.Pos()):p.offset(n.End())] }

// plant adds one mutant at a node and says its number.
func (p *points) plant(op string, at ast.Node, what string) int {
	what = strings.Join(strings.Fields(what), " ")
	if r := []rune(what); len(r) > 70 {
		what = string(r[:70]) + "…"
	}
	name := fmt.Sprintf("%s:%s:%s:%s", p.rel, p.fn, op, what)
	if p.names[name]++; p.names[name] > 1 {
		name += fmt.Sprintf(" (%d)", p.names[name])
	}
	m := mutant{id: len(*p.all), name: name, file: p.rel, op: op, line: p.fset.Position(at.Pos()).Line}
	*p.all = append(*p.all, m)
	return m.id
}

// wrap puts text around a node; of several around one node the first is outermost.
func (p *points) wrap(n ast.Node, before, after string) {
	from, to := p.offset(n.Pos()), p.offset(n.End())
	p.edits.pre[from] += before
	p.edits.post[to] = after + p.edits.post[to]
}

// call wraps an expression as last argument of one of the helpers.
func (p *points) call(e ast.Expr, helper string, n int) {
	p.wrap(e, fmt.Sprintf("mutant__.%s(%d, ", helper, n), ")")
}

// replace puts another text in place of a token.
func (p *points) replace(pos token.Pos, old token.Token, text string) {
	p.edits.cut[p.offset(pos)] = edit{len(old.String()), text}
}

// instrumented is the source with every mutant in it.
func (p *points) instrumented(module string) string {
	p.edits.post[p.offset(p.file.Name.End())] = fmt.Sprintf("; import mutant__ %q", module+"/internal/mutant")
	var b strings.Builder
	last := 0
	for _, at := range p.edits.offsets() {
		b.WriteString(p.src[last:at])
		b.WriteString(p.edits.post[at] + p.edits.pre[at])
		last = at
		if c, ok := p.edits.cut[at]; ok {
			b.WriteString(c.text)
			last += c.length
		}
	}
	b.WriteString(p.src[last:])
	return b.String()
}

func (e edits) offsets() []int {
	seen := map[int]bool{}
	for at := range e.pre {
		seen[at] = true
	}
	for at := range e.post {
		seen[at] = true
	}
	for at := range e.cut {
		seen[at] = true
	}
	var all []int
	for at := range seen {
		all = append(all, at)
	}
	sort.Ints(all)
	return all
}

// walk visits every function of the file with the operators.
func (p *points) walk() {
	for _, d := range p.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		p.fn = f.Name.Name
		if f.Recv != nil {
			p.fn = types.ExprString(f.Recv.List[0].Type) + "." + p.fn
		}
		p.stack = []ast.Node{f}
		ast.Inspect(f.Body, p.visit)
	}
}

// visit sees a node before what is in it, and nil when that is done.
func (p *points) visit(n ast.Node) bool {
	if n == nil {
		p.stack = p.stack[:len(p.stack)-1]
		return true
	}
	deeper := p.operate(n)
	if deeper {
		p.stack = append(p.stack, n)
	}
	return deeper
}

func (p *points) parent() ast.Node { return p.stack[len(p.stack)-1] }

// results are those of the function around the node.
func (p *points) results() *types.Tuple {
	for i := len(p.stack) - 1; i >= 0; i-- {
		switch f := p.stack[i].(type) {
		case *ast.FuncLit:
			return p.info.TypeOf(f).(*types.Signature).Results()
		case *ast.FuncDecl:
			return p.info.Defs[f.Name].Type().(*types.Signature).Results()
		}
	}
	return nil
}
