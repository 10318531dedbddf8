package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
)

// InferRequest says what a table is inferred from.
type InferRequest struct {
	Name    string            `json:"name" doc:"Name of the table" minLength:"1" maxLength:"128"`
	Options map[string]string `json:"options,omitempty" doc:"Its WITH options: the connector, where its records are, and as much of the format as is known"`
	File    string            `json:"file,omitempty" doc:"A file of the server with a sample, in place of the table's own records" maxLength:"4096"`
	Rows    int               `json:"rows,omitempty" doc:"Records that are looked at; 0 is 1,000" minimum:"0" maximum:"100000"`
	From    string            `json:"from,omitempty" enum:"earliest,latest" doc:"The first records of each partition, which is the default, or the last"`
}

// InferredTable is the table that records are of.
type InferredTable struct {
	SQL     string   `json:"sql" doc:"The statement that creates it"`
	Columns []Column `json:"columns"`
	Records int      `json:"records" doc:"That were looked at"`
	Skipped int      `json:"skipped,omitempty" doc:"Of them, those that are none of the format"`
	Note    string   `json:"note,omitempty" doc:"What is to be known of the sample"`
}

func registerInfer(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodPost, "/v1/infer", "infer-table",
		"Propose a table from records; read by a reader of its own, for at most 10 seconds. Nothing is created", http.StatusOK),
		func(ctx context.Context, in *body[InferRequest]) (*body[*InferredTable], error) {
			return answer(s.Infer(ctx, &in.Body))
		})
}

// Infer proposes a table.
func (s *Service) Infer(ctx context.Context, in *InferRequest) (*InferredTable, error) {
	done, err := s.sampling()
	if err != nil {
		return nil, err
	}
	defer done()
	t, err := s.runner.Infer(ctx, infer.Request{Name: in.Name, File: in.File, Options: in.Options, Rows: in.Rows, Last: in.From == "latest"})
	if err != nil {
		return nil, badRequest("%v", err)
	}
	sql, err := format.Script(t.SQL())
	if err != nil {
		return nil, badRequest("%v", err)
	}
	out := &InferredTable{SQL: sql, Columns: []Column{}, Records: t.Records, Skipped: t.Skipped, Note: t.Note()}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, Column{Name: c.Name, Type: c.Type.String()})
	}
	return out, nil
}

// sampling lets at most so many samples be read at a time.
func (s *Service) sampling() (done func(), err error) {
	select {
	case s.samples <- struct{}{}:
		return func() { <-s.samples }, nil
	default:
		return nil, newProblem(http.StatusServiceUnavailable, "other samples are being read: ask again in a moment")
	}
}

// pins is a text whose LIKE SAMPLE clauses have been replaced by what the samples
// had: only that is kept, so that what runs does not change when the sample does.
// Nil: the text has none.
type pins struct {
	sql      string
	tables   []string          // the statements
	written  map[string]string // what was submitted, by table
	warnings []Diagnostic      // with places in the text that was submitted
}

// pin reads the samples of a text, before anything is locked.
func (s *Service) pin(sub *Submission) (*pins, error) {
	if !strings.Contains(strings.ToUpper(sub.SQL), "SAMPLE") {
		return nil, nil
	}
	script, err := parse.Parse(sub.File, sub.SQL)
	if err != nil || !sampled(script) {
		return nil, err
	}
	done, err := s.sampling()
	if err != nil {
		return nil, err
	}
	defer done()
	result, err := query.Compile(s.definitions().Clone(), script, query.Options{File: sub.File, Text: sub.SQL, Params: sub.Params,
		ReadFile: s.runner.ReadFile, Shadows: true, Sample: s.runner.TakeSample(context.Background())})
	if err != nil {
		return nil, err
	}
	p := &pins{sql: format.Pin(sub.SQL, script, result.Pinned), written: map[string]string{}, warnings: Diagnostics(result.Warnings)}
	for _, st := range script.Statements {
		if t, ok := st.(*ast.CreateTable); ok && result.Pinned[t] != nil {
			p.tables = append(p.tables, format.Table(result.Pinned[t]))
			p.written[nameOf(t.Name)] = textOf(sub.SQL, t)
		}
	}
	return p, nil
}

func sampled(script *ast.Script) bool {
	for _, st := range script.Statements {
		if t, ok := st.(*ast.CreateTable); ok && t.Sample != nil {
			return true
		}
	}
	return false
}

// of is the submission with the pinned text.
func (p *pins) of(sub *Submission) *Submission {
	if p == nil {
		return sub
	}
	out := *sub
	out.SQL, out.written = p.sql, p.written
	return &out
}

func (p *pins) tell(out *Outcome) {
	if p != nil {
		out.Pinned, out.Warnings = p.tables, p.warnings
	}
}
