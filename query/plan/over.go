package plan

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// Over is aggregates over the rows before each row: PARTITION BY, ORDER BY the
// time, several frames at once. Its output columns are those of the input, then
// the calls.
type Over struct {
	Input       Node
	PartitionBy []int
	Time        int  // input column
	Proctime    bool // Time is the processing time
	Frames      []Frame
	Calls       []OverCall
	Out         *event.Schema
}

// Frame is the rows that an aggregate sees: up to the current row, with RANGE
// those of the same time among them.
type Frame struct {
	Rows      bool  // ROWS, else RANGE
	Preceding int64 // rows, or µs; Unbounded: all
}

// Unbounded is UNBOUNDED PRECEDING.
const Unbounded = -1

// OverCall is an aggregate over a frame.
type OverCall struct {
	AggCall
	Frame int
}

// Schema is the output columns.
func (n *Over) Schema() *event.Schema { return n.Out }

// Inputs is the one input.
func (n *Over) Inputs() []Node { return []Node{n.Input} }

func (n *Over) columns(visit func(*int)) {
	visit(&n.Time)
	for i := range n.PartitionBy {
		visit(&n.PartitionBy[i])
	}
	for i := range n.Calls {
		n.Calls[i].columns(visit)
	}
}

func (n *Over) clone() *Over {
	c := *n
	c.PartitionBy = append([]int(nil), n.PartitionBy...)
	c.Calls = append([]OverCall(nil), n.Calls...)
	for i := range c.Calls {
		c.Calls[i].AggCall = cloneCalls([]AggCall{n.Calls[i].AggCall})[0]
	}
	return &c
}

// pruneOver drops input columns that neither the aggregates nor the reader
// need.
func pruneOver(n *Over, need []bool) (Node, []int) {
	c := n.clone()
	below := append([]bool(nil), need[:len(n.Input.Schema().Fields)]...)
	c.columns(func(i *int) { below[*i] = true })
	var moved []int
	c.Input, moved = pruneTo(n.Input, below)
	c.columns(func(i *int) { *i = moved[*i] })
	in := c.Input.Schema()
	c.Out = &event.Schema{Fields: append([]event.Field(nil), in.Fields...), Rowtime: in.Rowtime}
	at := make([]int, len(n.Out.Fields))
	for i := range at {
		if i < len(moved) {
			at[i] = moved[i]
			continue
		}
		at[i] = len(c.Out.Fields)
		c.Out.Fields = append(c.Out.Fields, n.Out.Fields[i])
	}
	return c, at
}

func describeOver(n *Over) (string, []string) {
	in := n.Input.Schema()
	keys := "one partition"
	if len(n.PartitionBy) > 0 {
		keys = strings.Join(names(n.PartitionBy, in), ", ")
	}
	order := "order: " + in.Fields[n.Time].Name
	if n.Proctime {
		order += " (processing time)"
	}
	lines := []string{order}
	for i := range n.Calls {
		lines = append(lines, n.Calls[i].Text(in)+" OVER "+n.Frames[n.Calls[i].Frame].String())
	}
	return "Over(" + keys + ")", lines
}

// String is the frame as SQL.
func (f Frame) String() string {
	unit, bound := "RANGE", "UNBOUNDED"
	if f.Rows {
		unit = "ROWS"
	}
	switch {
	case f.Preceding == Unbounded:
	case f.Rows:
		bound = fmt.Sprint(f.Preceding)
	default:
		bound = function.Format(event.TDay, event.IntValue(f.Preceding))
	}
	return unit + " " + bound + " PRECEDING"
}
