package parse

import (
	"strconv"
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse/gen"
)

// builder makes the syntax tree of one parse tree. What the grammar leaves to
// it (unit names, doubled clauses) it reports to errs.
type builder struct {
	text  string
	errs  *diag.List
	outer map[ast.Node]diag.Span // of the nodes in parentheses, these included
}

// wrapped notes that n stands in parentheses: its own span is without them,
// that of a node which contains it is with them.
func (b *builder) wrapped(n ast.Node, span diag.Span) {
	if b.outer == nil {
		b.outer = map[ast.Node]diag.Span{}
	}
	b.outer[n] = span
}

// extent is the span of n with the parentheses around it.
func (b *builder) extent(n ast.Node) diag.Span {
	if span, ok := b.outer[n]; ok {
		return span
	}
	return n.Pos()
}

func (b *builder) fail(span diag.Span, format string, args ...any) *diag.Diagnostic {
	return b.errs.Add(diag.Syntax, span, format, args...)
}

func spanOf(ctx antlr.ParserRuleContext) diag.Span {
	start := ctx.GetStart().GetStart()
	if stop := ctx.GetStop(); stop != nil {
		return diag.Span{Start: start, End: max(start, stop.GetStop()+1)}
	}
	return diag.Span{Start: start, End: start}
}

func baseOf(ctx antlr.ParserRuleContext) ast.Base { return ast.Base{Span: spanOf(ctx)} }

func tokenSpan(t antlr.Token) diag.Span {
	return diag.Span{Start: t.GetStart(), End: t.GetStop() + 1}
}

func (b *builder) slice(s diag.Span) string { return b.text[s.Start:s.End] }

func (b *builder) tokenText(t antlr.Token) string { return b.slice(tokenSpan(t)) }

// has is for the optional keywords of a rule.
func has(t antlr.TerminalNode) bool { return t != nil }

// keywords is the words of ctx that are tokens of its own, upper case and
// joined by spaces: GROUPING SETS, UNBOUNDED PRECEDING.
func (b *builder) keywords(ctx antlr.ParserRuleContext) string {
	var words []string
	for _, c := range ctx.GetChildren() {
		if t, ok := c.(antlr.TerminalNode); ok {
			words = append(words, strings.ToUpper(b.tokenText(t.GetSymbol())))
		}
	}
	return strings.Join(words, " ")
}

// mapAll applies f to every context of a list.
func mapAll[C, N any](list []C, f func(C) N) []N {
	if len(list) == 0 {
		return nil
	}
	out := make([]N, len(list))
	for i, c := range list {
		out[i] = f(c)
	}
	return out
}

// ---- names and literals

func (b *builder) ident(ctx gen.IIdentContext) ast.Ident {
	t := ctx.GetStart()
	id := ast.Ident{Base: ast.Base{Span: tokenSpan(t)}, Name: b.tokenText(t)}
	if t.GetTokenType() == gen.CEPParserQUOTED_IDENT {
		id.Name, id.Quoted = unquote(id.Name), true
	}
	if id.Name == "" {
		b.fail(id.Span, "a name cannot be empty")
	}
	return id
}

func (b *builder) name(ctx gen.INameContext) ast.Name {
	return ast.Name{Base: baseOf(ctx), Parts: mapAll(ctx.AllIdent(), b.ident)}
}

func (b *builder) columns(ctx gen.IColumnListContext) []ast.Ident {
	if ctx == nil {
		return nil
	}
	return mapAll(ctx.AllIdent(), b.ident)
}

// unquote takes off the quotes, of whatever kind, and makes doubled ones single.
func unquote(s string) string {
	quote := s[:1]
	return strings.ReplaceAll(s[1:len(s)-1], quote+quote, quote)
}

func (b *builder) str(t antlr.TerminalNode) string { return unquote(b.tokenText(t.GetSymbol())) }

// optionalStr is nil when t is missing.
func (b *builder) optionalStr(t antlr.TerminalNode) *string {
	if t == nil {
		return nil
	}
	s := b.str(t)
	return &s
}

func (b *builder) option(key antlr.TerminalNode, value gen.IOptionValueContext) ast.Option {
	if value.STRING() != nil {
		return b.textOption(key, value.STRING())
	}
	o := ast.Option{Key: b.str(key), Param: b.param(baseOf(value), value.Ident()), KeySpan: tokenSpan(key.GetSymbol()), ValueSpan: spanOf(value)}
	o.Span = o.KeySpan.To(o.ValueSpan)
	return o
}

func (b *builder) textOption(key, value antlr.TerminalNode) ast.Option {
	o := ast.Option{Key: b.str(key), Value: b.str(value), KeySpan: tokenSpan(key.GetSymbol()), ValueSpan: tokenSpan(value.GetSymbol())}
	o.Span = o.KeySpan.To(o.ValueSpan)
	return o
}

// ---- types

func (b *builder) dataType(ctx gen.IDataTypeContext) ast.Type {
	t := b.simpleType(ctx.SimpleType())
	for _, c := range ctx.GetChildren()[1:] {
		suffix := c.(antlr.TerminalNode).GetSymbol()
		outer := ast.Type{Name: strings.ToUpper(b.tokenText(suffix)), Args: []ast.Type{t}}
		outer.Span = t.Span.To(tokenSpan(suffix))
		t = outer
	}
	return t
}

func (b *builder) simpleType(ctx gen.ISimpleTypeContext) ast.Type {
	t := ast.Type{Base: baseOf(ctx)}
	switch ctx := ctx.(type) {
	case *gen.CollectionTypeContext:
		t.Name = strings.ToUpper(b.tokenText(ctx.GetStart()))
		t.Args = []ast.Type{b.elementType(ctx.ElementType())}
	case *gen.MapTypeContext:
		t.Name = "MAP"
		t.Args = mapAll(ctx.AllElementType(), b.elementType)
	case *gen.RowTypeContext:
		t.Name = "ROW"
		t.Fields = mapAll(ctx.AllRowField(), b.rowField)
	case *gen.IntervalTypeContext:
		t.Name, t.Params = b.intervalType(ctx)
	case *gen.NamedTypeContext:
		t.Name = b.typeName(ctx)
		t.Params = b.typeParams(ctx.TypeParams())
	}
	return t
}

func (b *builder) elementType(ctx gen.IElementTypeContext) ast.Type {
	t := b.dataType(ctx.DataType())
	t.NotNull = has(ctx.NOT())
	return t
}

func (b *builder) rowField(ctx gen.IRowFieldContext) ast.RowField {
	return ast.RowField{Base: baseOf(ctx), Name: b.ident(ctx.Ident()), Type: b.elementType(ctx.ElementType()), Comment: b.optionalStr(ctx.STRING())}
}

// typeName folds the spellings of several words into the name of one.
func (b *builder) typeName(ctx *gen.NamedTypeContext) string {
	id := b.ident(ctx.Ident())
	if id.Quoted {
		b.fail(id.Span, "the name of a type is not quoted")
	}
	name, zone := strings.ToUpper(id.Name), ""
	if z := ctx.TimeZone(); z != nil {
		zone = b.keywords(z)
	}
	switch {
	case has(ctx.VARYING()) && name == "BINARY":
		return "VARBINARY"
	case has(ctx.VARYING()):
		return "VARCHAR"
	case zone == "WITH LOCAL TIME ZONE" && name == "TIMESTAMP":
		return "TIMESTAMP_LTZ"
	case zone == "WITHOUT TIME ZONE" && (name == "TIMESTAMP" || name == "TIME"):
		return name
	case zone != "":
		return name + " " + zone
	}
	return name
}

func (b *builder) typeParams(ctx gen.ITypeParamsContext) []int {
	if ctx == nil {
		return nil
	}
	return mapAll(ctx.AllINTEGER(), func(t antlr.TerminalNode) int {
		n, err := strconv.ParseInt(t.GetText(), 10, 32)
		if err != nil {
			b.fail(tokenSpan(t.GetSymbol()), "%s is too large for a length or precision", shorten(t.GetText()))
		}
		return int(n)
	})
}

func (b *builder) intervalType(ctx *gen.IntervalTypeContext) (string, []int) {
	from, to := b.units(ctx.AllIdent())
	if to == "" {
		return "INTERVAL " + from, b.precision(ctx.TypeParams(0))
	}
	return "INTERVAL " + from + " TO " + to, b.precisions(ctx)
}

// precision of a unit: none or one number.
func (b *builder) precision(ctx gen.ITypeParamsContext) []int {
	params := b.typeParams(ctx)
	if len(params) > 1 {
		b.fail(spanOf(ctx), "a unit of an interval has one precision")
	}
	return params
}

// precisions is nil, or of both units, -1 where not written.
func (b *builder) precisions(ctx interface {
	GetChildren() []antlr.Tree
}) []int {
	params, unit := []int{-1, -1}, -1
	for _, c := range ctx.GetChildren() {
		switch c := c.(type) {
		case gen.IIdentContext:
			unit++
		case gen.ITypeParamsContext:
			params[unit] = b.precision(c)[0]
		}
	}
	if params[0] == -1 && params[1] == -1 {
		return nil
	}
	return params
}

// intervalUnits are the units an interval may have; plurals are allowed.
var intervalUnits = []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND"}

// unitOf is the unit a word names, or "".
func unitOf(word string) string {
	word = strings.ToUpper(word)
	for _, u := range intervalUnits {
		if word == u || word == u+"S" {
			return u
		}
	}
	return ""
}

func isUnit(word string) bool { return unitOf(word) != "" }

func (b *builder) unit(ctx gen.IIdentContext) string {
	id := b.ident(ctx)
	if u := unitOf(id.Name); u != "" && !id.Quoted {
		return u
	}
	d := b.fail(id.Span, "%q is not a unit of time", id.Name)
	if near := diag.Nearest(id.Name, intervalUnits); near != "" {
		d.WithHint("did you mean %s?", near)
	}
	return ""
}

func (b *builder) units(list []gen.IIdentContext) (from, to string) {
	from = b.unit(list[0])
	if len(list) > 1 {
		to = b.unit(list[1])
	}
	return from, to
}
