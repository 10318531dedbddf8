package systables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
	"github.com/cepd/cepd/query/plan"
)

// The limits of a SELECT.
const (
	MaxRows    = 10_000  // of an answer
	MaxScanned = 200_000 // rows of all system tables that are read
	maxChanges = 1_000_000
)

// Rows gives the rows of a system table, as JSON objects whose fields are its
// columns, at most so many; more says that there are more.
type Rows func(ctx context.Context, table string, most int) (rows []any, more bool, err error)

// Selected is what a SELECT found.
type Selected struct {
	Columns []SelectedColumn    `json:"columns"`
	Rows    [][]json.RawMessage `json:"rows" doc:"A value per column"`
	More    bool                `json:"more,omitempty" doc:"There are more than 10,000 rows: the others are left out"`
	Partial []string            `json:"partial,omitempty" doc:"System tables of which not all rows were read"`
}

// ErrRun says that a SELECT failed on the rows.
var ErrRun = errors.New("the SELECT failed")

// SelectedColumn is a column of an answer.
type SelectedColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Select answers a SELECT. An error of the text is a *diag.List.
func Select(ctx context.Context, file, text string, rows Rows) (*Selected, error) {
	s, err := compile(file, text)
	if err != nil {
		return nil, err
	}
	a := &Selected{}
	store := memory.NewStore(maxChanges)
	if err := s.load(ctx, store, rows, a); err != nil {
		return nil, err
	}
	if err := s.run(ctx, store); err != nil {
		return nil, err
	}
	s.answer(store.Table(resultTable), a)
	return a, nil
}

const resultTable = "result"

// selection is a SELECT ready to run.
type selection struct {
	cat    *catalog.Catalog
	query  *query.Query
	order  []orderKey
	limit  int
	fields []event.Field
}

func compile(file, text string) (*selection, error) {
	script, err := parse.Parse(file, text)
	if err != nil {
		return nil, err
	}
	list := &diag.List{File: file, Source: text}
	var statement *ast.QueryStatement
	if len(script.Statements) == 1 {
		statement, _ = script.Statements[0].(*ast.QueryStatement)
	}
	if statement == nil {
		list.Add(diag.NotSupported, diag.Span{}, "expected one SELECT, and nothing else").WithHint("SELECT … FROM %s.instances", Schema)
		return nil, list.Err()
	}
	s := &selection{cat: newCatalog(), limit: MaxRows}
	order, _ := statement.Query.(*ast.Ordered)
	if order != nil {
		statement.Query = order.Query
	}
	result, err := query.Compile(s.cat, script, query.Options{File: file, Text: text, ReadFile: noFile})
	if err != nil {
		return nil, err
	}
	s.query = &result.Queries[0]
	for _, c := range s.query.Table.Columns {
		s.fields = append(s.fields, event.Field{Name: c.Name, Type: c.Type})
	}
	if order != nil {
		s.arrange(order, list)
	}
	return s, list.Err()
}

func noFile(path string) ([]byte, error) {
	return nil, fmt.Errorf("%s cannot be read here", path)
}

// load reads the system tables that the plan names.
func (s *selection) load(ctx context.Context, store *memory.Store, rows Rows, a *Selected) error {
	left := MaxScanned
	loaded := map[string]bool{}
	for _, name := range scanned(s.query.Insert, nil) {
		if loaded[name] {
			continue
		}
		loaded[name] = true
		list, more, err := rows(ctx, strings.TrimPrefix(name, Schema+"."), left)
		if err != nil {
			return err
		}
		if more {
			a.Partial = append(a.Partial, name)
		}
		left -= len(list)
		t := store.Table(name)
		for _, row := range list {
			text, err := json.Marshal(row)
			if err == nil {
				err = t.AppendJSON(string(text))
			}
			if err != nil {
				return err
			}
		}
		t.Close()
	}
	return nil
}

// scanned are the tables that a plan reads.
func scanned(n plan.Node, list []string) []string {
	if scan, ok := n.(*plan.Scan); ok {
		return append(list, scan.Table.Name)
	}
	for _, in := range n.Inputs() {
		list = scanned(in, list)
	}
	return list
}

// run carries the rows through the operators to their end.
func (s *selection) run(ctx context.Context, store *memory.Store) error {
	s.query.Table.Name = resultTable
	s.query.Table.Options = map[string]catalog.Option{"connector": {Value: "memory"}}
	cat := s.cat.Clone()
	cat.Settings = s.query.Settings
	o := engine.Options{Registry: connectors.NewRegistry(formats.Specs(), memory.New(store)), NewDecoder: formats.NewDecoder, Clock: clock.Wall{}, Workers: 1}
	p, err := engine.OpenPipeline(ctx, o, s.query.Insert, cat, nil)
	if err != nil {
		return err
	}
	for err == nil && !(p.Done() && p.Drained()) {
		if _, err = p.Step(ctx); err == nil {
			_, err = p.Deliver(ctx)
		}
		err = errors.Join(err, ctx.Err())
	}
	if err = errors.Join(err, p.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrRun, err)
	}
	return nil
}

// answer is the rows that stand when all changes are made, in order.
func (s *selection) answer(t *memory.Table, a *Selected) {
	for _, f := range s.fields {
		a.Columns = append(a.Columns, SelectedColumn{f.Name, f.Type.String()})
	}
	_, rows := t.Rows()
	standing := settle(rows, t.Changes(), s.fields)
	s.sort(standing)
	if len(standing) > s.limit {
		standing, a.More = standing[:s.limit], s.limit == MaxRows
	}
	a.Rows = make([][]json.RawMessage, len(standing))
	for i, row := range standing {
		for c, v := range row {
			a.Rows[i] = append(a.Rows[i], function.JSON(s.fields[c].Type, v))
		}
	}
}

// settle carries out changes: a row that is taken back equals one that was added.
func settle(rows [][]event.Value, changes []event.Change, fields []event.Field) (standing [][]event.Value) {
	at := map[string][]int{} // by the row, where it stands
	gone := make([]bool, len(rows))
	var name []byte
	for i, row := range rows {
		name = name[:0]
		for c, v := range row {
			name = event.AppendValue(name, fields[c].Type, v)
		}
		where := at[string(name)]
		if n := len(where); changes[i].Retracts() && n > 0 {
			gone[i], gone[where[n-1]] = true, true
			at[string(name)] = where[:n-1]
			continue
		}
		at[string(name)] = append(where, i)
	}
	for i, row := range rows {
		if !gone[i] {
			standing = append(standing, row)
		}
	}
	return standing
}
