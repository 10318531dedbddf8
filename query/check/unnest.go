package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// unnests says whether a table function is UNNEST.
func unnests(t *ast.TableFunction) bool {
	return strings.EqualFold(dotted(t.Call.Name.Parts), "UNNEST")
}

// unnestJoin binds left CROSS JOIN UNNEST(…), or LEFT JOIN … ON TRUE.
func (c *Checker) unnestJoin(left *relation, t *ast.Join, f *ast.TableFunction) *relation {
	if left == nil {
		return nil
	}
	outer := t.Kind == "LEFT"
	if !outer && t.Kind != "CROSS" && t.Kind != "INNER" {
		c.unsupported(f.Pos(), t.Kind+" JOIN UNNEST").WithHint("write CROSS JOIN UNNEST(…) or LEFT JOIN UNNEST(…) ON TRUE")
		return nil
	}
	if t.On != nil {
		x := (&binder{Checker: c}).topCondition(t.On, "ON")
		if x == nil {
			return nil
		}
		if k, ok := x.(*expr.Const); !ok || !k.Value.Bool() {
			c.unsupported(t.On.Pos(), "a condition of JOIN UNNEST").WithHint("write ON TRUE, and the condition in WHERE")
			return nil
		}
	}
	return c.unnest(left, f, outer)
}

// unnest binds the elements of an ARRAY or MAP of left as rows.
func (c *Checker) unnest(left *relation, f *ast.TableFunction, outer bool) *relation {
	if len(f.Call.Args) != 1 {
		c.unsupported(f.Call.Pos(), "UNNEST of several arrays").WithHint("join UNNEST of each")
		return nil
	}
	x := (&binder{Checker: c, rel: left}).top(f.Call.Args[0])
	if x == nil {
		return nil
	}
	added := elementFields(x.Type())
	if added == nil {
		c.add(diag.TypeMismatch, f.Call.Args[0].Pos(), "UNNEST takes an ARRAY or a MAP, not %s", x.Type())
		return nil
	}
	if f.Ordinality {
		added = append(added, event.Field{Name: "ORDINALITY", Type: event.TInt32})
	}
	if !c.nameElements(added, f) {
		return nil
	}
	in := left.schema()
	width := len(in.Fields)
	n := &plan.Unnest{Input: left.node, Outer: outer, Ordinals: f.Ordinality, Proctime: !left.timed()}
	if col, ok := x.(*expr.Column); ok {
		n.Column = col.Index
	} else {
		n.Input, n.Column = withExtra(left.node, []expr.Expr{x}), width
	}
	below := n.Input.Schema()
	n.Out = &event.Schema{Rowtime: below.Rowtime, Fields: append(append([]event.Field(nil), below.Fields...), added...)}
	rel := &relation{node: n, proctime: left.proctime, tables: left.scopes(0), other: none, window: left.window}
	if len(below.Fields) > width {
		rel.node = without(n, width)
	}
	name := ""
	if f.Alias.Name != nil {
		name = f.Alias.Name.Name
	}
	rel.tables = append(rel.tables, tableScope{name, width, width + len(added)})
	return rel
}

// elementFields is the columns that an element has; nil when t has none.
func elementFields(t event.Type) []event.Field {
	switch {
	case t.Kind == event.Map:
		return []event.Field{{Name: "KEY", Type: *t.Key}, {Name: "VALUE", Type: *t.Elem}}
	case t.Kind != event.Array:
		return nil
	case t.Elem.Kind == event.Row:
		return append([]event.Field(nil), t.Elem.Fields...)
	}
	return []event.Field{{Name: "f0", Type: *t.Elem}}
}

// nameElements gives the columns the names of AS t (…).
func (c *Checker) nameElements(added []event.Field, f *ast.TableFunction) bool {
	names := f.Alias.Columns
	if len(names) == 0 {
		return true
	}
	if len(names) != len(added) {
		c.add(diag.ColumnAliases, f.Alias.Pos(), "%d column names are given for %d columns", len(names), len(added))
		return false
	}
	for i := range added {
		added[i].Name = names[i].Name
	}
	return true
}

// without is n without its column i.
func without(n plan.Node, i int) plan.Node {
	in := n.Schema()
	p := &plan.Project{Input: n, Out: &event.Schema{Rowtime: none}}
	for k, f := range in.Fields {
		if k == i {
			continue
		}
		if k == in.Rowtime {
			p.Out.Rowtime = len(p.Out.Fields)
		}
		p.Exprs = append(p.Exprs, columnOf(in, k, diag.Span{}))
		p.Out.Fields = append(p.Out.Fields, f)
	}
	return p
}
