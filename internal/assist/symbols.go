package assist

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/parse"
)

// Definition is a statement that gives something a name, or fills a table.
type Definition struct {
	Kind     string // table, view, function, query, insert
	Name     string // of an insert, that of the table
	NameSpan diag.Span
	Span     diag.Span // of the statement
}

// Symbols are the definitions of a text, whatever else it has.
func Symbols(text string) []Definition { return definitions(parse.Words(text)) }

var kindOfWord = map[string]string{"TABLE": "table", "VIEW": "view", "FUNCTION": "function", "QUERY": "query"}

func definitions(words []parse.Word) (list []Definition) {
	words = withoutComments(words)
	for start := 0; start < len(words); {
		end := start
		for end < len(words) && !words[end].Is(";") {
			end++
		}
		if d, ok := definition(words[start:end]); ok {
			list = append(list, d)
		}
		start = end + 1
	}
	return list
}

// definition is that of one statement.
func definition(words []parse.Word) (d Definition, ok bool) {
	i := 0
	skip := func(texts ...string) {
		for i < len(words) && words[i].Is(texts...) {
			i++
		}
	}
	switch {
	case len(words) == 0:
		return d, false
	case words[0].Is("CREATE"):
		skip("CREATE", "TEMPORARY", "SYSTEM", "AGGREGATE")
		if i == len(words) {
			return d, false
		}
		d.Kind = kindOfWord[words[i].Key]
		skip("TABLE", "VIEW", "FUNCTION", "QUERY")
		skip("IF", "NOT", "EXISTS")
	default:
		d.Kind = "insert"
		skip("EXECUTE", "BEGIN", "STATEMENT", "SET")
		if i == len(words) || !words[i].Is("INSERT") {
			return d, false
		}
		skip("INSERT", "INTO")
	}
	if i == len(words) || !words[i].IsName() || d.Kind == "" {
		return d, false
	}
	d.Name, d.NameSpan = words[i].Text, words[i].Span
	d.Span = words[0].Span.To(words[len(words)-1].Span)
	return d, true
}

func withoutComments(words []parse.Word) []parse.Word {
	out := make([]parse.Word, 0, len(words))
	for _, w := range words {
		if w.Kind != parse.CommentWord {
			out = append(out, w)
		}
	}
	return out
}
