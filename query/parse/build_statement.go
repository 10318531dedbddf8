package parse

import (
	"strconv"
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse/gen"
)

func (b *builder) statement(ctx gen.IStatementContext) ast.Statement {
	return b.plainStatement(ctx.GetChild(0))
}

func (b *builder) plainStatement(ctx antlr.Tree) ast.Statement {
	switch ctx := ctx.(type) {
	case gen.IQueryContext:
		return &ast.QueryStatement{Base: baseOf(ctx), Query: b.query(ctx)}
	case gen.IInsertContext:
		return b.insert(ctx)
	case gen.ICreateContext:
		return b.create(ctx)
	case gen.IExplainContext:
		return &ast.Explain{Base: baseOf(ctx), Analyze: has(ctx.ANALYZE()), Statement: b.plainStatement(ctx.Explained().GetChild(0))}
	case gen.IStatementSetContext:
		return &ast.StatementSet{Base: baseOf(ctx), Inserts: mapAll(ctx.AllInsert(), b.insert)}
	case gen.IDescribeContext:
		return &ast.Describe{Base: baseOf(ctx), Name: b.name(ctx.Name())}
	case gen.IShowContext:
		return b.show(ctx)
	case gen.IDropContext:
		return b.drop(ctx)
	case gen.IAlterQueryContext:
		return b.alterQuery(ctx)
	case gen.IAlterTableContext:
		return b.alterTable(ctx)
	case gen.ISetContext:
		return b.set(ctx)
	}
	panic("statement without a builder")
}

func (b *builder) insert(ctx gen.IInsertContext) *ast.Insert {
	return &ast.Insert{
		Base: baseOf(ctx), Table: b.name(ctx.Name()), Hints: b.hints(ctx.Hints()),
		Columns: b.columns(ctx.ColumnList()), Query: b.query(ctx.Query()),
	}
}

// showable is what SHOW shows by one word.
var showable = []string{"TABLES", "VIEWS", "QUERIES", "FUNCTIONS"}

func (b *builder) show(ctx gen.IShowContext) ast.Statement {
	s := &ast.Show{Base: baseOf(ctx)}
	if ctx.Name() != nil {
		name := b.name(ctx.Name())
		s.Name = &name
	}
	if has(ctx.CREATE()) {
		s.What = "CREATE TABLE"
		return s
	}
	words := mapAll(ctx.AllIdent(), b.ident)
	s.What = strings.ToUpper(words[0].Name)
	if len(words) == 2 {
		s.What += " " + strings.ToUpper(words[1].Name)
	}
	b.checkShow(s, words)
	return s
}

func (b *builder) checkShow(s *ast.Show, words []ast.Ident) {
	if s.Name != nil && s.What == "QUERY STATUS" {
		return
	}
	for _, w := range showable {
		if s.What == w {
			return
		}
	}
	d := b.fail(words[0].Span.To(words[len(words)-1].Span), "SHOW knows TABLES, VIEWS, QUERIES, FUNCTIONS, CREATE TABLE name and QUERY STATUS name")
	if near := diag.Nearest(words[0].Name, showable); near != "" {
		d.WithHint("did you mean SHOW %s?", near)
	}
}

func (b *builder) drop(ctx gen.IDropContext) ast.Statement {
	d := &ast.Drop{Base: baseOf(ctx), Temporary: has(ctx.TEMPORARY()), IfExists: ctx.IfExists() != nil, Name: b.name(ctx.Name())}
	words := strings.Fields(b.keywords(ctx))
	d.What = words[len(words)-1]
	return d
}

func (b *builder) alterQuery(ctx gen.IAlterQueryContext) ast.Statement {
	a := &ast.AlterQuery{Base: baseOf(ctx), Name: b.ident(ctx.Ident())}
	words := strings.Fields(b.keywords(ctx))
	a.Action = words[len(words)-1]
	if ctx.Insert() != nil {
		a.Insert = b.insert(ctx.Insert())
	}
	return a
}

// alterTable knows ADD; that is no word of its own, so that columns may be called so.
func (b *builder) alterTable(ctx gen.IAlterTableContext) ast.Statement {
	a := &ast.AlterTable{Base: baseOf(ctx), Name: b.name(ctx.Name())}
	if verb := b.ident(ctx.Ident()); !strings.EqualFold(verb.Name, "ADD") || verb.Quoted {
		b.fail(verb.Span, "ALTER TABLE %s knows ADD", b.slice(a.Name.Span)).WithHint("write ALTER TABLE %s ADD (name TYPE)", b.slice(a.Name.Span))
	}
	t, elements := &ast.CreateTable{}, []gen.ITableElementContext{ctx.TableElement()}
	if body := ctx.TableBody(); body != nil {
		elements = body.AllTableElement()
	}
	for _, e := range elements {
		b.tableElement(t, e)
		if t.Watermark != nil || t.PrimaryKey != nil {
			b.fail(spanOf(e), "ADD takes columns: key and time of a table stay as they are")
		}
	}
	a.Columns = t.Columns
	return a
}

func (b *builder) set(ctx gen.ISetContext) ast.Statement {
	s := &ast.Set{}
	if key := ctx.STRING(); key != nil {
		s.Option = b.option(key, ctx.OptionValue())
		if s.Option.Key == "" {
			b.fail(s.Option.KeySpan, "the name of a setting cannot be empty")
		}
	}
	s.Base = baseOf(ctx)
	return s
}

// ---- CREATE

func (b *builder) create(ctx gen.ICreateContext) ast.Statement {
	var body antlr.Tree
	if t := ctx.Temporary(); t != nil {
		body = t.GetChild(0)
	} else {
		body = ctx.Permanent().GetChild(0)
	}
	base, temporary := baseOf(ctx), has(ctx.TEMPORARY())
	switch c := body.(type) {
	case gen.ICreateTableContext:
		return b.createTable(c, base, temporary)
	case gen.ICreateViewContext:
		return &ast.CreateView{
			Base: base, Temporary: temporary, IfNotExists: c.IfNotExists() != nil, Name: b.name(c.Name()),
			Columns: b.columns(c.ColumnList()), Comment: b.optionalStr(c.STRING()), Query: b.query(c.Query()),
		}
	case gen.ICreateFunctionContext:
		return b.createFunction(c, base, temporary)
	case gen.ICreateQueryContext:
		return &ast.CreateQuery{
			Base: base, IfNotExists: c.IfNotExists() != nil, Name: b.ident(c.Ident()),
			Shadow: has(c.SHADOW()), Insert: b.insert(c.Insert()),
		}
	}
	panic("CREATE without a builder")
}

func (b *builder) createFunction(c gen.ICreateFunctionContext, base ast.Base, temporary bool) ast.Statement {
	types := mapAll(c.AllDataType(), b.dataType)
	args := types[:len(types)-1]
	if len(args) == 0 {
		args = nil
	}
	f := &ast.CreateFunction{
		Base: base, Temporary: temporary, IfNotExists: c.IfNotExists() != nil, Aggregate: has(c.AGGREGATE()), Name: b.name(c.Name()),
		Args: args, Returns: types[len(types)-1], Language: b.ident(c.Ident()), Body: b.optionalStr(c.STRING()),
	}
	if u := c.UsingFile(); u != nil {
		id := b.ident(u.Ident())
		f.Using, f.File = &id, b.str(u.STRING())
	}
	if o := c.Options_(); o != nil {
		f.Options = mapAll(o.AllOption(), func(o gen.IOptionContext) ast.Option { return b.option(o.STRING(), o.OptionValue()) })
	}
	return f
}

func (b *builder) createTable(c gen.ICreateTableContext, base ast.Base, temporary bool) ast.Statement {
	t := &ast.CreateTable{
		Base: base, Temporary: temporary, IfNotExists: c.IfNotExists() != nil, Name: b.name(c.Name()), Comment: b.optionalStr(c.STRING()),
	}
	if body := c.TableBody(); body != nil {
		for _, e := range body.AllTableElement() {
			b.tableElement(t, e)
		}
	}
	if p := c.Partitioned(); p != nil {
		t.PartitionBy = b.columns(p.ColumnList())
	}
	if o := c.Options_(); o != nil {
		t.Options = mapAll(o.AllOption(), func(o gen.IOptionContext) ast.Option { return b.option(o.STRING(), o.OptionValue()) })
	}
	for i, l := range c.AllLike() {
		b.like(t, l, i > 0)
	}
	return t
}

func (b *builder) like(t *ast.CreateTable, ctx gen.ILikeContext, again bool) {
	if again {
		b.fail(spanOf(ctx), "LIKE is written twice")
	}
	name := b.name(ctx.Name())
	if len(name.Parts) == 1 && !name.Parts[0].Quoted && strings.EqualFold(name.Parts[0].Name, "SAMPLE") {
		t.Sample = b.sample(ctx)
		return
	}
	if of := ctx.STRING(); of != nil {
		b.fail(tokenSpan(of.GetSymbol()), "LIKE takes a table, or SAMPLE and a file").WithHint("write LIKE SAMPLE %s", of.GetText())
	} else if size := ctx.SampleSize(); size != nil {
		b.fail(spanOf(size), "only a sample has a size").WithHint("write LIKE SAMPLE %s", b.slice(spanOf(size)))
	}
	t.Like = &name
}

// maxSampleRows bounds a sample.
const maxSampleRows = 100_000

func (b *builder) sample(ctx gen.ILikeContext) *ast.Sample {
	s := &ast.Sample{Base: baseOf(ctx), File: b.optionalStr(ctx.STRING())}
	size := ctx.SampleSize()
	if size == nil {
		return s
	}
	n, err := strconv.Atoi(size.INTEGER().GetText())
	if err != nil || n < 1 || n > maxSampleRows {
		b.fail(tokenSpan(size.INTEGER().GetSymbol()), "a sample has from 1 to %d rows", maxSampleRows)
	}
	s.Rows, s.Last = n, has(size.LAST())
	return s
}

func (b *builder) tableElement(t *ast.CreateTable, ctx gen.ITableElementContext) {
	switch c := ctx.(type) {
	case *gen.WatermarkContext:
		if t.Watermark != nil {
			b.fail(spanOf(c), "a table has one WATERMARK")
		}
		t.Watermark = &ast.Watermark{Base: baseOf(c), Column: b.ident(c.Ident()), Expr: b.expr(c.Expr())}
	case *gen.PrimaryKeyContext:
		if t.PrimaryKey != nil {
			b.fail(spanOf(c), "a table has one PRIMARY KEY")
		}
		t.PrimaryKey = b.columns(c.ColumnList())
	case *gen.ColumnContext:
		t.Columns = append(t.Columns, b.column(c))
	}
}

func (b *builder) column(c *gen.ColumnContext) ast.ColumnDef {
	col := ast.ColumnDef{Base: baseOf(c), Name: b.ident(c.Ident()), Comment: b.optionalStr(c.STRING())}
	if c.Expr() != nil {
		col.As = b.expr(c.Expr())
		return col
	}
	typ := b.dataType(c.DataType())
	col.Type = &typ
	for _, k := range c.AllColumnConstraint() {
		switch {
		case has(k.PRIMARY()):
			col.Primary = true
		case has(k.NOT()):
			col.NotNull = true
		}
	}
	if m := c.Metadata(); m != nil {
		col.Metadata, col.From, col.Virtual = true, b.optionalStr(m.STRING()), has(m.VIRTUAL())
	}
	return col
}

// ---- hints

func (b *builder) hints(ctx gen.IHintsContext) []ast.Hint {
	if ctx == nil {
		return nil
	}
	return mapAll(ctx.AllHint(), b.hint)
}

func (b *builder) hint(ctx gen.IHintContext) ast.Hint {
	h := ast.Hint{Base: baseOf(ctx), Name: b.ident(ctx.Ident())}
	for _, a := range ctx.AllHintArg() {
		switch texts := a.AllSTRING(); {
		case len(texts) == 2:
			h.Options = append(h.Options, b.textOption(texts[0], texts[1]))
		case len(texts) == 1:
			h.Args = append(h.Args, b.str(texts[0]))
		case a.Ident() != nil:
			h.Args = append(h.Args, b.ident(a.Ident()).Name)
		default:
			h.Args = append(h.Args, a.INTEGER().GetText())
		}
	}
	return h
}
