package format

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/query/ast"
)

func (p *printer) statement(s ast.Statement) {
	switch s := s.(type) {
	case *ast.QueryStatement:
		p.query(s.Query)
	case *ast.Insert:
		p.insert(s)
	case *ast.CreateTable:
		p.createTable(s)
	case *ast.CreateView:
		p.createView(s)
	case *ast.CreateFunction:
		p.createFunction(s)
	case *ast.CreateQuery:
		p.write("CREATE QUERY ", exists(s.IfNotExists, "IF NOT EXISTS "))
		p.ident(s.Name)
		p.write(exists(s.Shadow, " SHADOW"), " AS")
		p.line(s.Insert.Pos().Start)
		p.insert(s.Insert)
	case *ast.Explain:
		p.write("EXPLAIN ", exists(s.Analyze, "ANALYZE "))
		p.statement(s.Statement)
	case *ast.StatementSet:
		p.statementSet(s)
	case *ast.Describe:
		p.write("DESCRIBE ")
		p.name(s.Name)
	case *ast.Show:
		p.write("SHOW ", s.What)
		if s.Name != nil {
			p.write(" ")
			p.name(*s.Name)
		}
	case *ast.Drop:
		p.write("DROP ", exists(s.Temporary, "TEMPORARY "), s.What, " ", exists(s.IfExists, "IF EXISTS "))
		p.name(s.Name)
	case *ast.AlterQuery:
		p.alterQuery(s)
	case *ast.AlterTable:
		p.alterTable(s)
	case *ast.Set:
		p.write("SET")
		if s.Option.Key != "" {
			p.write(" ", optionText(s.Option))
		}
	}
}

// exists is text when it is wanted.
func exists(wanted bool, text string) string {
	if wanted {
		return text
	}
	return ""
}

func (p *printer) alterQuery(s *ast.AlterQuery) {
	p.write("ALTER QUERY ")
	p.ident(s.Name)
	p.write(" ", s.Action)
	if s.Insert != nil {
		p.line(s.Insert.Pos().Start)
		p.insert(s.Insert)
	}
}

func (p *printer) alterTable(s *ast.AlterTable) {
	p.write("ALTER TABLE ")
	p.name(s.Name)
	p.write(" ADD (")
	commas(p, s.Columns, (*printer).columnDef)
	p.write(")")
}

func (p *printer) statementSet(s *ast.StatementSet) {
	p.write("EXECUTE STATEMENT SET BEGIN")
	p.depth++
	for _, i := range s.Inserts {
		p.line(i.Pos().Start)
		p.insert(i)
		p.write(";")
	}
	p.depth--
	p.line(s.Span.End)
	p.write("END")
}

func (p *printer) insert(s *ast.Insert) {
	p.write("INSERT INTO ")
	p.name(s.Table)
	p.hints(s.Hints)
	p.columns(s.Columns)
	p.line(s.Query.Pos().Start)
	p.query(s.Query)
}

func (p *printer) hints(hints []ast.Hint) {
	if len(hints) == 0 {
		return
	}
	p.write(" /*+ ")
	commas(p, hints, (*printer).hint)
	p.write(" */")
}

func (p *printer) hint(h ast.Hint) {
	p.ident(h.Name)
	var args []string
	for _, a := range h.Args {
		args = append(args, quote(a))
	}
	for _, o := range h.Options {
		args = append(args, optionText(o))
	}
	if len(args) > 0 {
		p.write("(", strings.Join(args, ", "), ")")
	}
}

func (p *printer) createTable(s *ast.CreateTable) {
	p.write("CREATE ", exists(s.Temporary, "TEMPORARY "), "TABLE ", exists(s.IfNotExists, "IF NOT EXISTS "))
	p.name(s.Name)
	elements := p.tableElements(s)
	if len(elements) > 0 {
		p.write(" ")
		p.items(elements)
	}
	if s.Comment != nil {
		p.write(" COMMENT ", quote(*s.Comment))
	}
	if len(s.PartitionBy) > 0 {
		p.write(" PARTITIONED BY")
		p.columns(s.PartitionBy)
	}
	if len(s.Options) > 0 {
		p.write(" WITH ")
		p.items(optionItems(s.Options))
	}
	p.like(s)
}

func (p *printer) like(s *ast.CreateTable) {
	switch {
	case s.Sample != nil:
		p.sample(s.Sample)
	case s.Like != nil:
		p.write(" LIKE ")
		p.name(*s.Like)
	}
}

func (p *printer) sample(s *ast.Sample) {
	p.write(" LIKE SAMPLE")
	if s.File != nil {
		p.write(" ", quote(*s.File))
	}
	if s.Rows == 0 {
		return
	}
	end := "FIRST"
	if s.Last {
		end = "LAST"
	}
	p.write(fmt.Sprintf(" (%s %d ROWS)", end, s.Rows))
}

// item is one line of a table's body or options.
type item struct {
	start, end int
	text       string
}

// items prints lines between parentheses, or all in one line where they fit.
func (p *printer) items(items []item) {
	flat := flatText(func(q *printer) { commas(q, items, func(q *printer, i item) { q.write(i.text) }) })
	end := 0
	for _, i := range items {
		end = max(end, i.end)
	}
	if len(items) <= 3 && !p.inside(end) && p.fits("("+flat+")") {
		p.write("(", flat, ")")
		return
	}
	p.write("(")
	p.depth++
	for i, item := range items {
		if i > 0 {
			p.write(",")
		}
		p.line(item.start)
		p.write(item.text)
	}
	p.depth--
	p.line(end)
	p.write(")")
}

func (p *printer) tableElements(s *ast.CreateTable) []item {
	var items []item
	for _, c := range s.Columns {
		items = append(items, item{c.Span.Start, c.Span.End, flatText(func(q *printer) { q.columnDef(c) })})
	}
	if k := s.PrimaryKey; len(k) > 0 {
		text := flatText(func(q *printer) { q.columns(k) })
		items = append(items, item{k[0].Span.Start, k[len(k)-1].Span.End, "PRIMARY KEY" + text + " NOT ENFORCED"})
	}
	if w := s.Watermark; w != nil {
		items = append(items, item{w.Span.Start, w.Span.End, flatText(func(q *printer) {
			q.write("WATERMARK FOR ")
			q.ident(w.Column)
			q.write(" AS ")
			q.expr(w.Expr)
		})})
	}
	return items
}

func optionItems(options []ast.Option) []item {
	var items []item
	for _, o := range options {
		items = append(items, item{o.Span.Start, o.Span.End, optionText(o)})
	}
	return items
}

func optionText(o ast.Option) string {
	if o.Param != nil {
		return quote(o.Key) + " = :" + o.Param.Name
	}
	return quote(o.Key) + " = " + quote(o.Value)
}

func (p *printer) columnDef(c ast.ColumnDef) {
	p.ident(c.Name)
	if c.As != nil {
		p.write(" AS ")
		p.expr(c.As)
	} else {
		p.write(" ")
		p.dataType(*c.Type)
	}
	p.write(exists(c.NotNull, " NOT NULL"), exists(c.Primary, " PRIMARY KEY NOT ENFORCED"), exists(c.Metadata, " METADATA"))
	if c.From != nil {
		p.write(" FROM ", quote(*c.From))
	}
	p.write(exists(c.Virtual, " VIRTUAL"))
	if c.Comment != nil {
		p.write(" COMMENT ", quote(*c.Comment))
	}
}

func (p *printer) createView(s *ast.CreateView) {
	p.write("CREATE ", exists(s.Temporary, "TEMPORARY "), "VIEW ", exists(s.IfNotExists, "IF NOT EXISTS "))
	p.name(s.Name)
	p.columns(s.Columns)
	if s.Comment != nil {
		p.write(" COMMENT ", quote(*s.Comment))
	}
	p.write(" AS")
	p.line(s.Query.Pos().Start)
	p.query(s.Query)
}

func (p *printer) createFunction(s *ast.CreateFunction) {
	p.write("CREATE ", exists(s.Temporary, "TEMPORARY "), exists(s.Aggregate, "AGGREGATE "), "FUNCTION ", exists(s.IfNotExists, "IF NOT EXISTS "))
	p.name(s.Name)
	p.write("(")
	commas(p, s.Args, (*printer).dataType)
	p.write(") RETURNS ")
	p.dataType(s.Returns)
	p.write(" LANGUAGE ")
	p.ident(s.Language)
	if s.Body != nil {
		p.write(" AS ", quote(*s.Body))
	}
	if s.Using != nil {
		p.write(" USING ", strings.ToUpper(s.Using.Name), " ", quote(s.File))
	}
	if len(s.Options) > 0 {
		p.write(" WITH ")
		p.items(optionItems(s.Options))
	}
}

// ---- names and types

func (p *printer) ident(id ast.Ident) {
	if id.Quoted {
		p.write("`", strings.ReplaceAll(id.Name, "`", "``"), "`")
		return
	}
	p.write(id.Name)
}

func (p *printer) name(n ast.Name) { p.path(n.Parts) }

func (p *printer) path(parts []ast.Ident) {
	for i, id := range parts {
		if i > 0 {
			p.write(".")
		}
		p.ident(id)
	}
}

// columns prints " (a, b)", or nothing.
func (p *printer) columns(list []ast.Ident) {
	if len(list) == 0 {
		return
	}
	p.write(" (")
	commas(p, list, (*printer).ident)
	p.write(")")
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (p *printer) dataType(t ast.Type) {
	switch {
	case strings.HasPrefix(t.Name, "INTERVAL "):
		p.write(intervalType(t))
	case len(t.Fields) > 0:
		p.write("ROW<")
		commas(p, t.Fields, (*printer).rowField)
		p.write(">")
	case len(t.Args) > 0:
		p.write(t.Name, "<")
		commas(p, t.Args, (*printer).dataType)
		p.write(">")
	default:
		p.write(scalarType(t))
	}
	p.write(exists(t.NotNull, " NOT NULL"))
}

func (p *printer) rowField(f ast.RowField) {
	p.ident(f.Name)
	p.write(" ")
	p.dataType(f.Type)
	if f.Comment != nil {
		p.write(" ", quote(*f.Comment))
	}
}

func params(list []int) string {
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", ", ") + ")"
}

// scalarType puts the parameters after the first word: TIMESTAMP(3) WITH TIME ZONE.
func scalarType(t ast.Type) string {
	word, rest, more := strings.Cut(t.Name, " ")
	if more {
		rest = " " + rest
	}
	return word + params(t.Params) + rest
}

func intervalType(t ast.Type) string {
	from, to, both := strings.Cut(t.Name, " TO ")
	if !both {
		return from + params(t.Params)
	}
	precision := func(i int) string {
		if len(t.Params) == 0 || t.Params[i] < 0 {
			return ""
		}
		return params(t.Params[i : i+1])
	}
	return from + precision(0) + " TO " + to + precision(1)
}
