package mutate

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"strconv"
	"strings"
)

// expression plants the mutants of one expression; a constant is taken as a whole.
func (p *points) expression(e ast.Expr) bool {
	tv, ok := p.info.Types[e]
	switch {
	case p.key(e):
		return true
	case ok && tv.IsType():
		return false
	case ok && tv.Value != nil:
		if !p.inCase(e) {
			p.constant(e, tv)
		}
		return false
	}
	if p.truth(e) {
		p.call(e, "Not", p.plant(p.truthName(e), e, p.text(e)))
	}
	if b, ok := e.(*ast.BinaryExpr); ok {
		p.binary(b)
	}
	return true
}

// key: the name of a field in a literal is no expression.
func (p *points) key(e ast.Expr) bool {
	kv, ok := p.parent().(*ast.KeyValueExpr)
	return ok && kv.Key == e
}

func (p *points) inCase(e ast.Expr) bool {
	c, ok := p.parent().(*ast.CaseClause)
	if !ok {
		return false
	}
	for _, x := range c.List {
		if x == e {
			return true
		}
	}
	return false
}

// truth: a condition that is not itself made of conditions.
func (p *points) truth(e ast.Expr) bool {
	t := p.info.TypeOf(e)
	if t == nil || !isBool(t) {
		return false
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return e.Op != token.LAND && e.Op != token.LOR
	case *ast.CallExpr:
		return p.asked(e)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return p.asked(e)
	}
	return false
}

// asked: somebody decides by it, returns it or joins it with others.
func (p *points) asked(e ast.Expr) bool {
	switch up := p.parent().(type) {
	case *ast.IfStmt:
		return up.Cond == e
	case *ast.ForStmt:
		return up.Cond == e
	case *ast.UnaryExpr:
		return up.Op == token.NOT
	case *ast.CaseClause, *ast.ReturnStmt, *ast.ParenExpr:
		return true
	case *ast.BinaryExpr:
		return true
	}
	return false
}

func (p *points) truthName(e ast.Expr) string {
	if b, ok := e.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
		return "equality"
	}
	return "negate"
}

func (p *points) binary(b *ast.BinaryExpr) {
	switch b.Op {
	case token.LAND, token.LOR:
		n := p.plant(map[token.Token]string{token.LAND: "and to or", token.LOR: "or to and"}[b.Op], b, p.text(b))
		p.wrap(b, fmt.Sprintf("mutant__.%s(%d, ", map[token.Token]string{token.LAND: "And", token.LOR: "Or"}[b.Op], n), ") })")
		p.replace(b.OpPos, b.Op, ", func() bool { return (")
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		if ordered(p.info.TypeOf(b.X)) && ordered(p.info.TypeOf(b.Y)) {
			helper := map[token.Token]string{token.LSS: "Lt", token.LEQ: "Le", token.GTR: "Gt", token.GEQ: "Ge"}[b.Op]
			p.operator(b, "boundary", helper)
		}
	case token.ADD, token.SUB, token.MUL, token.QUO:
		if integer(p.info.TypeOf(b)) {
			helper := map[token.Token]string{token.ADD: "Add", token.SUB: "Sub", token.MUL: "Mul", token.QUO: "Quo"}[b.Op]
			p.operator(b, "arithmetic", helper)
		}
	}
}

func (p *points) operator(b *ast.BinaryExpr, op, helper string) {
	p.call(b, helper, p.plant(op, b, p.text(b)))
	p.replace(b.OpPos, b.Op, ",")
}

func ordered(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsOrdered != 0
}

func integer(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsInteger != 0
}

// constant: numbers off by one, durations doubled, yes for no, and the conditions of SQL. A constant with a name counts
// once, in the first function that uses it.
func (p *points) constant(e ast.Expr, tv types.TypeAndValue) {
	switch {
	case isBool(tv.Type):
		p.call(e, "Not", p.plant("bool", e, p.within(e)))
	case integer(tv.Type) && p.numeric(e, tv):
		helper, op := "More", "number"
		if tv.Type.String() == "time.Duration" {
			helper, op = "Twice", "duration"
		}
		p.call(e, helper, p.once(op, e))
	case tv.Value.Kind() == constant.String && types.Identical(tv.Type, types.Typ[types.String]):
		p.query(e, constant.StringVal(tv.Value))
	}
}

// within shows what a bare yes or no stands in.
func (p *points) within(e ast.Expr) string {
	switch up := p.parent().(type) {
	case *ast.ReturnStmt, *ast.KeyValueExpr, *ast.AssignStmt, *ast.CallExpr:
		return p.text(up)
	}
	return p.text(e)
}

// numeric: the helper's result has the constant's type, and it is no name out of a list of names.
func (p *points) numeric(e ast.Expr, tv types.TypeAndValue) bool {
	named, ok := tv.Type.(*types.Named)
	return (!ok || named.String() == "time.Duration") && p.exact(e, tv.Type)
}

func (p *points) once(op string, e ast.Expr) int {
	o := p.object(e)
	if o == nil {
		return p.plant(op, e, p.within(e)+" at "+p.text(e))
	}
	n, ok := p.shared[o]
	if !ok {
		n = p.plant(op, e, o.Name())
		p.shared[o] = n
	}
	return n
}

func (p *points) object(e ast.Expr) types.Object {
	switch e := e.(type) {
	case *ast.Ident:
		return p.info.Uses[e]
	case *ast.SelectorExpr:
		return p.info.Uses[e.Sel]
	}
	return nil
}

// query: each condition of a statement held to be true, each bound moved, each order turned.
func (p *points) query(e ast.Expr, text string) {
	alternatives, said := queries(text)
	if len(alternatives) == 0 {
		return
	}
	first := len(*p.all)
	for _, s := range said {
		p.plant("query", e, s)
	}
	quoted := make([]string, len(alternatives))
	for i, a := range alternatives {
		quoted[i] = strconv.Quote(a)
	}
	p.wrap(e, fmt.Sprintf("mutant__.Text(%d, ", first), ", "+strings.Join(quoted, ", ")+")")
}

// queries are the changed texts of a statement, and what was changed in each.
func queries(text string) (changed, said []string) {
	verb := regexp.MustCompile(`^\s*(SELECT|UPDATE|DELETE|INSERT)\b`)
	where := strings.Index(text, "WHERE")
	if !verb.MatchString(text) || where < 0 {
		return nil, nil
	}
	change := func(from, to int, by string) {
		changed, said = append(changed, text[:from]+by+text[to:]), append(said, text[from:to]+" -> "+by)
	}
	condition := regexp.MustCompile(`\b[a-z_.]+ (=|<>|<|<=|>|>=) (\?|-?[a-z0-9_.]+|'[^']*')`)
	for _, m := range condition.FindAllStringSubmatchIndex(text[where:], -1) {
		from, to := where+m[0], where+m[1]
		change(from, to, "("+text[from:to]+" OR 1)")
		if other := map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[text[where+m[2]:where+m[3]]]; other != "" {
			change(from, to, text[from:where+m[2]]+other+text[where+m[3]:to])
		}
	}
	for _, m := range regexp.MustCompile(`ORDER BY [a-z_.]+`).FindAllStringIndex(text[where:], -1) {
		if from, to := where+m[0], where+m[1]; !strings.HasPrefix(text[to:], " DESC") {
			change(from, to, text[from:to]+" DESC")
		}
	}
	return changed, said
}
