package parse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/parse/gen"
)

// mistake is the panic that ends a parse: the index of the token that does not fit.
type mistake int

// failFast ends the parse at the first mistake.
type failFast struct{ *antlr.BailErrorStrategy }

func (failFast) Sync(antlr.Parser)                                    {}
func (failFast) ReportMatch(antlr.Parser)                             {}
func (failFast) ReportError(antlr.Parser, antlr.RecognitionException) {}
func (failFast) InErrorRecoveryMode(antlr.Parser) bool                { return false }

func (failFast) RecoverInline(p antlr.Parser) antlr.Token {
	panic(mistake(p.GetTokenStream().Index()))
}

// Recover is for a decision that has no alternative, be it at the current token
// or after a lookahead.
func (failFast) Recover(p antlr.Parser, _ antlr.RecognitionException) {
	panic(mistake(p.GetTokenStream().(*tokenStream).failed()))
}

// collector gathers the kinds of token that fit at the place of a known
// mistake, and among them those without which the rule cannot go on.
type collector struct {
	failFast
	at                 int
	expected, required map[int]bool
}

func (c *collector) Sync(p antlr.Parser) {
	if p.GetTokenStream().Index() == c.at {
		c.add(p, c.expected)
	}
}

func (c *collector) RecoverInline(p antlr.Parser) antlr.Token {
	c.Sync(p)
	c.add(p, c.required)
	return c.failFast.RecoverInline(p)
}

func (c *collector) Recover(p antlr.Parser, e antlr.RecognitionException) {
	if p.GetTokenStream().Index() == c.at {
		c.Sync(p)
		c.add(p, c.required)
	}
	c.failFast.Recover(p, e)
}

// add notes what fits; where any name does, the keywords that are names too are
// not worth listing.
func (c *collector) add(p antlr.Parser, to map[int]bool) {
	fits := map[int]bool{}
	for _, in := range p.GetExpectedTokens().GetIntervals() {
		for kind := in.Start; kind < in.Stop; kind++ {
			fits[kind] = true
		}
	}
	for kind := range fits {
		if !fits[gen.CEPParserIDENT] || !isName(kind) || kind == gen.CEPParserIDENT {
			to[kind] = true
		}
	}
}

func reportSyntax(tokens []token, collected *collector, text string, errs *diag.List) {
	at, expected := collected.at, collected.expected
	if tokens[at].kind == gen.CEPParserQUERY_PAREN && expected[gen.CEPParserLPAREN] {
		at++
	}
	found := &tokens[at]
	switch found.kind {
	case gen.CEPParserQUERY_PAREN:
		if at > 0 && isName(tokens[at-1].kind) {
			errs.Add(diag.Syntax, tokens[at+1].span(), "a query needs parentheses of its own here").WithHint("write ((SELECT …))")
			return
		}
	case gen.CEPParserUNEXPECTED:
		errs.Add(diag.Syntax, found.span(), "the character %s has no meaning here", quoted(text, found))
		return
	case gen.CEPParserBAD_NUMBER:
		errs.Add(diag.Syntax, found.span(), "%s is neither a number nor a name", quoted(text, found)).
			WithHint("a name that begins with a digit is written in backticks")
		return
	}
	d := errs.Add(diag.Syntax, place(tokens, at), "%s", syntaxMessage(collected.describe(), describeFound(text, found)))
	if hint := syntaxHint(tokens, at, expected, text); hint != "" {
		d.WithHint("%s", hint)
	}
}

func syntaxMessage(expected, found string) string {
	if expected == "" {
		return found + " does not fit here"
	}
	return fmt.Sprintf("expected %s, found %s", expected, found)
}

// place is the span of the token, or, where the text ended too early, of the
// end of the last word that was written.
func place(tokens []token, at int) diag.Span {
	span := tokens[at].span()
	if tokens[at].kind == antlr.TokenEOF && at > 0 && span.Start >= span.End {
		end := tokens[at-1].span().End
		return diag.Span{Start: end, End: end}
	}
	return span
}

func describeFound(text string, t *token) string {
	switch {
	case t.kind == antlr.TokenEOF:
		return "the end of the statement"
	case t.kind == gen.CEPParserSTRING:
		return "the string " + shorten(text[t.GetStart():t.GetStop()+1])
	case isKeyword(t.kind):
		return strings.ToUpper(text[t.GetStart() : t.GetStop()+1])
	}
	return quoted(text, t)
}

func quoted(text string, t *token) string {
	return `"` + shorten(text[t.GetStart():t.GetStop()+1]) + `"`
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 30 {
		return string(r[:30]) + "…"
	}
	return s
}

// isKeyword is true of words with a meaning in the grammar.
func isKeyword(kind int) bool { return kind >= gen.CEPParserABSENT && kind <= gen.CEPParserWITHIN }

// expressionStart and operators are listed as one: "an expression", "an operator".
var (
	expressionStart = kinds(gen.CEPParserNOT, gen.CEPParserPLUS, gen.CEPParserMINUS, gen.CEPParserNULL, gen.CEPParserTRUE, gen.CEPParserFALSE,
		gen.CEPParserINTEGER, gen.CEPParserNUMBER, gen.CEPParserSTRING, gen.CEPParserBYTES, gen.CEPParserDATE, gen.CEPParserTIME,
		gen.CEPParserTIMESTAMP, gen.CEPParserINTERVAL, gen.CEPParserCOLON, gen.CEPParserLPAREN, gen.CEPParserQUERY_PAREN, gen.CEPParserEXISTS,
		gen.CEPParserCASE, gen.CEPParserCAST, gen.CEPParserTRY_CAST, gen.CEPParserARRAY, gen.CEPParserMAP, gen.CEPParserROW_CTOR,
		gen.CEPParserRUNNING, gen.CEPParserFINAL, gen.CEPParserEXTRACT, gen.CEPParserTRIM, gen.CEPParserSUBSTRING, gen.CEPParserPOSITION,
		gen.CEPParserOVERLAY, gen.CEPParserCEIL, gen.CEPParserFLOOR, gen.CEPParserTIMESTAMPADD, gen.CEPParserTIMESTAMPDIFF,
		gen.CEPParserJSON_VALUE, gen.CEPParserJSON_QUERY, gen.CEPParserJSON_EXISTS, gen.CEPParserJSON_OBJECT, gen.CEPParserJSON_OBJECTAGG,
		gen.CEPParserJSON_ARRAY, gen.CEPParserJSON_ARRAYAGG, gen.CEPParserIDENT)
	operators = kinds(gen.CEPParserAND, gen.CEPParserOR, gen.CEPParserNOT, gen.CEPParserIS, gen.CEPParserIN, gen.CEPParserBETWEEN,
		gen.CEPParserLIKE, gen.CEPParserSIMILAR, gen.CEPParserEQ, gen.CEPParserNE, gen.CEPParserLT, gen.CEPParserLE, gen.CEPParserGT,
		gen.CEPParserGE, gen.CEPParserPLUS, gen.CEPParserMINUS, gen.CEPParserSTAR, gen.CEPParserSLASH, gen.CEPParserPERCENT,
		gen.CEPParserCONCAT, gen.CEPParserDOT, gen.CEPParserDOT_STAR, gen.CEPParserLBRACKET, gen.CEPParserTYPE_CAST, gen.CEPParserLPAREN,
		gen.CEPParserOVER, gen.CEPParserFILTER, gen.CEPParserIGNORE, gen.CEPParserRESPECT, gen.CEPParserWITHIN, gen.CEPParserESCAPE)
	patternStart = kinds(gen.CEPParserIDENT, gen.CEPParserLPAREN, gen.CEPParserCARET, gen.CEPParserDOLLAR, gen.CEPParserEXCL_OPEN,
		gen.CEPParserPERMUTE, gen.CEPParserLBRACKET, gen.CEPParserNOT, gen.CEPParserARROW, gen.CEPParserARROW_ANY)
	statementStart = kinds(gen.CEPParserSELECT, gen.CEPParserWITH, gen.CEPParserVALUES, gen.CEPParserQUERY_PAREN, gen.CEPParserINSERT,
		gen.CEPParserCREATE, gen.CEPParserEXPLAIN, gen.CEPParserEXECUTE, gen.CEPParserBEGIN, gen.CEPParserDESCRIBE, gen.CEPParserDESC,
		gen.CEPParserSHOW, gen.CEPParserDROP, gen.CEPParserALTER, gen.CEPParserSET)
	typeStart = kinds(gen.CEPParserARRAY, gen.CEPParserMULTISET, gen.CEPParserMAP, gen.CEPParserROW_TYPE, gen.CEPParserROW_CTOR,
		gen.CEPParserINTERVAL, gen.CEPParserIDENT)
	quantifiers = kinds(gen.CEPParserSTAR, gen.CEPParserPLUS, gen.CEPParserQUESTION, gen.CEPParserLBRACE)
)

func kinds(list ...int) map[int]bool {
	set := make(map[int]bool, len(list))
	for _, k := range list {
		set[k] = true
	}
	return set
}

// maxExpected is how many expected things a message names before it keeps to
// those that cannot be left out, or says nothing of them.
const maxExpected = 6

func (c *collector) describe() string {
	for _, set := range []map[int]bool{c.expected, c.required} {
		if items := describeExpected(set); len(items) <= maxExpected {
			return orList(items)
		}
	}
	return ""
}

// describeExpected names what could have stood at the mistake, the telling
// things only: whole classes are one item, and operators are left out where
// anything else may follow.
func describeExpected(set map[int]bool) []string {
	var items []string
	rest := map[int]bool{}
	for k := range set {
		rest[k] = true
	}
	take := func(class map[int]bool, name string) {
		for k := range class {
			delete(rest, k)
		}
		if name != "" {
			items = append(items, name)
		}
	}
	switch {
	case rest[gen.CEPParserINSERT] && rest[gen.CEPParserCREATE]:
		take(statementStart, "a statement")
	case rest[gen.CEPParserMULTISET] && rest[gen.CEPParserIDENT]:
		take(typeStart, "a type")
	case rest[gen.CEPParserCASE]:
		take(expressionStart, "an expression")
	case rest[gen.CEPParserEXCL_OPEN]:
		take(patternStart, "a pattern variable")
		take(quantifiers, "")
	case rest[gen.CEPParserCONCAT]:
		take(operators, "")
	}
	words, signs := describeKinds(rest)
	items = append(append(items, words...), signs...)
	if len(items) == 0 && set[gen.CEPParserCONCAT] {
		return []string{"an operator"}
	}
	return items
}

func describeKinds(set map[int]bool) (words, signs []string) {
	if set[gen.CEPParserIDENT] {
		words = append(words, "a name")
	}
	for _, k := range sortedKinds(set) {
		switch {
		case k == gen.CEPParserIDENT || k == gen.CEPParserQUOTED_IDENT || k == gen.CEPParserHINT_OPEN || k == gen.CEPParserARG_NAME:
		case isKeyword(k):
			words = append(words, keywordText(k))
		default:
			signs = append(signs, signName(k))
		}
	}
	return words, slices.Compact(signs)
}

func sortedKinds(set map[int]bool) []int {
	var list []int
	for k := range set {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func signName(kind int) string {
	switch kind {
	case antlr.TokenEOF:
		return "the end of the statement"
	case gen.CEPParserSTRING:
		return "a string"
	case gen.CEPParserCOLON:
		return "a parameter"
	case gen.CEPParserINTEGER, gen.CEPParserNUMBER:
		return "a number"
	case gen.CEPParserQUERY_PAREN:
		return "a query in parentheses"
	case gen.CEPParserROW_CTOR, gen.CEPParserROW_TYPE:
		return "ROW"
	case gen.CEPParserNE:
		return `"<>"`
	case gen.CEPParserBYTES:
		return "X'…'"
	}
	return `"` + keywordText(kind) + `"`
}

func orList(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " or " + items[len(items)-1]
}

// syntaxHint looks for a misspelt keyword, at the mistake or just before it
// (SELECT a FORM t fails at t), and for a reserved word used as a name.
func syntaxHint(tokens []token, at int, expected map[int]bool, text string) string {
	var candidates []string
	for k := range expected {
		if isKeyword(k) {
			candidates = append(candidates, keywordText(k))
		}
	}
	slices.Sort(candidates)
	for _, i := range []int{at, at - 1} {
		if i < 0 || !isWord(tokens[i].kind) {
			continue
		}
		word := text[tokens[i].GetStart() : tokens[i].GetStop()+1]
		if near := diag.Nearest(word, candidates); near != "" && len(word) > 2 && !strings.EqualFold(near, word) {
			return fmt.Sprintf("did you mean %s instead of %s?", near, word)
		}
	}
	found := tokens[at]
	switch {
	case at > 0 && tokens[at-1].kind == gen.CEPParserCOMMA && isKeyword(found.kind) && !usedAsName(tokens, at):
		return "there is a comma too many before it"
	case expected[gen.CEPParserIDENT] && isKeyword(found.kind) && usedAsName(tokens, at):
		return fmt.Sprintf("%s is a reserved word; as a name it is written in backticks", keywordText(found.kind))
	}
	return ""
}

// usedAsName guesses from what follows a reserved word that a name is meant.
func usedAsName(tokens []token, at int) bool {
	next := tokens[min(at+1, len(tokens)-1)].kind
	return next == antlr.TokenEOF || next == gen.CEPParserFROM || next == gen.CEPParserAS || next > gen.CEPParserQUOTED_IDENT && next != gen.CEPParserLPAREN
}

func keywordText(kind int) string {
	return strings.Trim(gen.CEPLexerLexerStaticData.LiteralNames[kind], "'")
}
