package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// maxViewDepth bounds views of views.
const maxViewDepth = 64

// maxExpansion bounds what the views and WITH tables of a text are expanded to,
// in bytes of their texts: each may read the one before twice.
const maxExpansion = 16 << 20

// costOf is the cost of using a query once: its text, and something for itself.
func costOf(q ast.Query) int { return q.Pos().End - q.Pos().Start + 100 }

// spend says whether a view or WITH table may be used once more.
func (c *Checker) spend(cost int, span diag.Span) bool {
	if *c.spent > maxExpansion {
		return false // which has been said
	}
	if *c.spent += cost; *c.spent > maxExpansion {
		c.add(diag.Limit, span, "the views and WITH tables of this text expand to more than %d MiB", maxExpansion>>20).WithHint("read each fewer times, or write to a table in between")
		return false
	}
	return true
}

// from binds a table expression; nil after an error.
func (c *Checker) from(t ast.TableExpr) *relation {
	switch t := t.(type) {
	case *ast.TableRef:
		return c.tableRef(t)
	case *ast.Derived:
		if t.Lateral {
			c.unsupported(t.Pos(), "LATERAL")
		}
		rel := c.query(t.Query)
		if rel == nil {
			return nil
		}
		return c.alias(rel, t.Alias, t.Pos())
	case *ast.MatchRecognize:
		return c.matchRecognize(t)
	case *ast.Join:
		rel, _ := c.fromWhere(t, nil)
		return rel
	case *ast.TableFunction:
		return c.tableFunction(t)
	default:
		c.unsupported(t.Pos(), "this table expression")
	}
	return nil
}

// alias names a relation and its columns. Without one it keeps no name.
func (c *Checker) alias(rel *relation, a ast.Alias, span diag.Span) *relation {
	out := *rel
	out.alias, out.tables, out.inner, out.other = "", nil, 0, none
	if a.Name != nil {
		out.alias = a.Name.Name
	}
	if len(a.Columns) == 0 {
		return &out
	}
	names := make([]string, len(a.Columns))
	for i, id := range a.Columns {
		names[i] = id.Name
	}
	return c.renamed(&out, names, span)
}

// renamed gives the columns other names.
func (c *Checker) renamed(rel *relation, names []string, span diag.Span) *relation {
	in := rel.schema()
	if len(names) != len(in.Fields) {
		c.add(diag.ColumnAliases, span, "%d column names are given for %d columns", len(names), len(in.Fields)).
			WithHint("the columns are %s", strings.Join(in.Names(), ", "))
		return nil
	}
	out := &event.Schema{Rowtime: in.Rowtime}
	exprs := make([]expr.Expr, len(names))
	for i, name := range names {
		out.Fields = append(out.Fields, event.Field{Name: name, Type: in.Fields[i].Type})
		exprs[i] = columnOf(in, i, span)
	}
	return &relation{node: &plan.Project{Input: rel.node, Exprs: exprs, Out: out}, alias: rel.alias, proctime: rel.proctime, window: rel.window, key: rel.key}
}

func columnOf(s *event.Schema, i int, span diag.Span) *expr.Column {
	return &expr.Column{Base: typed(s.Fields[i].Type, span), Index: i, Name: s.Fields[i].Name}
}

func (c *Checker) tableRef(t *ast.TableRef) *relation {
	name, ok := c.tableName(t.Name)
	if !ok {
		return nil
	}
	if t.AsOf != nil {
		c.unsupported(t.AsOf.Pos(), "FOR SYSTEM_TIME AS OF without a join").WithHint("write … JOIN %s FOR SYSTEM_TIME AS OF a.ts ON …", name)
		return nil
	}
	rel := c.lookup(name, t)
	if rel == nil {
		return nil
	}
	alias := t.Alias
	if alias.Name == nil {
		alias.Name = &t.Name.Parts[len(t.Name.Parts)-1]
	}
	return c.alias(rel, alias, t.Pos())
}

// lookup finds what a name in FROM stands for: a WITH table, a view, a table.
func (c *Checker) lookup(name string, t *ast.TableRef) *relation {
	if w := c.ctes.find(name); w != nil {
		if !c.spend(w.cost, t.Pos()) {
			return nil
		}
		return w.rel
	}
	if v, ok := c.cat.View(name); ok {
		return c.expand(v, t)
	}
	table, ok := c.cat.Table(name)
	if !ok {
		c.unknownTable(name, t.Name.Pos())
		return nil
	}
	if table = c.withHints(table, t.Hints); table == nil {
		return nil
	}
	return normalized(scan(table), table)
}

func (c *Checker) unknownTable(name string, span diag.Span) {
	if c.blank[strings.ToLower(name)] {
		return // why it is not there has been told
	}
	var names []string
	for _, t := range c.cat.Tables() {
		names = append(names, t.Name)
	}
	for _, v := range c.cat.Views() {
		names = append(names, v.Name)
	}
	for w := c.ctes; w != nil; w = w.next {
		names = append(names, w.name)
	}
	hint(c.add(diag.UnknownTable, span, "there is no table or view %q", name), name, names)
}

// withHints is the table with the options of an OPTIONS hint in place of its own.
func (c *Checker) withHints(t *catalog.Table, hints []ast.Hint) *catalog.Table {
	for _, h := range hints {
		if !strings.EqualFold(h.Name.Name, "OPTIONS") {
			c.unsupported(h.Pos(), "the hint "+strings.ToUpper(h.Name.Name))
			return nil
		}
		changed := *t
		changed.Options = map[string]catalog.Option{}
		for k, v := range t.Options {
			changed.Options[k] = v
		}
		for _, o := range h.Options {
			changed.Options[o.Key] = catalog.Option{Value: o.Value, KeySpan: o.KeySpan, ValueSpan: o.ValueSpan}
		}
		t = &changed
	}
	return t
}

// expand binds a view where it is used. Its text was checked when it was made,
// so a mistake in it now comes from a later change of what it reads.
func (c *Checker) expand(v *catalog.View, t *ast.TableRef) *relation {
	if len(t.Hints) > 0 {
		c.unsupported(t.Hints[0].Pos(), "a hint on a view")
		return nil
	}
	if len(c.views) >= maxViewDepth || indexOf(c.views, v.Name) >= 0 {
		c.add(diag.Limit, t.Pos(), "the view %q reads itself, or views are nested more than %d deep", v.Name, maxViewDepth)
		return nil
	}
	if !c.spend(costOf(v.Query), t.Pos()) {
		return nil
	}
	inner := *c
	inner.list = &diag.List{File: v.Source.File, Source: v.Source.Source}
	inner.ctes, inner.views = nil, append(c.views[:len(c.views):len(c.views)], v.Name)
	rel := inner.view(v)
	if rel != nil {
		placeRanks(rel.node, t.Pos())
	}
	if inner.list.HasErrors() || rel == nil {
		c.add(diag.UnknownTable, t.Pos(), "the view %q can no longer be read:\n%v", v.Name, inner.list)
		return nil
	}
	return rel
}

// view binds the query of a view.
func (c *Checker) view(v *catalog.View) *relation {
	rel := c.query(v.Query)
	if rel == nil || len(v.Columns) == 0 {
		return rel
	}
	return c.renamed(rel, v.Columns, v.Query.Pos())
}

// scan reads all columns of a table; pruning takes away what is not needed.
func scan(t *catalog.Table) *relation {
	node := &plan.Scan{Table: t, Watermark: t.Watermark, Out: &event.Schema{Rowtime: t.Rowtime}}
	rel := &relation{node: node, alias: t.Name, proctime: map[int]bool{}, key: t.PrimaryKey}
	read := make([]int, len(t.Columns)) // position in Read
	for i, col := range t.Columns {
		node.Out.Fields = append(node.Out.Fields, event.Field{Name: col.Name, Type: col.Type})
		rel.proctime[i] = col.Proctime
		if col.Kind == catalog.Computed {
			continue
		}
		read[i] = len(node.Read)
		node.Read = append(node.Read, plan.ReadColumn{Name: col.Name, Type: col.Type, Metadata: col.Key, NotNull: col.NotNull})
	}
	for i, col := range t.Columns {
		if col.Kind == catalog.Computed {
			node.Exprs = append(node.Exprs, plan.Remap(col.Expr, read))
			continue
		}
		node.Exprs = append(node.Exprs, readColumn(&node.Read[read[i]], read[i], &col))
	}
	return rel
}

// readColumn is column i as the table declares it. Metadata are read in the
// type the connector has them in.
func readColumn(r *plan.ReadColumn, i int, col *catalog.Column) expr.Expr {
	if native, ok := metadataTypes[r.Metadata]; ok {
		r.Type = native
	}
	x := &expr.Column{Base: typed(r.Type, col.Span), Index: i, Name: col.Name}
	if r.Type.Equal(col.Type) {
		return x
	}
	return &expr.Cast{Base: typed(col.Type, col.Span), X: x}
}
