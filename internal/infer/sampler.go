package infer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/query/parse"
)

// MaxTime bounds how long records are waited for.
const MaxTime = 10 * time.Second

// Sampler infers tables from where an engine may reach.
type Sampler struct{ Engine *engine.Engine }

// Request says what a table is inferred from.
type Request struct {
	Name    string
	File    string            // "": the table's own records
	Options map[string]string // of the table
	Rows    int               // 0: DefaultRows
	Last    bool              // the last records of each partition, else the first

	From map[int32]int64 // of a table's own records: those from an offset on, by partition
}

// Infer proposes a table. Its options are those of the request, with those of the
// format that the sample shows.
func (s Sampler) Infer(ctx context.Context, r Request) (*Table, error) {
	t, err := s.look(ctx, &r)
	if err != nil {
		return nil, plain(err)
	}
	t.Name = r.Name
	t.Options = append(given(r.Options), t.Options...)
	return t, nil
}

// given are the options of a request, in the order in which they are written.
func given(options map[string]string) (list [][2]string) {
	for _, k := range slices.Sorted(maps.Keys(options)) {
		if k != "connector" {
			list = append(list, [2]string{k, options[k]})
		}
	}
	if c, ok := options["connector"]; ok {
		list = slices.Insert(list, 0, [2]string{"connector", c})
	}
	return list
}

// look gives a table that has only the options which the sample shows.
func (s Sampler) look(ctx context.Context, r *Request) (*Table, error) {
	if c := r.Options["connector"]; r.File == "" && c != "" && c != "file" {
		return s.records(ctx, r)
	}
	path, err := s.Engine.Resolve(r.path())
	if err != nil {
		return nil, err
	}
	return r.fromFile(path, func(path string) (Input, error) { return s.Engine.OpenFile(path) })
}

// path is the file that is looked at; "": none.
func (r *Request) path() string {
	if r.File == "" {
		return r.Options["path"]
	}
	return r.File
}

// fromFile infers from a file. A table that is connected to nothing is that file.
func (r *Request) fromFile(path string, open func(string) (Input, error)) (*Table, error) {
	switch {
	case path == "" && r.Options["connector"] == "":
		return nil, errors.New("the table has no 'connector' to read records from, and no file is named: write LIKE SAMPLE 'file'")
	case path == "":
		return nil, errors.New("the option 'path' is missing")
	case r.Last:
		return nil, errors.New("of a file the first records are looked at: write FIRST")
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	t, err := Opened(f, path, Form{Options: r.Options, Rows: r.Rows})
	if err == nil && r.Options["connector"] == "" {
		t.Options = append([][2]string{{"connector", "file"}, {"path", path}}, t.Options...)
	}
	return t, err
}

// records infers from what a connector reads.
func (s Sampler) records(ctx context.Context, r *Request) (*Table, error) {
	form := Form{Options: r.Options, Rows: cmp.Or(r.Rows, DefaultRows)}
	options := maps.Clone(r.Options)
	if formats.IsUpserts(options["connector"]) {
		options["connector"] = "kafka" // whose records these are too
	}
	reading, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	got, err := s.Engine.Records(reading, r.Name, options, engine.SampleRequest{Rows: form.Rows, Latest: r.Last, From: r.From})
	if err != nil {
		return nil, err
	}
	if engine.HasSchema(options) {
		return s.written(ctx, r.Name, got.Values, form)
	}
	if len(got.Values) == 0 && got.Incomplete {
		return nil, fmt.Errorf("no record came in %s", MaxTime)
	}
	return Values(r.Name, got.Values, form)
}

// written takes the columns from the schema that the values are written with.
func (s Sampler) written(ctx context.Context, name string, values [][]byte, form Form) (*Table, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	schema, skipped, err := s.Engine.Schema(ctx, name, form.Options, values)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the registry of schemas has not answered in %s: %w", MaxTime, err)
	}
	if err != nil {
		return nil, err
	}
	t := newTable(name, form)
	t.Records, t.Skipped = len(values), skipped
	for _, f := range schema.Fields {
		if f.Type.Kind == event.Null {
			t.untyped = append(t.untyped, f.Name)
			continue
		}
		t.Columns = append(t.Columns, f)
	}
	if len(t.Columns) == 0 {
		return nil, errors.New("the schema has no fields that a column takes")
	}
	return t, nil
}

// plain is an error without the places of a text that is none.
func plain(err error) error {
	list, ok := diag.As(err)
	if !ok {
		return err
	}
	d := list.Items[0]
	if d.Hint == "" {
		return errors.New(d.Message)
	}
	return fmt.Errorf("%s (%s)", d.Message, d.Hint)
}

// Sample is query.Options.Sample.
func (s Sampler) Sample(ctx context.Context) func(check.SampleRequest) (*check.Sample, error) {
	return func(q check.SampleRequest) (*check.Sample, error) {
		t, err := s.look(ctx, requestOf(&q))
		if err != nil {
			return nil, plain(err)
		}
		return t.sample()
	}
}

func requestOf(q *check.SampleRequest) *Request {
	r := &Request{Name: q.Table, Options: q.Options, Rows: q.Rows, Last: q.Last}
	if q.File != nil {
		r.File = *q.File
	}
	return r
}

// FromText is query.Options.Sample where only files are read, by a function, and
// no connector is asked: while a text is being written.
func FromText(read func(path string) ([]byte, error)) func(check.SampleRequest) (*check.Sample, error) {
	return func(q check.SampleRequest) (*check.Sample, error) {
		r := requestOf(&q)
		if c := q.Options["connector"]; r.File == "" && c != "" && c != "file" {
			return nil, nil //nolint:nilnil // it is known where the statement is run
		}
		t, err := r.fromFile(r.path(), func(path string) (Input, error) {
			text, err := read(path)
			return opened{bytes.NewReader(text)}, err
		})
		if err != nil {
			return nil, err
		}
		return t.sample()
	}
}

// opened is a file that is in memory.
type opened struct{ *bytes.Reader }

func (opened) Close() error { return nil }

// sample is the table as the checker takes it.
func (t *Table) sample() (*check.Sample, error) {
	script, err := parse.Parse("", t.SQL())
	if err != nil {
		return nil, fmt.Errorf("the columns that were found are no statement: %w", err)
	}
	e := script.Statements[0].(*ast.CreateTable)
	return &check.Sample{Columns: e.Columns, Options: e.Options, Note: t.Note()}, nil
}

// Note is what is to be known of a sample beside the table; may be empty.
func (t *Table) Note() string {
	var notes []string
	if t.Skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d records are none of the format and were passed over; a query will reject such", t.Skipped, t.Records))
	}
	if len(t.untyped) > 0 {
		notes = append(notes, "no column takes the fields "+strings.Join(t.untyped, ", ")+" of the schema, which may be one thing or another, or hold themselves")
	}
	return strings.Join(notes, "; ")
}
