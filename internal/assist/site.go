package assist

import (
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/parse"
)

// site is a place in a text: the words of its statement, and what is being
// written there.
type site struct {
	text   string
	words  []parse.Word // of the statement, without comments
	at     int          // the words before the place
	next   int          // the first word behind it
	match  []int        // of an opening bracket the closing one; len(words) when there is none
	open   []int        // the brackets around the place, outermost first
	string bool         // the place is in a string
	typed  string       // of the word at the place, up to it
	span   diag.Span    // of the word at the place, which may be empty
	parse.Expected
}

// newSite looks at a byte of the text; ok is false in a comment. The word there is
// one of words if it is whole, and not if it is only being written.
func newSite(text string, offset int, whole bool) (s *site, ok bool) {
	offset = min(max(offset, 0), len(text))
	for offset > 0 && offset < len(text) && !utf8.RuneStart(text[offset]) {
		offset--
	}
	s = &site{text: text, span: diag.Span{Start: offset, End: offset}}
	before := parse.Words(text[:offset])
	if len(before) > 0 && !s.word(before[len(before)-1], offset) {
		return nil, false
	}
	s.Expected = parse.Expect(text[:s.span.Start])
	s.statement(whole)
	return s, true
}

// word takes in the word in or behind which the place is.
func (s *site) word(last parse.Word, offset int) bool {
	rest := s.text[offset:]
	switch {
	case last.Kind == parse.CommentWord:
		return last.Span.End < offset || strings.HasSuffix(last.Text, "*/")
	case last.Kind == parse.BrokenWord:
		quote := last.Text[0]
		if quote == '/' {
			return false
		}
		s.string, s.typed = quote == '\'', last.Text[1:]
		s.span = diag.Span{Start: last.Span.Start, End: offset + endOfQuote(rest, quote)}
	case last.Span.End == offset && (last.Kind == parse.NameWord || last.Kind == parse.KeywordWord || last.Kind == parse.NumberWord):
		s.typed = s.text[last.Span.Start:offset]
		s.span = diag.Span{Start: last.Span.Start, End: offset + len(rest) - len(strings.TrimLeftFunc(rest, isWordRune))}
	default:
		s.span.End = offset + len(rest) - len(strings.TrimLeftFunc(rest, isWordRune))
	}
	return true
}

// endOfQuote is the number of bytes up to the quote that closes the line's
// string, with it; 0 when there is none.
func endOfQuote(rest string, quote byte) int {
	line, _, _ := strings.Cut(rest, "\n")
	return strings.IndexByte(line, quote) + 1
}

func isWordRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf
}

// statement finds the words of the statement around the place, and its brackets.
func (s *site) statement(whole bool) {
	before := withoutComments(parse.Words(s.text[:s.span.Start]))
	for i := len(before) - 1; i >= 0; i-- {
		if before[i].Is(";") {
			before = before[i+1:]
			break
		}
	}
	s.at, s.next = len(before), len(before)
	s.words = before
	from := s.span.End
	if whole {
		from, s.next = s.span.Start, s.at+1
	}
	for _, w := range withoutComments(parse.Words(s.text[from:])) {
		if w.Is(";") {
			break
		}
		w.Span.Start, w.Span.End = w.Span.Start+from, w.Span.End+from
		s.words = append(s.words, w)
	}
	s.brackets()
}

var closing = map[string]string{"(": ")", "[": "]", "{": "}", "{-": "-}"}

func (s *site) brackets() {
	s.match = make([]int, len(s.words))
	var open []int
	for i := range s.words {
		if i == s.at {
			s.open = append(s.open, open...)
		}
		w := &s.words[i]
		switch {
		case closing[w.Key] != "":
			s.match[i] = len(s.words)
			open = append(open, i)
		case len(open) > 0 && w.Key == closing[s.words[open[len(open)-1]].Key] && w.Key != "":
			s.match[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	if s.at == len(s.words) {
		s.open = open
	}
}

// level is the words between two brackets, or of the whole statement, without
// those in brackets of their own.
type level struct {
	before int   // the word before the bracket; -1: none
	words  []int // by their index, brackets included
	end    int   // the index behind the last
}

// levels are those around the place, innermost first.
func (s *site) levels() []level {
	var list []level
	for i := len(s.open) - 1; i >= 0; i-- {
		list = append(list, s.level(s.open[i]+1, s.match[s.open[i]], s.open[i]-1))
	}
	return append(list, s.level(0, len(s.words), -1))
}

func (s *site) level(from, to, before int) level {
	l := level{before: before, end: to}
	for i := from; i < to; i++ {
		l.words = append(l.words, i)
		if closing[s.words[i].Key] != "" {
			i = s.match[i] - 1
		}
	}
	return l
}

// is says whether word i is one of these; false outside the statement.
func (s *site) is(i int, texts ...string) bool {
	return i >= 0 && i < len(s.words) && s.words[i].Is(texts...)
}

func (s *site) isName(i int) bool { return i >= 0 && i < len(s.words) && s.words[i].IsName() }

// source is the text of the words from a to b, b excluded.
func (s *site) source(a, b int) string {
	if a < 0 || a >= b || b > len(s.words) {
		return ""
	}
	return s.text[s.words[a].Span.Start:s.words[b-1].Span.End]
}
