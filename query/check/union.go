package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

func (c *Checker) setOp(q *ast.SetOp) *relation {
	left, right := c.query(q.Left), c.query(q.Right)
	switch {
	case q.Op != "UNION" && q.All:
		c.unsupported(c.gap(q), q.Op+" ALL").WithHint("write %s, which has each row once", q.Op)
		return nil
	case left == nil || right == nil:
		return nil
	case !q.All && q.ByName:
		c.unsupported(c.gap(q), q.Op+" BY NAME").WithHint("write SELECT DISTINCT * FROM (… UNION ALL BY NAME …)")
		return nil
	case !q.All:
		return c.setRows(q, left, right)
	case q.ByName:
		return c.unionByName(q, left, right)
	}
	return c.positional(q, left, right)
}

// positional is the rows of both sides, column by column.
func (c *Checker) positional(q *ast.SetOp, left, right *relation) *relation {
	l, r := left.schema(), right.schema()
	if len(l.Fields) != len(r.Fields) {
		c.add(diag.SchemaMismatch, q.Right.Pos(), "UNION ALL of %d columns and %d columns", len(l.Fields), len(r.Fields)).
			WithHint("UNION ALL BY NAME fills missing columns with NULL")
		return nil
	}
	pairs := make([]pair, len(l.Fields))
	for i, f := range l.Fields {
		pairs[i] = pair{f.Name, i, i}
	}
	return c.union(q, left, right, pairs)
}

// gap is the operator between the two queries.
func (c *Checker) gap(q *ast.SetOp) diag.Span {
	s := diag.Span{Start: q.Left.Pos().End, End: q.Right.Pos().Start}
	text := c.text(s)
	for s.Start < s.End && (text[0] <= ' ' || text[0] == ')') {
		s.Start, text = s.Start+1, text[1:]
	}
	for s.Start < s.End && (text[len(text)-1] <= ' ' || text[len(text)-1] == '(') {
		s.End, text = s.End-1, text[:len(text)-1]
	}
	return s
}

// pair is an output column of a union and where each side has it; -1 nowhere.
type pair struct {
	name        string
	left, right int
}

func (c *Checker) unionByName(q *ast.SetOp, left, right *relation) *relation {
	l, r := left.schema(), right.schema()
	if !c.distinctNames(q.Left, l) || !c.distinctNames(q.Right, r) {
		return nil
	}
	var pairs []pair
	for i, f := range l.Fields {
		pairs = append(pairs, pair{f.Name, i, r.Index(f.Name)})
	}
	for i, f := range r.Fields {
		if l.Index(f.Name) < 0 {
			pairs = append(pairs, pair{f.Name, -1, i})
		}
	}
	return c.union(q, left, right, pairs)
}

func (c *Checker) distinctNames(q ast.Query, s *event.Schema) bool {
	for i, f := range s.Fields {
		if s.Index(f.Name) != i {
			c.add(diag.AmbiguousName, q.Pos(), "two columns are named %q: UNION ALL BY NAME cannot tell them apart", f.Name)
			return false
		}
	}
	return true
}

func (c *Checker) union(q *ast.SetOp, left, right *relation, pairs []pair) *relation {
	l, r := left.schema(), right.schema()
	out := &event.Schema{Rowtime: -1}
	times := map[int]bool{}
	for i, p := range pairs {
		t, err := function.CommonType(sideType(l, p.left), sideType(r, p.right))
		if err != nil {
			c.add(diag.TypeMismatch, q.Right.Pos(), "column %q is %s on the left of UNION ALL and %s on the right", p.name, sideType(l, p.left), sideType(r, p.right)).
				WithHint("convert one side with CAST")
			return nil
		}
		if p.left >= 0 && p.left == l.Rowtime && p.right >= 0 && p.right == r.Rowtime {
			out.Rowtime = i
		}
		times[i] = p.left >= 0 && p.right >= 0 && left.proctime[p.left] && right.proctime[p.right]
		out.Fields = append(out.Fields, event.Field{Name: p.name, Type: t})
	}
	in := []plan.Node{c.side(left, out, pairs, func(p pair) int { return p.left }, q.Left), c.side(right, out, pairs, func(p pair) int { return p.right }, q.Right)}
	return &relation{node: &plan.Union{In: flattenUnions(in), Out: out}, proctime: times}
}

func sideType(s *event.Schema, i int) event.Type {
	if i < 0 {
		return event.TNull
	}
	return s.Fields[i].Type
}

// side brings one input to the schema of the union.
func (c *Checker) side(rel *relation, out *event.Schema, pairs []pair, of func(pair) int, q ast.Query) plan.Node {
	in := rel.schema()
	exprs := make([]expr.Expr, len(pairs))
	same := len(pairs) == len(in.Fields) && in.Rowtime == out.Rowtime
	for i, p := range pairs {
		from := of(p)
		if from < 0 {
			exprs[i], same = null(out.Fields[i].Type, q.Pos()), false
			continue
		}
		exprs[i] = c.coerce(columnOf(in, from, q.Pos()), out.Fields[i].Type)
		same = same && from == i && in.Fields[i].Type.Equal(out.Fields[i].Type) && in.Fields[i].Name == out.Fields[i].Name
	}
	if same {
		return rel.node
	}
	return &plan.Project{Input: rel.node, Exprs: exprs, Out: out}
}

// flattenUnions makes one union of a chain of unions of one schema.
func flattenUnions(in []plan.Node) []plan.Node {
	var flat []plan.Node
	for _, n := range in {
		if u, ok := n.(*plan.Union); ok {
			flat = append(flat, u.In...)
			continue
		}
		flat = append(flat, n)
	}
	return flat
}
