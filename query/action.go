package query

import (
	"maps"
	"sort"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

func (c *compiler) action(a Action) {
	a.Before = len(c.result.Queries)
	c.result.Actions = append(c.result.Actions, a)
}

func (c *compiler) explain(s *ast.Explain) {
	if s.Analyze {
		c.list.Add(diag.NotSupported, s.Pos(), "EXPLAIN ANALYZE is not supported yet").
			WithHint("EXPLAIN tells the plan; the web page shows what the operators of a query that runs do")
		return
	}
	if root, _ := c.root(s.Statement); root != nil {
		if root.Name == "" {
			root.Name = root.Table.Name
		}
		c.action(Action{Statement: s, Plan: root})
	}
}

// set changes a setting for the statements that follow; without a key it asks
// for all.
func (c *compiler) set(s *ast.Set) {
	if s.Option.Key != "" {
		c.setTo(s)
		return
	}
	var rows [][]string
	for k, v := range c.cat.Settings {
		rows = append(rows, []string{k, v})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i][0] < rows[j][0] })
	c.action(Action{Statement: s, Columns: []string{"key", "value"}, Rows: rows})
}

func (c *compiler) setTo(s *ast.Set) {
	value, ok := c.check.Option(&s.Option)
	if !ok {
		return
	}
	if near, err := catalog.CheckSetting(s.Option.Key); err != nil {
		d := c.list.Add(diag.UnknownOption, s.Option.KeySpan, "%v", err)
		if near != "" {
			d.WithHint("did you mean '%s'?", near)
		}
		return
	}
	c.cat.Settings[s.Option.Key] = value
	c.action(Action{Statement: s})
}

func (c *compiler) drop(s *ast.Drop) {
	switch s.What {
	case "TABLE", "VIEW":
		c.check.Drop(s)
	case "QUERY":
		c.action(Action{Statement: s})
	case "FUNCTION":
		c.check.DropFunction(s)
	default:
		c.list.Add(diag.NotSupported, s.Pos(), "DROP %s is not supported yet", s.What)
	}
}

// alter is ALTER QUERY: its new text is planned, and it is for the caller to know
// the query.
func (c *compiler) alter(s *ast.AlterQuery) {
	a := Action{Statement: s}
	if s.Insert != nil {
		a.Plan, _ = c.root(s.Insert)
		if a.Plan == nil {
			return
		}
		a.Plan.Name, a.Settings = s.Name.Name, maps.Clone(c.cat.Settings)
	}
	c.action(a)
}

func (c *compiler) describe(s *ast.Describe) {
	table, schema := c.check.Schema(s.Name)
	if schema == nil {
		return
	}
	a := Action{Statement: s, Columns: []string{"name", "type", "null", "key", "extras", "watermark"}}
	for i, f := range schema.Fields {
		row := []string{f.Name, f.Type.String(), "TRUE", "", "", ""}
		if table != nil {
			describeColumn(table, i, row)
		}
		a.Rows = append(a.Rows, row)
	}
	c.action(a)
}

// describeColumn fills in what only a table's column has.
func describeColumn(t *catalog.Table, i int, row []string) {
	col := &t.Columns[i]
	if col.NotNull {
		row[2] = "FALSE"
	}
	for _, k := range t.PrimaryKey {
		if k == i {
			row[3] = "PRI"
		}
	}
	switch col.Kind {
	case catalog.Metadata:
		row[4] = "METADATA FROM '" + col.Key + "'"
		if col.Virtual {
			row[4] += " VIRTUAL"
		}
	case catalog.Computed:
		row[4] = "AS " + plan.ExprString(col.Expr, nil)
	}
	if i == t.Rowtime {
		row[5] = plan.ExprString(t.Watermark, nil)
	}
}

func sourceText(l *diag.List, s diag.Span) string {
	if l == nil || s.End > len(l.Source) || s.Start >= s.End {
		return ""
	}
	return l.Source[s.Start:s.End]
}

func (c *compiler) show(s *ast.Show) {
	a := Action{Statement: s}
	switch s.What {
	case "TABLES":
		a.Columns = []string{"table name"}
		for _, t := range c.cat.Tables() {
			a.Rows = append(a.Rows, []string{t.Name})
		}
	case "VIEWS":
		a.Columns = []string{"view name"}
		for _, v := range c.cat.Views() {
			a.Rows = append(a.Rows, []string{v.Name})
		}
	case "FUNCTIONS":
		a.Columns, a.Rows = []string{"function", "usage", "meaning"}, functions(c.cat)
	case "CREATE TABLE":
		c.showCreate(s, &a)
		return
	case "QUERIES", "QUERY STATUS":
	default:
		c.list.Add(diag.NotSupported, s.Pos(), "SHOW %s is not supported yet", s.What).
			WithHint("there are SHOW TABLES, VIEWS, FUNCTIONS, QUERIES and CREATE TABLE name")
		return
	}
	c.action(a)
}

func functions(cat *catalog.Catalog) [][]string {
	var rows [][]string
	for _, f := range cat.Functions() {
		rows = append(rows, []string{strings.ToUpper(f.Name), f.Usage, f.Doc()})
	}
	for _, f := range function.All() {
		rows = append(rows, []string{f.Name, f.Usage, f.Doc})
	}
	for _, f := range function.AllAggregates() {
		rows = append(rows, []string{f.Name, f.Usage, f.Doc})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i][0] < rows[j][0] })
	return rows
}

func (c *compiler) showCreate(s *ast.Show, a *Action) {
	table, schema := c.check.Schema(*s.Name)
	switch {
	case schema == nil:
		return
	case table == nil:
		c.list.Add(diag.UnknownTable, s.Name.Pos(), "%q is a view", s.Name.Parts[0].Name)
		return
	}
	text := table.Pinned
	if text == "" {
		text = strings.TrimSpace(sourceText(table.Source, table.Span))
	}
	text = strings.Join(append([]string{text}, table.Added...), ";\n")
	a.Columns, a.Rows = []string{"create table"}, [][]string{{text}}
	c.action(*a)
}
