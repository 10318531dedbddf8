package parse

import (
	"slices"
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/parse/gen"
)

// WordKind is what a word or sign of a text is by itself.
type WordKind uint8

// The kinds of words.
const (
	SignWord WordKind = iota
	KeywordWord
	NameWord
	StringWord
	NumberWord
	CommentWord
	BrokenWord // an open quote or comment, with all that follows
)

// Word is a word or sign of a text.
type Word struct {
	Kind WordKind
	Span diag.Span
	Text string // of a name or string without its quotes
	Key  string // a keyword in upper case, or a sign; else ""
}

// Is says whether the word is one of these keywords or signs.
func (w *Word) Is(texts ...string) bool {
	return w != nil && w.Key != "" && slices.Contains(texts, w.Key)
}

// IsName says whether the word may be a name: keywords that are not reserved
// are names as well.
func (w *Word) IsName() bool {
	return w != nil && (w.Kind == NameWord || w.Kind == KeywordWord && isName(kindOf(w.Key)))
}

func kindOf(keyword string) int {
	return slices.Index(gen.CEPLexerLexerStaticData.LiteralNames, "'"+keyword+"'")
}

// Words are the words, signs and comments of a text, whatever it is, in order.
func Words(text string) []Word {
	errs := &diag.List{}
	tokens, comments := scanPartly(text, errs)
	words := make([]Word, 0, len(tokens)+len(comments))
	for i := range tokens {
		t := &tokens[i]
		if t.kind == antlr.TokenEOF {
			continue
		}
		for len(comments) > 0 && comments[0].Span.Start < t.GetStart() {
			words, comments = append(words, commentWord(comments[0].Span, text)), comments[1:]
		}
		words = append(words, t.word(text))
	}
	for _, c := range comments {
		words = append(words, commentWord(c.Span, text))
	}
	return append(words, broken(errs, text)...)
}

func commentWord(s diag.Span, text string) Word {
	return Word{Kind: CommentWord, Span: s, Text: text[s.Start:s.End]}
}

// broken is the word that ended the scan.
func broken(errs *diag.List, text string) []Word {
	for _, d := range errs.Items {
		if d.Code == diag.Syntax {
			return []Word{{Kind: BrokenWord, Span: diag.Span{Start: d.Span.Start, End: len(text)}, Text: text[d.Span.Start:]}}
		}
	}
	return nil
}

func (t *token) word(text string) Word {
	w := Word{Span: t.span(), Text: text[t.GetStart() : t.GetStop()+1]}
	switch lexed := t.Token.GetTokenType(); {
	case t.kind == gen.CEPLexerIDENT:
		w.Kind = NameWord
	case t.kind == gen.CEPLexerQUOTED_IDENT:
		w.Kind, w.Text = NameWord, unquote(w.Text)
	case t.kind == gen.CEPLexerSTRING:
		w.Kind, w.Text = StringWord, unquote(w.Text)
	case t.kind == gen.CEPLexerINTEGER || t.kind == gen.CEPLexerNUMBER || t.kind == gen.CEPLexerBAD_NUMBER || t.kind == gen.CEPLexerBYTES:
		w.Kind = NumberWord
	case isKeyword(lexed):
		w.Kind, w.Key = KeywordWord, strings.ToUpper(w.Text)
	default:
		w.Key = w.Text
	}
	return w
}

// Keywords are all words of the grammar, ascending.
func Keywords() []string {
	gen.CEPLexerInit()
	var list []string
	for kind := gen.CEPParserABSENT; kind <= gen.CEPParserWITHIN; kind++ {
		list = append(list, keywordText(kind))
	}
	slices.Sort(list)
	return list
}
