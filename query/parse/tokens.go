package parse

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse/gen"
)

// charStream feeds the lexer: positions are byte offsets, ASCII letters come
// folded to upper case.
type charStream struct {
	text string
	pos  int
}

func (s *charStream) LA(k int) int {
	if k != 1 || s.pos >= len(s.text) {
		return antlr.TokenEOF
	}
	c := s.text[s.pos]
	switch {
	case c-'a' < 26:
		return int(c - 'a' + 'A')
	case c < utf8.RuneSelf:
		return int(c)
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return int(r)
}

func (s *charStream) Consume() {
	if s.text[s.pos] < utf8.RuneSelf {
		s.pos++
		return
	}
	_, n := utf8.DecodeRuneInString(s.text[s.pos:])
	s.pos += n
}

func (s *charStream) Mark() int                                   { return 0 }
func (s *charStream) Release(int)                                 {}
func (s *charStream) Index() int                                  { return s.pos }
func (s *charStream) Seek(i int)                                  { s.pos = i }
func (s *charStream) Size() int                                   { return len(s.text) }
func (s *charStream) GetSourceName() string                       { return "" }
func (s *charStream) GetText(from, to int) string                 { return s.text[from : to+1] }
func (s *charStream) GetTextFromInterval(i antlr.Interval) string { return s.GetText(i.Start, i.Stop) }
func (s *charStream) GetTextFromTokens(a, b antlr.Token) string {
	return s.GetText(a.GetStart(), b.GetStop())
}

// token is a token whose type may be changed after lexing.
type token struct {
	antlr.Token
	kind  int
	match int // index of the bracket that closes this one; 0 when there is none
}

func (t *token) GetTokenType() int { return t.kind }
func (t *token) span() diag.Span   { return diag.Span{Start: t.GetStart(), End: t.GetStop() + 1} }

// tokenStream is the tokens of one statement; the last one is EOF.
type tokenStream struct {
	tokens []token
	pos    int
	ahead  int // where the last lookahead ended
	from   int // and where it began
}

func (s *tokenStream) at(i int) *token { return &s.tokens[min(max(i, 0), len(s.tokens)-1)] }

// Seek is how a lookahead goes back to where it began.
func (s *tokenStream) Seek(i int) {
	if i < s.pos {
		s.ahead, s.from = s.pos, i
	}
	s.pos = min(i, len(s.tokens)-1)
}

// failed is the index of the token that a lookahead from here could not pass,
// or of the current token when there was none.
func (s *tokenStream) failed() int {
	if s.from == s.pos {
		return max(s.ahead, s.pos)
	}
	return s.pos
}

func (s *tokenStream) LT(k int) antlr.Token {
	if k > 0 {
		k--
	}
	if s.pos+k < 0 {
		return nil
	}
	return s.at(s.pos + k)
}

func (s *tokenStream) LA(k int) int {
	if k > 0 {
		k--
	}
	if s.pos+k < 0 {
		return antlr.TokenInvalidType
	}
	return s.at(s.pos + k).kind
}

func (s *tokenStream) Consume()                          { s.pos = min(s.pos+1, len(s.tokens)-1) }
func (s *tokenStream) Mark() int                         { return 0 }
func (s *tokenStream) Release(int)                       {}
func (s *tokenStream) Index() int                        { return s.pos }
func (s *tokenStream) Size() int                         { return len(s.tokens) }
func (s *tokenStream) GetSourceName() string             { return "" }
func (s *tokenStream) Reset()                            { s.pos = 0 }
func (s *tokenStream) Get(i int) antlr.Token             { return s.at(i) }
func (s *tokenStream) GetTokenSource() antlr.TokenSource { return nil }
func (s *tokenStream) SetTokenSource(antlr.TokenSource)  {}
func (s *tokenStream) GetAllText() string                { return "" }

func (s *tokenStream) GetTextFromInterval(antlr.Interval) string         { return "" }
func (s *tokenStream) GetTextFromRuleContext(antlr.RuleContext) string   { return "" }
func (s *tokenStream) GetTextFromTokens(antlr.Token, antlr.Token) string { return "" }

// lex splits text into tokens, the last one EOF, and comments. It stops early
// at what makes the rest meaningless: an open quote or comment, or too much text.
func lex(text string, errs *diag.List) ([]token, []ast.Comment) {
	lexer := gen.NewCEPLexer(&charStream{text: text})
	lexer.RemoveErrorListeners()
	tokens := make([]token, 0, len(text)/5+8)
	var comments []ast.Comment
	began := 0 // token behind the last semicolon
	for {
		t := lexer.NextToken()
		kind := t.GetTokenType()
		switch span := (diag.Span{Start: t.GetStart(), End: t.GetStop() + 1}); {
		case t.GetChannel() != antlr.TokenDefaultChannel:
			comments = append(comments, ast.Comment{Base: ast.Base{Span: span}, Text: text[span.Start:span.End]})
			continue
		case len(tokens)-began == maxTokens && kind != antlr.TokenEOF:
			errs.Add(diag.Limit, span, "there are more than %d words and signs without a semicolon", maxTokens)
			return append(tokens, endToken(lexer, len(text))), comments
		case badToken(kind, span, text, errs):
			return append(tokens, endToken(lexer, len(text))), comments
		}
		tokens = append(tokens, token{Token: t, kind: kind})
		if kind == gen.CEPLexerSEMICOLON {
			began = len(tokens)
		}
		if kind == antlr.TokenEOF {
			return tokens, comments
		}
	}
}

func endToken(lexer *gen.CEPLexer, at int) token {
	source := &antlr.TokenSourceCharStreamPair{}
	return token{Token: antlr.NewCommonToken(source, antlr.TokenEOF, 0, at, at-1), kind: antlr.TokenEOF}
}

// badToken reports a token that no statement can contain; true when lexing
// cannot go on after it.
func badToken(kind int, span diag.Span, text string, errs *diag.List) bool {
	line := span
	line.End = span.Start + len(firstLine(text[span.Start:span.End]))
	switch kind {
	case gen.CEPLexerOPEN_STRING:
		errs.Add(diag.Syntax, line, "this string is not closed").WithHint("end it with '; a quote inside a string is written ''")
	case gen.CEPLexerOPEN_IDENT:
		errs.Add(diag.Syntax, line, "this quoted name is not closed").WithHint("end it with %c", text[span.Start])
	case gen.CEPLexerOPEN_COMMENT:
		errs.Add(diag.Syntax, line, "this comment is not closed").WithHint("end it with */")
	default:
		return false
	}
	return true
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r")
}

// split cuts tokens at the semicolons that end statements; each part keeps its
// semicolon, turned into EOF, as its last token.
func split(tokens []token) [][]token {
	var parts [][]token
	for start := 0; start < len(tokens); {
		end := statementEnd(tokens, start)
		if end > start {
			tokens[end].kind = antlr.TokenEOF
			parts = append(parts, tokens[start:end+1])
		}
		start = end + 1
	}
	return parts
}

// statementEnd is the index of the token that ends the statement at start: a
// semicolon, or in a statement set the first one after END.
func statementEnd(tokens []token, start int) int {
	inSet, cases := false, 0
	for i := start; ; i++ {
		switch tokens[i].kind {
		case antlr.TokenEOF:
			return i
		case gen.CEPLexerSTATEMENT:
			inSet = inSet || i-start <= 3 && opensStatementSet(tokens, i)
		case gen.CEPLexerCASE:
			cases++
		case gen.CEPLexerEND:
			if cases == 0 {
				inSet = false
			}
			cases = max(cases-1, 0)
		case gen.CEPLexerSEMICOLON:
			if !inSet {
				return i
			}
			cases = 0
		}
	}
}

func opensStatementSet(tokens []token, i int) bool {
	before := i > 0 && (tokens[i-1].kind == gen.CEPLexerEXECUTE || tokens[i-1].kind == gen.CEPLexerBEGIN)
	return before && tokens[i+1].kind == gen.CEPLexerSET
}

// nest finds matching brackets and refuses nesting so deep that recursion over
// the tree would endanger the stack: brackets, CASE, and chains of signs.
func nest(tokens []token, errs *diag.List) bool {
	var open []int
	signs := 0
	for i := range tokens {
		t := &tokens[i]
		if isSign(t.kind) {
			signs++
		} else {
			signs = 0
		}
		switch {
		case t.kind == gen.CEPLexerSEMICOLON:
			open = open[:0]
		case opens(tokens, i):
			open = append(open, i)
		case len(open) > 0 && closer(tokens[open[len(open)-1]].kind) == t.kind:
			tokens[open[len(open)-1]].match = i
			open = open[:len(open)-1]
		}
		if len(open) > maxNesting || signs > maxNesting {
			errs.Add(diag.Limit, t.span(), "this is nested more than %d levels deep", maxNesting)
			return false
		}
	}
	return true
}

func isSign(kind int) bool {
	return kind == gen.CEPLexerNOT || kind == gen.CEPLexerPLUS || kind == gen.CEPLexerMINUS
}

func opens(tokens []token, i int) bool {
	if tokens[i].kind == gen.CEPLexerLT {
		return i > 0 && slices.Contains([]int{gen.CEPLexerARRAY, gen.CEPLexerMAP, gen.CEPLexerMULTISET, gen.CEPLexerROW}, tokens[i-1].kind)
	}
	return closer(tokens[i].kind) != 0
}

func closer(kind int) int {
	switch kind {
	case gen.CEPLexerLPAREN:
		return gen.CEPLexerRPAREN
	case gen.CEPLexerLBRACKET:
		return gen.CEPLexerRBRACKET
	case gen.CEPLexerLBRACE:
		return gen.CEPLexerRBRACE
	case gen.CEPLexerEXCL_OPEN:
		return gen.CEPLexerEXCL_CLOSE
	case gen.CEPLexerCASE:
		return gen.CEPLexerEND
	case gen.CEPLexerLT:
		return gen.CEPLexerGT
	}
	return 0
}
