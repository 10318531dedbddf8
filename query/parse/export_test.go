package parse

import (
	"fmt"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/parse/gen"
)

// ambiguityListener notes where more than one reading of the text is possible.
type ambiguityListener struct {
	*antlr.DefaultErrorListener
	tokens []token
	text   string
	found  []string
}

func (l *ambiguityListener) ReportAmbiguity(p antlr.Parser, dfa *antlr.DFA, start, stop int, _ bool, _ *antlr.BitSet, _ *antlr.ATNConfigSet) {
	text := l.text[l.tokens[start].GetStart() : l.tokens[stop].GetStop()+1]
	l.found = append(l.found, fmt.Sprintf("%v: %q", p.GetRuleInvocationStack(nil)[0], text))
}

// Ambiguities parses every statement with exact detection of ambiguities.
func Ambiguities(text string) []string {
	errs := &diag.List{Source: text}
	tokens, _ := scan(text, errs)
	var found []string
	for _, part := range split(tokens) {
		listener := &ambiguityListener{tokens: part, text: text}
		parser := gen.NewCEPParser(&tokenStream{tokens: part})
		parser.RemoveErrorListeners()
		parser.AddErrorListener(listener)
		parser.GetInterpreter().SetPredictionMode(antlr.PredictionModeLLExactAmbigDetection)
		parser.OneStatement()
		found = append(found, listener.found...)
	}
	return found
}

// SLL says whether the fast prediction alone reads the text.
func SLL(text string) bool {
	tokens, _ := scan(text, &diag.List{Source: text})
	for _, part := range split(tokens) {
		if _, _, ok := run(&tokenStream{tokens: part}, antlr.PredictionModeSLL, failFast{}, (*gen.CEPParser).OneStatement); !ok {
			return false
		}
	}
	return true
}
