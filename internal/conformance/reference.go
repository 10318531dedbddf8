package conformance

import (
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/reference"
	"github.com/cepd/cepd/query/plan"
)

// Reference drives the naive matcher: late rows are dropped, the others are
// matched as one finite table.
type Reference struct{ Options reference.Options }

// Run evaluates the case's plan.
func (d Reference) Run(c *Case) (*Result, error) {
	root, err := Compile(c)
	if err != nil {
		return nil, err
	}
	tables := func(scan *plan.Scan) ([][]event.Value, error) { return c.onTime(scan) }
	rows, err := reference.Evaluate(root, tables, d.Options)
	if err != nil {
		return nil, err
	}
	values := make([][]event.Value, len(rows))
	for i, r := range rows {
		values[i] = r.Values
	}
	return NewResult(root.Schema(), values), nil
}

// onTime is the records of the rows that are not late.
func (c *Case) onTime(scan *plan.Scan) (records [][]event.Value, err error) {
	watermark := int64(math.MinInt64)
	for _, e := range c.Input {
		switch {
		case e.Watermark != nil:
			watermark = max(watermark, *e.Watermark)
		case !c.late(e.Row, watermark):
			r, err := c.record(scan, e.Row)
			if err != nil {
				return nil, err
			}
			records = append(records, r)
		}
	}
	return records, nil
}
