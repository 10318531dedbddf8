// Package carry is what the operators with aggregates have in common when the state
// of one version of a query becomes that of another: columns and aggregates are the
// same where they mean the same, whatever their names and numbers.
package carry

import (
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/query/plan"
)

// Columns says which column of from each column of to is; -1: none of them.
func Columns(from, to plan.Node) []int {
	known := map[string]int{}
	for i := range from.Schema().Fields {
		known[plan.ColumnIdentity(from, i)] = i
	}
	return find(len(to.Schema().Fields), known, func(i int) string { return plan.ColumnIdentity(to, i) })
}

// find is for each of n new things the old one of the same identity; -1: there is
// none.
func find(n int, known map[string]int, identity func(i int) string) []int {
	at := make([]int, n)
	for i := range at {
		var ok bool
		if at[i], ok = known[identity(i)]; !ok {
			at[i] = -1
		}
	}
	return at
}

// Calls are the aggregates of an operator: what the plan says and how they are
// computed.
type Calls struct {
	Input plan.Node
	Plan  []plan.AggCall
	Calls []aggregate.Call
	Where []string // what else the states of each depend on; nil: nothing
}

func (c *Calls) identity(i int) string {
	text := c.Calls[i].State() + " " + c.Plan[i].Identity(c.Input)
	if c.Where != nil {
		text += " " + c.Where[i]
	}
	return text
}

// Find says for each call of to which of from has its states; -1: none.
func Find(from, to *Calls) []int {
	known := map[string]int{}
	for i := range from.Calls {
		known[from.identity(i)] = i
	}
	return find(len(to.Calls), known, to.identity)
}

// Fresh are the calls of to that begin with no rows, as notes.
func (c *Calls) Fresh(calls []int, what string) (notes []string) {
	for _, i := range calls {
		notes = append(notes, fmt.Sprintf("%s is new: %s have it of the rows from now on", c.Plan[i].Text(c.Input.Schema()), what))
	}
	return notes
}

// Unread refuses calls of to that rows which wait for the watermark cannot be told
// of: at has the columns that these rows have. A row without the first argument or
// the condition of FILTER does not count; nothing else will do.
func (c *Calls) Unread(at []int) (reasons []operators.Reason) {
	for i := range c.Plan {
		if column := unread(&c.Plan[i], at); column >= 0 {
			reasons = append(reasons, operators.Reason{
				Text:   fmt.Sprintf("%s reads %s, which is not kept of the rows that wait for the watermark", c.Plan[i].Text(c.Input.Schema()), c.Input.Schema().Fields[column].Name),
				Remedy: "replay, or drop the state",
			})
		}
	}
	return reasons
}

// unread is a column that rows lack and a call cannot do without; -1: none.
func unread(c *plan.AggCall, at []int) int {
	lacks := func(column int) bool { return at[column] < 0 }
	switch {
	case c.Filter >= 0 && lacks(c.Filter), len(c.Args) > 0 && lacks(c.Args[0]) && (!c.Fn.NullArgs || c.Fn.Name == "COUNT"):
		return -1
	}
	for _, column := range c.Args {
		if lacks(column) {
			return column
		}
	}
	for _, key := range c.OrderBy {
		if lacks(key.Column) {
			return key.Column
		}
	}
	return -1
}

// Rows makes rows of another schema: column i is column at[i] of b; -1: NULL.
func Rows(b *event.Batch, schema *event.Schema, at []int) *event.Batch {
	out := *b
	out.Schema, out.Cols = schema, make([]event.Vec, len(at))
	for i, from := range at {
		if from >= 0 {
			out.Cols[i] = b.Cols[from]
			continue
		}
		out.Cols[i] = event.NewVec(schema.Fields[i].Type)
		out.Cols[i].Reset(b.N)
		for row := range b.N {
			out.Cols[i].Set(row, b.N, event.NullValue)
		}
	}
	return &out
}

// Same says whether at leaves columns where they are.
func Same(at []int, columns int) bool {
	for i, from := range at {
		if i != from {
			return false
		}
	}
	return len(at) == columns
}
