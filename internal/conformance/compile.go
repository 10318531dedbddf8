package conformance

import (
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Compile makes the plan of a case's query over a table made for it, once.
func Compile(c *Case) (*plan.Insert, error) {
	if c.compiled == nil {
		root, err := compile(c)
		c.compiled = &compiled{root: root, err: err}
	}
	return c.compiled.root, c.compiled.err
}

// graph is what the operators of the case are made of, once.
func (c *Case) graph() (*build.Graph, error) {
	root, err := Compile(c)
	if err == nil && c.compiled.graph == nil {
		c.compiled.graph, err = newGraph(root, c.options())
	}
	return c.compiled.graph, err
}

func compile(c *Case) (*plan.Insert, error) {
	ddl, err := c.DDL("ts")
	if err != nil {
		return nil, err
	}
	cat := catalog.New()
	if _, err := query.CompileText(cat, "", ddl, nil); err != nil {
		return nil, fmt.Errorf("table of the case: %v", err)
	}
	r, err := query.CompileText(cat, "", c.Query, nil)
	if err != nil {
		return nil, err
	}
	if len(r.Queries) != 1 {
		return nil, fmt.Errorf("the text holds %d queries", len(r.Queries))
	}
	return r.Queries[0].Insert, nil
}

// column is where a column of the plan's scan stands in the case's rows.
func (c *Case) column(name string) (int, error) {
	for i, f := range c.Schema {
		if f[0] == name {
			return i, nil
		}
	}
	return -1, fmt.Errorf("the case has no column %q", name)
}

// record is a row of the case in the columns that a scan reads.
func (c *Case) record(scan *plan.Scan, row []any) ([]event.Value, error) {
	values := make([]event.Value, len(scan.Read))
	for i, col := range scan.Read {
		at, err := c.column(col.Name)
		if err != nil {
			return nil, err
		}
		if values[i], err = value(col.Type, row[at]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// late says whether a row comes after a watermark of its time or later, given
// the latest watermark so far (ms).
func (c *Case) late(row []any, watermark int64) bool {
	at, err := c.column("ts")
	if err != nil {
		return false
	}
	ts, ok := row[at].(int)
	return ok && int64(ts) <= watermark
}

// NewResult is rows in the form of a case's expectation.
func NewResult(schema *event.Schema, rows [][]event.Value) *Result {
	r := &Result{Columns: schema.Names()}
	for _, row := range rows {
		r.Rows = append(r.Rows, plainRow(schema, row))
	}
	return r
}

func plainRow(schema *event.Schema, row []event.Value) []any {
	out := make([]any, len(row))
	for i, v := range row {
		out[i] = plain(schema.Fields[i].Type, v)
	}
	return out
}
