package parse

import (
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/query/parse/gen"
)

// words looks at a token and its neighbours; outside the statement it sees EOF.
type words struct {
	tokens []token
	text   string
}

func (w words) kind(i int) int {
	if i < 0 || i >= len(w.tokens) {
		return antlr.TokenEOF
	}
	return w.tokens[i].kind
}

func (w words) textOf(i int) string {
	t := &w.tokens[i]
	return w.text[t.GetStart() : t.GetStop()+1]
}

func (w words) is(i int, kinds ...int) bool {
	k := w.kind(i)
	for _, want := range kinds {
		if k == want {
			return true
		}
	}
	return false
}

// contextual settles by their neighbours the words that are keywords in some
// places and names in others, and the signs with two meanings, so that the
// parser decides on one token. It goes from the end: what follows a word is
// settled before the word itself.
func contextual(text string, tokens []token) {
	w := words{tokens, text}
	for i := len(tokens) - 1; i >= 0; i-- {
		t := &tokens[i]
		switch {
		case t.kind == gen.CEPLexerLPAREN:
			if w.opensQuery(i) {
				t.kind = gen.CEPLexerQUERY_PAREN
			}
		case isWord(t.kind):
			t.kind = w.settle(i)
		}
	}
}

func isWord(kind int) bool { return kind >= gen.CEPLexerABSENT && kind <= gen.CEPLexerQUOTED_IDENT }

// isName says whether the settled kind is a name in the sense of the rule ident.
func isName(kind int) bool {
	return kind >= gen.CEPLexerABSENT && kind <= gen.CEPLexerZONE || kind == gen.CEPLexerIDENT || kind == gen.CEPLexerQUOTED_IDENT
}

// opensQuery says whether the parenthesis at i holds a query: it starts with
// one, or with a parenthesized query that is not a part of something larger.
func (w words) opensQuery(i int) bool {
	if w.is(i+1, gen.CEPLexerSELECT, gen.CEPLexerWITH, gen.CEPLexerVALUES) {
		return true
	}
	if !w.is(i+1, gen.CEPLexerQUERY_PAREN) || w.tokens[i+1].match == 0 || isWordBeforeArguments(w.kind(i-1)) {
		return false
	}
	return w.is(w.tokens[i+1].match+1, gen.CEPLexerRPAREN, gen.CEPLexerUNION, gen.CEPLexerINTERSECT, gen.CEPLexerEXCEPT,
		gen.CEPLexerORDER, gen.CEPLexerLIMIT, gen.CEPLexerOFFSET, gen.CEPLexerFETCH)
}

// isWordBeforeArguments: f((SELECT …)) has an argument in parentheses, not a
// query in two.
func isWordBeforeArguments(kind int) bool {
	return kind >= gen.CEPLexerABSENT && kind <= gen.CEPLexerWATERMARK || kind == gen.CEPLexerIDENT || kind == gen.CEPLexerQUOTED_IDENT ||
		kind == gen.CEPLexerLEFT || kind == gen.CEPLexerRIGHT
}

// settle is the kind of the word at i.
func (w words) settle(i int) int {
	kind := w.kind(i)
	if w.is(i+1, gen.CEPLexerNAMED) {
		return gen.CEPLexerARG_NAME
	}
	afterDot := w.is(i-1, gen.CEPLexerDOT)
	switch {
	case kind == gen.CEPLexerROW:
		return w.settleRow(i)
	case kind == gen.CEPLexerKEY && w.is(i+1, gen.CEPLexerSTRING) && w.is(i-1, gen.CEPLexerLPAREN, gen.CEPLexerCOMMA):
		return gen.CEPLexerJSON_KEY
	case w.jsonKind(i):
		return gen.CEPLexerJSON_KIND
	case kind == gen.CEPLexerLEFT || kind == gen.CEPLexerRIGHT:
		if w.beforeParen(i) {
			return gen.CEPLexerIDENT
		}
	case kind >= gen.CEPLexerANTI && kind <= gen.CEPLexerWATERMARK:
		if afterDot || !w.keyword(i) {
			return gen.CEPLexerIDENT
		}
	}
	return kind
}

// jsonKind says whether the word at i ends x IS [NOT] JSON kind.
func (w words) jsonKind(i int) bool {
	if !w.is(i-1, gen.CEPLexerJSON) || !w.is(i-2, gen.CEPLexerIS) && (!w.is(i-2, gen.CEPLexerNOT) || !w.is(i-3, gen.CEPLexerIS)) {
		return false
	}
	switch strings.ToUpper(w.textOf(i)) {
	case "VALUE", "OBJECT", "ARRAY", "SCALAR":
		return true
	}
	return false
}

func (w words) settleRow(i int) int {
	switch {
	case w.is(i-1, gen.CEPLexerDOT):
	case w.beforeParen(i):
		return gen.CEPLexerROW_CTOR
	case w.is(i+1, gen.CEPLexerLT):
		return gen.CEPLexerROW_TYPE
	}
	return gen.CEPLexerROW
}

func (w words) beforeParen(i int) bool {
	return w.is(i+1, gen.CEPLexerLPAREN, gen.CEPLexerQUERY_PAREN)
}

// keyword says whether the contextual word at i is a keyword there.
func (w words) keyword(i int) bool {
	switch w.kind(i) {
	case gen.CEPLexerDATE, gen.CEPLexerTIMESTAMP:
		return w.timeLiteral(i)
	case gen.CEPLexerTIME:
		return w.timeLiteral(i) || w.is(i+1, gen.CEPLexerZONE) && w.is(i-1, gen.CEPLexerLOCAL, gen.CEPLexerWITH, gen.CEPLexerWITHOUT)
	case gen.CEPLexerBOTH, gen.CEPLexerLEADING, gen.CEPLexerTRAILING:
		return w.is(i-2, gen.CEPLexerTRIM) && !w.is(i+1, gen.CEPLexerRPAREN, gen.CEPLexerCOMMA, gen.CEPLexerDOT)
	case gen.CEPLexerPERMUTE:
		return w.is(i+1, gen.CEPLexerLPAREN) && !w.is(i+2, gen.CEPLexerRPAREN)
	case gen.CEPLexerCONSTRAINT:
		return w.is(i+2, gen.CEPLexerPRIMARY)
	case gen.CEPLexerPRIMARY:
		return w.is(i+1, gen.CEPLexerKEY)
	case gen.CEPLexerCURRENT:
		return w.is(i+1, gen.CEPLexerROW)
	case gen.CEPLexerUNBOUNDED:
		return w.is(i+1, gen.CEPLexerPRECEDING, gen.CEPLexerFOLLOWING)
	case gen.CEPLexerFILTER:
		return w.is(i+1, gen.CEPLexerLPAREN) && w.is(i+2, gen.CEPLexerWHERE)
	case gen.CEPLexerFINAL, gen.CEPLexerRUNNING:
		return isName(w.kind(i+1)) && w.beforeParen(i+1)
	case gen.CEPLexerGROUPING:
		return w.is(i+1, gen.CEPLexerSETS)
	case gen.CEPLexerIF:
		return w.is(i+1, gen.CEPLexerEXISTS) || w.is(i+1, gen.CEPLexerNOT) && w.is(i+2, gen.CEPLexerEXISTS)
	case gen.CEPLexerIGNORE, gen.CEPLexerRESPECT:
		return w.is(i+1, gen.CEPLexerNULLS)
	case gen.CEPLexerOFFSET:
		return w.is(i+1, gen.CEPLexerINTEGER, gen.CEPLexerCOLON)
	case gen.CEPLexerPRECISION, gen.CEPLexerVARYING:
		return w.is(i-1, gen.CEPLexerIDENT) && typePrefixes[strings.ToUpper(w.textOf(i-1))]
	case gen.CEPLexerANTI, gen.CEPLexerSEMI:
		return w.is(i+1, gen.CEPLexerJOIN)
	case gen.CEPLexerSIMILAR:
		return w.is(i+1, gen.CEPLexerTO)
	case gen.CEPLexerSYMMETRIC, gen.CEPLexerASYMMETRIC:
		return w.is(i-1, gen.CEPLexerBETWEEN) && !w.is(i+1, gen.CEPLexerAND)
	case gen.CEPLexerTO:
		return w.is(i-1, gen.CEPLexerSIMILAR, gen.CEPLexerSKIP_) || w.is(i+1, gen.CEPLexerIDENT) && isUnit(w.textOf(i+1))
	case gen.CEPLexerWATERMARK:
		return w.is(i+1, gen.CEPLexerFOR)
	}
	return w.beforeParen(i) && !w.is(i-1, gen.CEPLexerTABLE, gen.CEPLexerVIEW, gen.CEPLexerINTO, gen.CEPLexerEXISTS, gen.CEPLexerFUNCTION)
}

var typePrefixes = map[string]bool{"DOUBLE": true, "CHAR": true, "CHARACTER": true, "BINARY": true}

// timeLiteral tells DATE '2024-01-01' from a column date DATE 'comment'.
func (w words) timeLiteral(i int) bool {
	return w.is(i+1, gen.CEPLexerSTRING) && !w.is(i-1, gen.CEPLexerIDENT, gen.CEPLexerQUOTED_IDENT)
}
