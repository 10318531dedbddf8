package parse

import (
	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse/gen"
)

// The limits of a text. Past them Parse answers with a diag.Limit error.
const (
	MaxTextBytes = 8 << 20
	maxTokens    = 200_000 // up to a semicolon
	maxNesting   = 200
)

// Parse reads the statements of a file. file is the name to show in errors. The
// error is a *diag.List with the first mistake of each statement.
func Parse(file, text string) (*ast.Script, error) {
	return result(Partial(file, text))
}

// Partial reads what it can of a text with mistakes: the statements that have
// none, and the first mistake of each of the others.
func Partial(file, text string) (*ast.Script, *diag.List) {
	errs := &diag.List{File: file, Source: text}
	tokens, comments := scanPartly(text, errs)
	script := &ast.Script{Comments: comments}
	script.Span = diag.Span{End: len(text)}
	parts := split(tokens)
	if errs.HasErrors() && len(parts) > 0 {
		parts = parts[:len(parts)-1] // it ends in the midst of a word
	}
	for _, part := range parts {
		if s := statement(part, text, errs); s != nil {
			script.Statements = append(script.Statements, s)
		}
	}
	errs.Sort()
	return script, errs
}

// statement reads one; nil after a mistake.
func statement(tokens []token, text string, errs *diag.List) ast.Statement {
	before := len(errs.Items)
	tree := parseTokens(tokens, text, errs, (*gen.CEPParser).OneStatement)
	if tree == nil {
		return nil
	}
	s := build(text, errs, func(b *builder) ast.Statement { return b.statement(tree.Statement()) })
	if len(errs.Items) > before {
		return nil
	}
	return s
}

// Query reads one query, without a semicolon.
func Query(file, text string) (ast.Query, error) {
	errs := &diag.List{File: file, Source: text}
	tokens, _ := scan(text, errs)
	var query ast.Query
	if tree := parseTokens(tokens, text, errs, (*gen.CEPParser).OneQuery); tree != nil {
		query = build(text, errs, func(b *builder) ast.Query { return b.query(tree.Query()) })
	}
	return result(query, errs)
}

// Expr reads one expression.
func Expr(file, text string) (ast.Expr, error) {
	errs := &diag.List{File: file, Source: text}
	tokens, _ := scan(text, errs)
	var expr ast.Expr
	if tree := parseTokens(tokens, text, errs, (*gen.CEPParser).OneExpr); tree != nil {
		expr = build(text, errs, func(b *builder) ast.Expr { return b.expr(tree.Expr()) })
	}
	return result(expr, errs)
}

func result[T any](tree T, errs *diag.List) (T, error) {
	if errs.HasErrors() {
		errs.Sort()
		var none T
		return none, errs
	}
	return tree, nil
}

// scan makes the tokens of a text within the limits; none after a mistake.
func scan(text string, errs *diag.List) (tokens []token, comments []ast.Comment) {
	if tokens, comments = scanPartly(text, errs); errs.HasErrors() {
		return nil, nil
	}
	return tokens, comments
}

// scanPartly makes the tokens up to the first that no statement can contain.
func scanPartly(text string, errs *diag.List) (tokens []token, comments []ast.Comment) {
	defer recoverDefect(errs)
	if len(text) > MaxTextBytes {
		errs.Add(diag.Limit, diag.Span{Start: MaxTextBytes, End: MaxTextBytes}, "the text is longer than %d bytes", MaxTextBytes)
		return nil, nil
	}
	tokens, comments = lex(text, errs)
	if !nest(tokens, errs) {
		return nil, nil
	}
	contextual(text, tokens)
	return tokens, comments
}

// parseTokens runs a start rule: with the fast prediction first, then, when
// that fails, with the exact one, and then once more to find out what could
// have stood at the place of the mistake. It is the zero T when there was one.
func parseTokens[T any](tokens []token, text string, errs *diag.List, rule func(*gen.CEPParser) T) (tree T) {
	if len(tokens) == 0 {
		return tree
	}
	defer recoverDefect(errs)
	for i := range tokens {
		tokens[i].SetTokenIndex(i)
	}
	stream := &tokenStream{tokens: tokens}
	if tree, _, ok := run(stream, antlr.PredictionModeSLL, failFast{}, rule); ok {
		return tree
	}
	tree, at, ok := run(stream, antlr.PredictionModeLL, failFast{}, rule)
	if !ok {
		collect := &collector{at: at, expected: map[int]bool{}, required: map[int]bool{}}
		run(stream, antlr.PredictionModeLL, collect, rule)
		reportSyntax(tokens, collect, text, errs)
	}
	return tree
}

// run parses once; at is the index of the token that does not fit.
func run[T any](stream *tokenStream, mode int, strategy antlr.ErrorStrategy, rule func(*gen.CEPParser) T) (tree T, at int, ok bool) {
	stream.Reset()
	parser := gen.NewCEPParser(stream)
	parser.RemoveErrorListeners()
	parser.SetErrorHandler(strategy)
	parser.GetInterpreter().SetPredictionMode(mode)
	defer func() {
		switch stop := recover().(type) {
		case nil:
		case mistake:
			at = int(stop)
		default:
			panic(stop)
		}
	}()
	return rule(parser), 0, true
}

// build turns a parse tree into the syntax tree.
func build[T any](text string, errs *diag.List, tree func(*builder) T) (node T) {
	defer recoverDefect(errs)
	return tree(&builder{text: text, errs: errs})
}

// recoverDefect is the boundary for panics of the ANTLR runtime and of the
// builder: they are defects of cepd, and must not take the process down.
func recoverDefect(errs *diag.List) {
	if r := recover(); r != nil {
		errs.Add(diag.Syntax, diag.Span{}, "cepd cannot read this text because of a defect: %v", r)
	}
}
