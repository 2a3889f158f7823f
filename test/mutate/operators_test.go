package mutate

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
)

// operate plants the mutants of one node, and says whether to look at what is in it.
func (p *points) operate(n ast.Node) bool {
	if s, ok := n.(ast.Stmt); ok && p.inList() {
		p.dropped(s)
	}
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.ReturnStmt:
		p.returned(n)
	case *ast.CompositeLit:
		p.listed(n)
	case *ast.KeyValueExpr:
		p.field(n)
		return true
	case *ast.CaseClause:
		p.cases(n)
	case *ast.Ident:
		return p.expression(n)
	case ast.Expr:
		return p.expression(n)
	}
	return true
}

func (p *points) inList() bool {
	switch p.parent().(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}

// dropped: a statement that can be left out and still compiles.
func (p *points) dropped(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.ExprStmt:
		if call, ok := s.X.(*ast.CallExpr); !ok || types.ExprString(call.Fun) == "panic" {
			return
		}
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE || types.ExprString(s.Lhs[0]) == "_" {
			return
		}
	case *ast.BranchStmt:
		if s.Label != nil || s.Tok != token.CONTINUE && s.Tok != token.BREAK {
			return
		}
	case *ast.IncDecStmt, *ast.DeferStmt, *ast.SendStmt:
	default:
		return
	}
	n := p.plant("drop", s, p.text(s))
	p.wrap(s, fmt.Sprintf("if mutant__.Keep(%d) { ", n), " }")
}

// listed: a list of functions, tried in order: each left out, each changed about with its neighbour.
func (p *points) listed(c *ast.CompositeLit) {
	slice, ok := p.info.TypeOf(c).Underlying().(*types.Slice)
	if !ok || len(c.Elts) < 2 {
		return
	}
	if _, ok := slice.Elem().Underlying().(*types.Signature); !ok {
		return
	}
	where := ""
	if clause, ok := p.clause(); ok {
		where = clause + ": "
	}
	first := len(*p.all)
	for _, e := range c.Elts {
		p.plant("row", e, where+types.ExprString(e))
	}
	for i := range len(c.Elts) - 1 {
		p.plant("order", c.Elts[i], where+types.ExprString(c.Elts[i])+" after "+types.ExprString(c.Elts[i+1]))
	}
	p.call(c, "Rows", first)
}

func (p *points) clause() (string, bool) {
	for i := len(p.stack) - 1; i >= 0; i-- {
		if c, ok := p.stack[i].(*ast.CaseClause); ok && len(c.List) > 0 {
			return types.ExprString(c.List[0]), true
		}
	}
	return "", false
}

// field: one of a struct's fields is not set. Words for people are left alone.
func (p *points) field(kv *ast.KeyValueExpr) {
	lit, ok := p.parent().(*ast.CompositeLit)
	if !ok || p.wording(kv.Value) || p.nothing(kv.Value) {
		return
	}
	if _, ok := p.info.TypeOf(lit).Underlying().(*types.Struct); !ok {
		return
	}
	f := p.info.Uses[kv.Key.(*ast.Ident)]
	if f == nil || !p.exact(kv.Value, f.Type()) {
		return
	}
	p.call(kv.Value, "Zero", p.plant("field", kv, p.text(kv)))
}

// exact: the helper takes the expression's type for the wanted one.
func (p *points) exact(e ast.Expr, want types.Type) bool {
	tv := p.info.Types[e]
	if tv.IsNil() || !types.Identical(tv.Type, want) {
		return false
	}
	return tv.Value == nil || p.typed(e) || types.Identical(types.Default(untyped(tv.Value)), want)
}

func untyped(v constant.Value) types.Type {
	kinds := map[constant.Kind]types.BasicKind{constant.Bool: types.UntypedBool, constant.String: types.UntypedString,
		constant.Int: types.UntypedInt, constant.Float: types.UntypedFloat, constant.Complex: types.UntypedComplex}
	return types.Typ[kinds[v.Kind()]]
}

// typed reports a constant that has a type of its own: a name declared with one, or a sum of such.
func (p *points) typed(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return isTypedConst(p.info.Uses[e])
	case *ast.SelectorExpr:
		return isTypedConst(p.info.Uses[e.Sel])
	case *ast.BinaryExpr:
		return p.typed(e.X) || p.typed(e.Y)
	case *ast.CallExpr:
		return true
	}
	return false
}

func isTypedConst(o types.Object) bool {
	c, ok := o.(*types.Const)
	if !ok {
		return false
	}
	b, ok := c.Type().(*types.Basic)
	return !ok || b.Info()&types.IsUntyped == 0
}

// wording: a text that is written there, for people.
func (p *points) wording(e ast.Expr) bool {
	if b, ok := p.info.TypeOf(e).Underlying().(*types.Basic); !ok || b.Info()&types.IsString == 0 {
		return false
	}
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		l, ok := n.(*ast.BasicLit)
		found = found || ok && l.Kind == token.STRING && strings.ContainsAny(l.Value, " :;,")
		return !found
	})
	return found
}

// nothing: the expression is a zero value as it stands.
func (p *points) nothing(e ast.Expr) bool {
	tv := p.info.Types[e]
	if tv.Value != nil {
		return tv.Value.ExactString() == "0" || tv.Value.ExactString() == `""` || tv.Value.ExactString() == "false"
	}
	lit, ok := e.(*ast.CompositeLit)
	return tv.IsNil() || ok && len(lit.Elts) == 0
}

// returned: results become nothing, and an error none.
func (p *points) returned(r *ast.ReturnStmt) {
	results := p.results()
	switch {
	case len(r.Results) == 1 && results.Len() > 1:
		p.passed(r, results)
	case len(r.Results) == results.Len():
		for i, e := range r.Results {
			if isError(results.At(i).Type()) && !p.nothing(e) {
				p.wrap(e, fmt.Sprintf("mutant__.Zero[error](%d, ", p.plant("nil error", r, p.text(r))), ")")
			}
		}
		p.zeroed(r, results)
	}
}

func (p *points) zeroed(r *ast.ReturnStmt, results *types.Tuple) {
	n := -1
	for i, e := range r.Results {
		if i+1 < len(r.Results) && !calls(e) && calls(r.Results[i+1:]...) {
			return // `return v, fill(&v)`: wrapped, v would be read too early
		}
	}
	for i, e := range r.Results {
		want := results.At(i).Type()
		if isError(want) || p.nothing(e) || p.wording(e) || isBool(want) && len(r.Results) == 1 || !p.exact(e, want) {
			continue
		}
		if n < 0 {
			n = p.plant("zero", r, p.text(r))
		}
		p.call(e, "Zero", n)
	}
}

func calls(all ...ast.Expr) bool {
	found := false
	for _, e := range all {
		ast.Inspect(e, func(n ast.Node) bool {
			_, ok := n.(*ast.CallExpr)
			found = found || ok
			return !found
		})
	}
	return found
}

// passed: several results that come from one call.
func (p *points) passed(r *ast.ReturnStmt, results *types.Tuple) {
	got, ok := p.info.TypeOf(r.Results[0]).(*types.Tuple)
	if !ok || results.Len() > 3 {
		return
	}
	for i := range results.Len() {
		if !types.Identical(got.At(i).Type(), results.At(i).Type()) {
			return
		}
	}
	zero, last := p.plant("zero", r, p.text(r)), -1
	if isError(results.At(results.Len() - 1).Type()) {
		last = p.plant("nil error", r, p.text(r))
	}
	helper := map[int]string{2: "Two", 3: "Three"}[results.Len()]
	p.wrap(r.Results[0], "mutant__."+helper+"(", fmt.Sprintf(")(%d, %d)", zero, last))
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

func isBool(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// cases: a case that is never met.
func (p *points) cases(c *ast.CaseClause) {
	for _, e := range c.List {
		tv := p.info.Types[e]
		if b, ok := tv.Type.Underlying().(*types.Basic); ok && tv.Value != nil && b.Info()&types.IsString != 0 && !tv.IsType() {
			if p.typed(e) || types.Identical(tv.Type, types.Typ[types.String]) {
				p.call(e, "Other", p.plant("case", e, "case "+p.text(e)))
			}
		}
	}
}
