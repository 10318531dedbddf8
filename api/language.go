package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/internal/assist"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/explain"
	"github.com/cepd/cepd/query/format"
)

// Draft is a text that is being written.
type Draft struct {
	SQL    string            `json:"sql" doc:"Statements, which may have mistakes" maxLength:"262144"`
	Params map[string]string `json:"params,omitempty" doc:"Values of :name in the text"`
}

// Place is a place in a text that is being written.
type Place struct {
	Draft
	Position int `json:"position" doc:"Number of UTF-16 code units before it, as browsers and editors count" minimum:"0"`
}

// Range is a part of a text.
type Range struct {
	From   int `json:"from" doc:"UTF-16 code units before it"`
	To     int `json:"to" doc:"UTF-16 code units up to its end"`
	Line   int `json:"line" doc:"From 1"`
	Column int `json:"column" doc:"From 1, in characters"`
	Start  int `json:"start" doc:"First byte"`
	End    int `json:"end" doc:"Byte after it"`
}

// Finding is a finding in a text that is being written.
type Finding struct {
	Severity string `json:"severity" enum:"error,warning"`
	Code     string `json:"code" doc:"Stable name of the mistake, see docs/errors.md" example:"unknown-column"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty" doc:"What to write instead"`
	Range
}

// Diagnosis is the findings in a text.
type Diagnosis struct {
	Findings []Finding `json:"findings"`
}

// CompletionItem is one thing that may be written.
type CompletionItem struct {
	Label  string `json:"label" doc:"What is written; names that need it are not quoted yet"`
	Kind   string `json:"kind" enum:"keyword,table,view,column,variable,function,option,value,setting,type"`
	Detail string `json:"detail,omitempty" doc:"A type, a usage, a default"`
	Doc    string `json:"doc,omitempty"`
}

// CompletionList is what may be written in place of a part of the text, the
// likeliest first.
type CompletionList struct {
	Items   []CompletionItem `json:"items"`
	Replace Range            `json:"replace" doc:"What an item takes the place of"`
}

// Meaning is what a word means. Without a title it means nothing by itself.
type Meaning struct {
	Kind  string `json:"kind,omitempty" enum:"table,view,column,variable,function,keyword,option,setting"`
	Title string `json:"title,omitempty" doc:"As it would be written, on one line"`
	Doc   string `json:"doc,omitempty"`
	Word  *Range `json:"word,omitempty"`
}

// DefinitionPlace is where a word is defined. Without a range it is not defined
// in the text.
type DefinitionPlace struct {
	Range    *Range `json:"range,omitempty"`
	Registry bool   `json:"registry,omitempty" doc:"It is defined on the server: see /v1/tables"`
}

// Layout is a text in the standard layout.
type Layout struct {
	SQL string `json:"sql"`
}

// ExplainedText is how the queries of a text run, those without a mistake.
type ExplainedText struct {
	Queries  []explain.Explanation `json:"queries"`
	Findings []Finding             `json:"findings"`
}

func registerLanguage(api huma.API, s *Service) {
	language(api, "diagnose", "Find the mistakes of a text that is being written, and give advice", func(in *Draft) (*Diagnosis, error) {
		return &Diagnosis{findings(in.SQL, s.assist(in).Diagnose("", in.SQL))}, nil
	})
	language(api, "complete", "What may be written at a place: keywords by the grammar, tables, columns, variables, functions, options, settings", func(in *Place) (*CompletionList, error) {
		return completionList(in.SQL, s.assist(&in.Draft).Complete("", in.SQL, assist.FromUTF16(in.SQL, in.Position))), nil
	})
	language(api, "hover", "What the word at a place means", func(in *Place) (*Meaning, error) {
		return meaning(in.SQL, s.subject(in)), nil
	})
	language(api, "definition", "Where the word at a place is defined", func(in *Place) (*DefinitionPlace, error) {
		return definitionPlace(in.SQL, s.subject(in)), nil
	})
	language(api, "format", "Put a text into the standard layout", func(in *Draft) (*Layout, error) {
		out, err := format.Script(in.SQL)
		if err != nil {
			return nil, err
		}
		return &Layout{out}, nil
	})
	language(api, "explain", "How the queries of a text would run: plan, operators, automata with samples", func(in *Draft) (*ExplainedText, error) {
		list, found := s.assist(in).Explain("", in.SQL)
		return &ExplainedText{list, findings(in.SQL, found)}, nil
	})
}

// language adds an operation that only looks at a text.
func language[In, Out any](api huma.API, name, summary string, do func(*In) (*Out, error)) {
	huma.Register(api, operation(http.MethodPost, "/v1/language/"+name, "language-"+name, summary, http.StatusOK),
		func(_ context.Context, in *body[In]) (*body[*Out], error) { return answer(do(&in.Body)) })
}

// assist is the services for a text that would be submitted here.
func (s *Service) assist(d *Draft) *assist.Tools {
	return &assist.Tools{Catalog: s.definitions(), Registry: s.runner.Connectors(), Params: d.Params, ReadFile: s.runner.ReadFile}
}

func (s *Service) subject(p *Place) *assist.Subject {
	return s.assist(&p.Draft).Subject("", p.SQL, assist.FromUTF16(p.SQL, p.Position))
}

func rangeOf(text string, span diag.Span) Range {
	line, col := diag.Position(text, span.Start)
	return Range{From: assist.UTF16(text, span.Start), To: assist.UTF16(text, span.End), Line: line, Column: col, Start: span.Start, End: span.End}
}

func findings(text string, list []diag.Diagnostic) []Finding {
	out := make([]Finding, len(list))
	for i, d := range list {
		out[i] = Finding{d.Severity.String(), string(d.Code), d.Message, d.Hint, rangeOf(text, d.Span)}
	}
	return out
}

func completionList(text string, c assist.Completion) *CompletionList {
	out := &CompletionList{Items: make([]CompletionItem, len(c.Items)), Replace: rangeOf(text, c.Span)}
	for i, item := range c.Items {
		out.Items[i] = CompletionItem(item)
	}
	return out
}

func meaning(text string, s *assist.Subject) *Meaning {
	if s == nil {
		return &Meaning{}
	}
	word := rangeOf(text, s.Span)
	return &Meaning{Kind: s.Kind, Title: s.Title, Doc: maskText(s.Doc), Word: &word}
}

func definitionPlace(text string, s *assist.Subject) *DefinitionPlace {
	switch {
	case s == nil || s.Home == nil:
		return &DefinitionPlace{}
	case s.Home.Source != text:
		return &DefinitionPlace{Registry: true}
	}
	place := rangeOf(text, s.Home.Span)
	return &DefinitionPlace{Range: &place}
}
