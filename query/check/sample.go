package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
)

// SampleRequest says what LIKE SAMPLE is to look at.
type SampleRequest struct {
	Table   string
	File    *string           // nil: the table's own records
	Last    bool              // the last records, else the first
	Rows    int               // 0: nothing is said
	Options map[string]string // of the table
}

// Sample is what records say of a table.
type Sample struct {
	Columns []ast.ColumnDef
	Options []ast.Option // that the table lacks
	Note    string       // what is to be known of the sample; may be empty
}

// sampled is the statement with the columns of its sample, nil after an error;
// the options of the sample go to the table.
func (c *Checker) sampled(t *catalog.Table, e *ast.CreateTable) *ast.CreateTable {
	s, err := c.sample(t, e)
	if err != nil {
		c.blank[strings.ToLower(t.Name)] = true
		c.add(diag.BadSample, e.Sample.Pos(), "LIKE SAMPLE of %s: %v", t.Name, err)
		return nil
	}
	if s == nil {
		c.blank[strings.ToLower(t.Name)] = true
		c.add(diag.BadSample, e.Sample.Pos(), "no sample is read here, so the columns of %s are not known", t.Name).
			WithHint("write them: cepd check --expand FILE prints the statement with its columns")
		return nil
	}
	if s.Note != "" {
		c.list.Warn(diag.BadSample, e.Sample.Pos(), "LIKE SAMPLE of %s: %s", t.Name, s.Note)
	}
	pinned := pin(e, s)
	for _, o := range s.Options {
		t.Options[o.Key] = catalog.Option{Value: o.Value, KeySpan: e.Sample.Span, ValueSpan: e.Sample.Span}
	}
	c.pins[e] = pinned
	return pinned
}

// sample asks for it; nil when none is read here.
func (c *Checker) sample(t *catalog.Table, e *ast.CreateTable) (*Sample, error) {
	if c.opts.Sample == nil {
		return nil, nil
	}
	options := make(map[string]string, len(t.Options))
	for k, o := range t.Options {
		options[k] = o.Value
	}
	return c.opts.Sample(SampleRequest{Table: t.Name, File: e.Sample.File, Last: e.Sample.Last, Rows: e.Sample.Rows, Options: options})
}

// pin writes out what a sample says. What is declared leads: a column stands for
// the field of its name, at the place of that field if it is one of the record.
func pin(e *ast.CreateTable, s *Sample) *ast.CreateTable {
	out := *e
	out.Sample, out.Columns = nil, nil
	declared := map[string]*ast.ColumnDef{}
	for i := range e.Columns {
		declared[strings.ToLower(e.Columns[i].Name.Name)] = &e.Columns[i]
	}
	placed := map[*ast.ColumnDef]bool{}
	for _, col := range s.Columns {
		own := declared[strings.ToLower(col.Name.Name)]
		switch {
		case own == nil:
			col.Base, col.Name.Base, col.Type = e.Sample.Base, e.Sample.Base, moved(col.Type, e.Sample.Base)
			out.Columns = append(out.Columns, col)
		case own.As == nil && !own.Metadata && !placed[own]:
			placed[own] = true
			out.Columns = append(out.Columns, *own)
		}
	}
	for i := range e.Columns {
		if own := &e.Columns[i]; !placed[own] {
			out.Columns = append(out.Columns, *own)
		}
	}
	out.Options = append(out.Options[:len(e.Options):len(e.Options)], s.Options...)
	return &out
}

// moved is a type that stands somewhere else.
func moved(t *ast.Type, to ast.Base) *ast.Type {
	out := *t
	out.Base = to
	out.Args, out.Fields = nil, nil
	for i := range t.Args {
		out.Args = append(out.Args, *moved(&t.Args[i], to))
	}
	for i := range t.Fields {
		f := t.Fields[i]
		f.Base, f.Name.Base, f.Type = to, to, *moved(&f.Type, to)
		out.Fields = append(out.Fields, f)
	}
	return &out
}

// Pinned are the statements with LIKE SAMPLE as they are without it, with the
// columns that the samples had.
func (c *Checker) Pinned() map[*ast.CreateTable]*ast.CreateTable { return c.pins }
