package parse

import (
	"slices"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/parse/gen"
)

// Expected is what may stand at a place of a text.
type Expected struct {
	Reached    bool       // false: there is a mistake before the place
	Keywords   []string   // ascending; where any name fits, only those that are no names
	Expression bool       // an expression may begin
	Type       bool       // a type may begin
	Name       bool       // a name may stand
	Pattern    bool       // a pattern variable may stand
	Rules      [][]string // of the grammar, around what has to come, innermost first; one for each reading
}

// In says whether the innermost rules of a reading are those named, innermost
// first.
func (e *Expected) In(rules ...string) bool {
	return slices.ContainsFunc(e.Rules, func(r []string) bool {
		return len(r) >= len(rules) && slices.Equal(r[:len(rules)], rules)
	})
}

// Under says whether one of the rules of a reading is the one named.
func (e *Expected) Under(rule string) bool {
	return slices.ContainsFunc(e.Rules, func(r []string) bool { return slices.Contains(r, rule) })
}

// Expect says what may follow a text, which is the beginning of a file. The
// grammar itself answers: where the text ends stands a token that fits nowhere,
// and the parser is asked what it would have taken instead.
func Expect(before string) (e Expected) {
	defer recoverDefect(&diag.List{})
	tokens := lastStatement(before)
	caret := len(tokens) - 1
	if caret < 0 {
		return e
	}
	kinds := map[int]bool{}
	for _, kind := range readings(tokens, caret-1) {
		if caret > 0 {
			tokens[caret-1].kind = kind
		}
		s := &surveyor{collector: collector{at: caret, expected: kinds, required: map[int]bool{}}}
		_, at, ok := run(&tokenStream{tokens: tokens}, antlr.PredictionModeLL, s, (*gen.CEPParser).OneStatement)
		if !ok && at == caret {
			e.Reached, e.Rules = true, append(e.Rules, s.rules)
		}
	}
	e.describe(kinds)
	return e
}

// lastStatement is the tokens of the statement that a text ends in, then one that
// fits nowhere; none when the text cannot be read.
func lastStatement(text string) []token {
	errs := &diag.List{}
	tokens, _ := lex(text, errs)
	if errs.HasErrors() || len(text) > MaxTextBytes {
		return nil
	}
	for end := statementEnd(tokens, 0); end < len(tokens)-1; end = statementEnd(tokens, 0) {
		tokens = tokens[end+1:]
	}
	if !nest(tokens, errs) {
		return nil
	}
	contextual(text, tokens)
	for i := range tokens {
		tokens[i].SetTokenIndex(i)
	}
	tokens[len(tokens)-1].kind = gen.CEPLexerUNEXPECTED
	return tokens
}

// readings are the kinds that the token at i may turn out to have, as what follows
// it, and would tell, has yet to be written.
func readings(tokens []token, i int) []int {
	if i < 0 {
		return []int{antlr.TokenEOF}
	}
	kind, lexed := tokens[i].kind, tokens[i].Token.GetTokenType()
	switch {
	case kind == gen.CEPLexerLPAREN:
		return []int{kind, gen.CEPLexerQUERY_PAREN}
	case kind == gen.CEPLexerIDENT && lexed >= gen.CEPLexerANTI && lexed <= gen.CEPLexerWATERMARK:
		return []int{kind, lexed}
	}
	return []int{kind}
}

func (e *Expected) describe(kinds map[int]bool) {
	e.Expression, e.Type = kinds[gen.CEPParserCASE], kinds[gen.CEPParserMULTISET] && kinds[gen.CEPParserIDENT]
	e.Pattern, e.Name = kinds[gen.CEPParserEXCL_OPEN], kinds[gen.CEPParserIDENT]
	for k := range kinds {
		switch {
		case isKeyword(k):
			e.Keywords = append(e.Keywords, keywordText(k))
		case k == gen.CEPParserROW_CTOR || k == gen.CEPParserROW_TYPE:
			e.Keywords = append(e.Keywords, "ROW")
		}
	}
	if e.Type {
		e.Keywords = nil // all of them are types
	}
	slices.Sort(e.Keywords)
	e.Keywords = slices.Compact(e.Keywords)
}

// surveyor is a collector that also notes the rules in which the parse ended.
type surveyor struct {
	collector
	rules []string
}

func (s *surveyor) note(p antlr.Parser) {
	stack, ok := p.(interface {
		GetRuleInvocationStack(antlr.ParserRuleContext) []string
	})
	if ok && s.rules == nil {
		s.rules = stack.GetRuleInvocationStack(nil)
	}
}

func (s *surveyor) RecoverInline(p antlr.Parser) antlr.Token {
	s.note(p)
	return s.collector.RecoverInline(p)
}

func (s *surveyor) Recover(p antlr.Parser, e antlr.RecognitionException) {
	s.note(p)
	s.collector.Recover(p, e)
}
