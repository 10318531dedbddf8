package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
)

// Explain is the plan as an indented tree, the root first.
func Explain(n Node) string {
	var b strings.Builder
	explain(&b, n, 0, changes(n))
	if set, ok := n.(*Insert); ok {
		for _, other := range set.Also {
			explain(&b, other, 0, changes(other))
		}
	}
	return b.String()
}

// changes says whether rows of some node take others back.
func changes(n Node) bool {
	return ChangelogOf(n) != AppendOnly || slices.ContainsFunc(n.Inputs(), changes)
}

// explain writes n and what is below it; with modes, the changelog of each.
func explain(b *strings.Builder, n Node, depth int, modes bool) {
	indent := strings.Repeat("  ", depth)
	title, details := describe(n)
	if modes {
		details = append(details, "changelog: "+ChangelogOf(n).String())
	}
	fmt.Fprintf(b, "%s%s\n", indent, title)
	for _, d := range details {
		fmt.Fprintf(b, "%s    %s\n", indent, d)
	}
	for _, in := range n.Inputs() {
		explain(b, in, depth+1, modes)
	}
}

// Title names an operator, as EXPLAIN does.
func Title(n Node) string {
	title, _ := describe(n)
	return title
}

// describe is a node's line, and lines of what it does.
func describe(n Node) (title string, details []string) {
	switch n := n.(type) {
	case *Insert:
		return describeInsert(n)
	case *Scan:
		return describeScan(n)
	case *Filter:
		return "Filter", []string{ExprString(n.Cond, n.Input.Schema())}
	case *Project:
		return "Project", outputs(n)
	case *Union:
		return "Union", []string{"columns: " + fields(n.Out)}
	case *Values:
		return fmt.Sprintf("Values(%d rows)", len(n.Rows)), valueLines(n)
	case *Suppress:
		return describeSuppress(n)
	case *Match:
		return "Match(" + partition(n) + ")", describeMatch(n)
	case *Aggregate:
		return describeAggregate(n)
	case *TopN:
		return describeTopN(n)
	case *Over:
		return describeOver(n)
	case *Join:
		return describeJoin(n)
	case *Unnest:
		return describeUnnest(n)
	case *Normalize:
		return describeNormalize(n)
	}
	return fmt.Sprintf("%T", n), nil
}

// maxValueRows is how many rows of constants EXPLAIN shows.
const maxValueRows = 5

func valueLines(n *Values) []string {
	lines := []string{"columns: " + fields(n.Out)}
	for i, row := range n.Rows {
		if i == maxValueRows {
			return append(lines, "…")
		}
		parts := make([]string, len(row))
		for k, v := range row {
			parts[k] = function.Format(n.Out.Fields[k].Type, v)
		}
		lines = append(lines, "("+strings.Join(parts, ", ")+")")
	}
	return lines
}

func describeInsert(n *Insert) (string, []string) {
	names := make([]string, len(n.Write))
	for i, w := range n.Write {
		names[i] = n.Table.Columns[w].Name
	}
	return "Insert(" + n.Table.Name + ")", []string{"columns: " + strings.Join(names, ", ")}
}

func describeScan(n *Scan) (string, []string) {
	read := &event.Schema{}
	names := make([]string, len(n.Read))
	for i, c := range n.Read {
		read.Fields = append(read.Fields, event.Field{Name: c.Name, Type: c.Type})
		names[i] = c.Name
		if c.Metadata != "" {
			names[i] += " METADATA '" + c.Metadata + "'"
		}
	}
	details := []string{"read: " + strings.Join(names, ", ")}
	if cols, ok := columnsOf(n.Exprs); !ok || !ascending(cols, len(n.Read)) {
		for i, e := range n.Exprs {
			if name, text := n.Out.Fields[i].Name, ExprString(e, read); text != name {
				details = append(details, name+" = "+text)
			}
		}
	}
	if n.Watermark != nil {
		details = append(details, fmt.Sprintf("watermark: %s = %s", n.Out.Fields[n.Out.Rowtime].Name, ExprString(n.Watermark, n.Out)))
	}
	return "Scan(" + n.Table.Name + ")", details
}

func ascending(cols []int, n int) bool {
	if len(cols) != n {
		return false
	}
	for i, c := range cols {
		if c != i {
			return false
		}
	}
	return true
}

func outputs(n *Project) []string {
	in := n.Input.Schema()
	lines := make([]string, len(n.Exprs))
	for i, e := range n.Exprs {
		lines[i] = ExprString(e, in)
		if name := n.Out.Fields[i].Name; name != lines[i] {
			lines[i] = name + " = " + lines[i]
		}
	}
	return lines
}

func fields(s *event.Schema) string {
	parts := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		parts[i] = f.Name + " " + f.Type.String()
	}
	return strings.Join(parts, ", ")
}

func partition(n *Match) string {
	if len(n.PartitionBy) == 0 {
		return "one partition"
	}
	names := make([]string, len(n.PartitionBy))
	for i, c := range n.PartitionBy {
		names[i] = n.Input.Schema().Fields[c].Name
	}
	return strings.Join(names, ", ")
}

func describeMatch(n *Match) []string {
	lines := []string{"pattern: " + n.PatternString() + limitsText(n), "order: " + order(n), "rows: " + rowsText(n.Rows), "skip: " + skipText(n)}
	if text := n.Selection.String(); text != "" {
		lines = append(lines, "select: "+text)
	}
	for _, v := range n.Vars {
		cond := "TRUE"
		if v.Define != nil {
			cond = n.ExprString(v.Define)
		}
		lines = append(lines, "define: "+v.Name+" AS "+cond)
	}
	for _, m := range n.Measures {
		lines = append(lines, "measure: "+m.Name+" = "+n.ExprString(m.Expr))
	}
	return lines
}

func withinText(us int64) string {
	if us == 0 {
		return ""
	}
	return " WITHIN " + function.Format(event.TDay, event.IntValue(us))
}

// limitsText is what stands after PATTERN (…).
func limitsText(n *Match) string {
	text := withinText(n.Within)
	if n.WithinOf != nil {
		text += " WITHIN " + ExprString(n.WithinOf, n.Input.Schema())
	}
	if n.Gap > 0 {
		text += withinText(n.Gap) + " BETWEEN ROWS"
	}
	if n.Timeouts {
		text += " EMIT TIMEOUTS"
	}
	return text
}

func order(n *Match) string {
	keys := make([]string, len(n.OrderBy))
	for i, k := range n.OrderBy {
		keys[i] = n.Input.Schema().Fields[k.Column].Name + direction(k.Desc, k.NullsFirst)
	}
	text := strings.Join(keys, ", ")
	if n.Proctime {
		text += " (processing time)"
	}
	return text
}

func rowsText(r ast.RowsPerMatch) string {
	return [...]string{"one per match", "all, empty matches shown", "all, empty matches omitted", "all, with unmatched rows"}[r]
}

func skipText(n *Match) string {
	p := exprPrinter{vars: n.Vars}
	to := strings.TrimSuffix(p.rows(n.SkipTo), ".")
	switch n.Skip {
	case ast.SkipToNext:
		return "to next row"
	case ast.SkipToFirst:
		return "to first " + to
	case ast.SkipToLast:
		return "to last " + to
	case ast.NoSkip:
		return "none: every match"
	}
	return "past last row"
}

// PatternString is the pattern as text.
func (n *Match) PatternString() string { return n.text(n.Pattern, false) }

// text prints p; tight asks for parentheses around what a quantifier
// or a concatenation would otherwise take apart.
func (n *Match) text(p Pattern, tight bool) string {
	switch p := p.(type) {
	case PatVar:
		return n.Vars[p.Var].Name
	case PatEmpty:
		return "()"
	case PatAnchor:
		return map[bool]string{true: "^", false: "$"}[p.Start]
	case PatConcat:
		return grouped(n.join(p.Items, " "), tight)
	case PatAlt:
		return "(" + n.join(p.Alts, " | ") + ")"
	case PatPermute:
		return "PERMUTE(" + n.join(p.Items, ", ") + ")"
	case PatExclude:
		return "{- " + n.text(p.Item, false) + " -}"
	case PatEdge:
		_, loop := p.Item.(PatQuant)
		return grouped(edgeText(p.Edge)+n.text(p.Item, !loop), tight)
	case PatNot:
		return edgeText(p.Edge) + "NOT " + n.Vars[p.Var].Name
	case PatWithin:
		return "(" + n.text(p.Item, false) + withinText(p.Within) + ")"
	case PatQuant:
		if p.Until != nil {
			return grouped("("+n.untilText(p)+")"+n.quantifier(p), tight)
		}
		return grouped(n.text(p.Item, true)+n.quantifier(p), tight)
	}
	return fmt.Sprintf("%T", p)
}

func edgeText(e ast.Edge) string {
	if e == ast.EdgeDefault {
		return ""
	}
	return e.String() + " "
}

// untilText is what a loop with a row that ends it repeats: -> NOT U -> B.
func (n *Match) untilText(p PatQuant) string {
	edge := ast.EdgeDefault
	if e, ok := p.Item.(PatEdge); ok {
		edge = e.Edge
	}
	return n.text(PatNot{Edge: min(edge, ast.EdgeRelaxed), Var: p.Until.Var}, false) + " " + n.text(p.Item, false)
}

func grouped(text string, yes bool) string {
	if yes {
		return "(" + text + ")"
	}
	return text
}

func (n *Match) join(list []Pattern, sep string) string {
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = n.text(p, false)
	}
	return strings.Join(parts, sep)
}

func (n *Match) quantifier(p PatQuant) string {
	text := ""
	switch {
	case p.Bounds > 0:
		text = n.boundsText(p)
	case p.Min == 0 && p.Max < 0:
		text = "*"
	case p.Min == 1 && p.Max < 0:
		text = "+"
	case p.Min == 0 && p.Max == 1:
		text = "?"
	case p.Min == p.Max:
		text = fmt.Sprintf("{%d}", p.Min)
	case p.Max < 0:
		text = fmt.Sprintf("{%d,}", p.Min)
	default:
		text = fmt.Sprintf("{%d,%d}", p.Min, p.Max)
	}
	if p.Reluctant {
		text += "?"
	}
	if p.Possessive {
		text += "+"
	}
	return text
}

// boundsText is {min,max} where a bound is data.
func (n *Match) boundsText(p PatQuant) string {
	of, in := n.Bounds[p.Bounds-1], n.Input.Schema()
	low, high := strconv.Itoa(p.Min), ""
	if of.Min != nil {
		low = ExprString(of.Min, in)
	}
	switch {
	case of.Max != nil && of.Min != nil && expr.Equal(of.Min, of.Max):
		return "{" + low + "}"
	case of.Max != nil:
		high = ExprString(of.Max, in)
	case p.Max >= 0:
		high = strconv.Itoa(p.Max)
	}
	return "{" + low + "," + high + "}"
}
