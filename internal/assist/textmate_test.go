package assist_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/query/parse"
)

const grammarFile = "../../editors/vscode/syntaxes/cepd.tmLanguage.json"

// rule is a rule of a TextMate grammar. The expressions are of the part of
// Oniguruma's syntax that Go has too, so that the test can run them.
type rule struct {
	Name  string `json:"name"`
	Match string `json:"match,omitempty"`
	Begin string `json:"begin,omitempty"`
	End   string `json:"end,omitempty"`
}

func grammar() []rule {
	var functions []string
	for _, f := range append(function.Names(), function.AggregateNames()...) {
		if !slices.Contains(parse.Keywords(), f) {
			functions = append(functions, f)
		}
	}
	slices.Sort(functions)
	return []rule{
		{Name: "comment.line.double-dash.cepd", Match: `--[^\n]*`},
		{Name: "meta.hint.cepd", Begin: `/\*\+`, End: `\*/`},
		{Name: "comment.block.cepd", Begin: `/\*`, End: `\*/`},
		{Name: "string.quoted.other.bytes.cepd", Match: `(?i)\bx'[^']*'`},
		{Name: "string.quoted.single.cepd", Begin: `'`, End: `'`},
		{Name: "variable.other.quoted.cepd", Match: "`[^`]*`|\"[^\"]*\""},
		{Name: "variable.parameter.cepd", Match: `:[A-Za-z_][A-Za-z0-9_]*`},
		{Name: "constant.numeric.cepd", Match: `(?i)\b[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?`},
		{Name: "constant.language.cepd", Match: `(?i)\b(?:TRUE|FALSE|NULL|UNKNOWN)\b`},
		{Name: "support.function.cepd", Match: `(?i)\b(?:` + strings.Join(functions, "|") + `)\b[ \t]*\(`},
		{Name: "storage.type.cepd", Match: `(?i)\b(?:` + strings.Join(check.TypeNames(), "|") + `)\b`},
		{Name: "keyword.other.sample.cepd", Match: `(?i)\bLIKE[ \t]+SAMPLE\b`},
		{Name: "keyword.other.cepd", Match: `(?i)\b(?:` + strings.Join(parse.Keywords(), "|") + `)\b`},
		{Name: "keyword.operator.cepd", Match: `->>|->|=>|::|\{-|-\}|\|\||<>|!=|<=|>=|[=<>+\-*/%|?^$]`},
		{Name: "punctuation.cepd", Match: `[.,;()\[\]{}:]`},
	}
}

// TestGrammarIsCurrent: the grammar of editors has the words of the language;
// -rewrite writes it.
func TestGrammarIsCurrent(t *testing.T) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(map[string]any{"name": "CEP SQL", "scopeName": "source.cepd", "fileTypes": []string{"sql"}, "patterns": grammar()}); err != nil {
		t.Fatal(err)
	}
	if flag.Lookup("rewrite").Value.String() == "true" {
		if err := os.WriteFile(grammarFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(grammarFile)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the language has; run go test ./internal/assist -rewrite (%v)", grammarFile, err)
	}
}

// scopes is what the grammar in the file makes of a text: per rule that matched,
// its name and what it took.
func scopes(t *testing.T, text string) (list [][2]string) {
	t.Helper()
	content, err := os.ReadFile(grammarFile)
	if err != nil {
		t.Fatal(err)
	}
	var g struct{ Patterns []rule }
	if err := json.Unmarshal(content, &g); err != nil {
		t.Fatal(err)
	}
	for len(text) > 0 {
		at, length, name := len(text), 0, ""
		for _, r := range g.Patterns { // the first place counts, then the first rule
			if loc := regexp.MustCompile(r.Match + r.Begin).FindStringIndex(text); loc != nil && loc[0] < at {
				at, length, name = loc[0], loc[1]-loc[0], r.Name
				if r.End != "" {
					length = endOf(r.End, text[loc[1]:]) + loc[1] - loc[0]
				}
			}
		}
		if name == "" {
			break
		}
		list = append(list, [2]string{name, text[at : at+length]})
		text = text[at+length:]
	}
	return list
}

func endOf(end, rest string) int {
	loc := regexp.MustCompile(end).FindStringIndex(rest)
	if loc == nil {
		return len(rest)
	}
	return loc[1]
}

func TestGrammarColoursEveryWord(t *testing.T) {
	for _, k := range parse.Keywords() {
		for _, text := range []string{k, strings.ToLower(k)} {
			got := scopes(t, text)
			if len(got) != 1 || got[0][1] != text || strings.HasPrefix(got[0][0], "punctuation") {
				t.Errorf("%s is %v", text, got)
			}
		}
	}
}

func TestGrammarColoursLiterals(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"-- a 'b'", "comment.line.double-dash.cepd"},
		{"/* a\n 'b' */", "comment.block.cepd"},
		{"/*+ NAME('x') */", "meta.hint.cepd"},
		{"'a -- b'", "string.quoted.single.cepd"},
		{"x'00ff'", "string.quoted.other.bytes.cepd"},
		{"\"a b\"", "variable.other.quoted.cepd"},
		{"`select`", "variable.other.quoted.cepd"},
		{":most", "variable.parameter.cepd"},
		{"12", "constant.numeric.cepd"},
		{"12.5e-3", "constant.numeric.cepd"},
		{".5", "constant.numeric.cepd"},
		{"null", "constant.language.cepd"},
		{"BIGINT", "storage.type.cepd"},
		{"sum (", "support.function.cepd"},
		{"->>", "keyword.operator.cepd"},
		{"{-", "keyword.operator.cepd"},
		{"::", "keyword.operator.cepd"},
	} {
		if got := scopes(t, c.text); len(got) != 1 || got[0][0] != c.want || got[0][1] != c.text {
			t.Errorf("%s is %v, want %s", c.text, got, c.want)
		}
	}
	if got := scopes(t, "account selected"); len(got) != 0 {
		t.Errorf("names are coloured: %v", got)
	}
}
