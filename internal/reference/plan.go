package reference

import (
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

// Tables gives the rows of a table, in order of arrival: values in the order
// of scan.Read, without event time.
type Tables func(scan *plan.Scan) ([][]event.Value, error)

// Evaluate computes the rows of a plan over whole inputs.
func Evaluate(n plan.Node, tables Tables, opt Options) ([]Row, error) {
	switch n := n.(type) {
	case *plan.Scan:
		return scan(n, tables)
	case *plan.Match:
		return matched(n, tables, opt)
	case *plan.Suppress:
		return suppress(n, tables, opt)
	case *plan.Filter:
		return filter(n, tables, opt)
	case *plan.Project:
		in, err := Evaluate(n.Input, tables, opt)
		if err != nil {
			return nil, err
		}
		return project(in, n.Exprs, n.Out)
	case *plan.Insert:
		return Evaluate(n.Input, tables, opt)
	}
	return nil, fmt.Errorf("reference: plan node %T", n)
}

func scan(n *plan.Scan, tables Tables) ([]Row, error) {
	records, err := tables(n)
	if err != nil {
		return nil, err
	}
	in := make([]Row, len(records))
	for i, r := range records {
		in[i].Values = r
	}
	return project(in, n.Exprs, n.Out)
}

func matched(n *plan.Match, tables Tables, opt Options) ([]Row, error) {
	in, err := Evaluate(n.Input, tables, opt)
	if err != nil {
		return nil, err
	}
	out, err := Match(n, in, opt)
	rows := make([]Row, len(out))
	for i, r := range out {
		rows[i] = Row{Values: r.Values, Time: r.Time}
	}
	return rows, err
}

func filter(n *plan.Filter, tables Tables, opt Options) ([]Row, error) {
	in, err := Evaluate(n.Input, tables, opt)
	if err != nil {
		return nil, err
	}
	cond, err := newScalar(n.Cond)
	if err != nil {
		return nil, err
	}
	var out []Row
	for _, r := range in {
		keep, err := cond.eval(r.Values)
		if err != nil {
			return nil, err
		}
		if keep.Bool() {
			out = append(out, r)
		}
	}
	return out, nil
}

func project(in []Row, exprs []expr.Expr, schema *event.Schema) ([]Row, error) {
	scalars := make([]*scalar, len(exprs))
	for i, e := range exprs {
		var err error
		if scalars[i], err = newScalar(e); err != nil {
			return nil, err
		}
	}
	out := make([]Row, len(in))
	for i, r := range in {
		values := make([]event.Value, len(scalars))
		for c, s := range scalars {
			var err error
			if values[c], err = s.eval(r.Values); err != nil {
				return nil, err
			}
		}
		out[i] = timed(schema, values)
	}
	return out, nil
}

// timed is a row with the time that its schema says.
func timed(schema *event.Schema, values []event.Value) Row {
	r := Row{Values: values}
	if schema.Rowtime >= 0 {
		r.Time = values[schema.Rowtime].I
	}
	return r
}
