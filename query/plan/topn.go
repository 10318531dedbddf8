package plan

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// TopN is ROW_NUMBER over the rows of a window, known when the window ends, or,
// without windows, over all rows so far, which changes. Its output columns are
// those of the input, then the number, from 1.
type TopN struct {
	Input       Node
	Start, End  int        // input columns; -1: there are no windows
	PartitionBy []int      // input columns, Start and End among them
	OrderBy     []OrderKey // then the order of time
	Limit       int64      // rows numbered above it are not wanted; 0: all are
	// Without windows:
	Numbered bool      // the number is an output column
	Last     bool      // of rows of one order the last comes first
	Upsert   bool      // what an update replaces is left out
	At       diag.Span // of the call
	Out      *event.Schema
}

// Windowed says whether rows are numbered in windows.
func (n *TopN) Windowed() bool { return n.Start >= 0 }

// Schema is the output columns.
func (n *TopN) Schema() *event.Schema { return n.Out }

// Inputs is the one input.
func (n *TopN) Inputs() []Node { return []Node{n.Input} }

func (n *TopN) columns(visit func(*int)) {
	if n.Windowed() {
		visit(&n.Start)
		visit(&n.End)
	}
	for i := range n.PartitionBy {
		visit(&n.PartitionBy[i])
	}
	for i := range n.OrderBy {
		visit(&n.OrderBy[i].Column)
	}
}

// pruneTopN drops input columns that neither the order nor the reader needs.
func pruneTopN(n *TopN, need []bool) (Node, []int) {
	c := *n
	c.PartitionBy = append([]int(nil), n.PartitionBy...)
	c.OrderBy = append([]OrderKey(nil), n.OrderBy...)
	rank := len(n.Out.Fields) - 1
	below := append([]bool(nil), need[:rank]...)
	c.columns(func(i *int) { below[*i] = true })
	if !n.Windowed() {
		keepTime(n.Input, below)
	}
	var moved []int
	c.Input, moved = pruneTo(n.Input, below)
	c.columns(func(i *int) { *i = moved[*i] })
	in := c.Input.Schema()
	c.Out = &event.Schema{Rowtime: -1, Fields: append([]event.Field(nil), in.Fields...)}
	if n.Out.Rowtime >= 0 {
		c.Out.Rowtime = moved[n.Out.Rowtime]
	}
	if c.Numbered = n.Windowed() || need[rank]; !c.Numbered {
		return &c, append(append([]int(nil), moved...), -1)
	}
	c.Out.Fields = append(c.Out.Fields, n.Out.Fields[rank])
	return &c, append(append([]int(nil), moved...), len(in.Fields))
}

// limitTopN gives a TopN the limit of the condition on its number above it.
func limitTopN(n Node) Node {
	n = mapInputs(n, limitTopN)
	f, ok := n.(*Filter)
	if !ok {
		return n
	}
	top, ok := f.Input.(*TopN)
	if !ok {
		return n
	}
	c := *top
	rank := len(top.Out.Fields) - 1
	for _, cond := range Conjuncts(f.Cond) {
		if limit := rankLimit(cond, rank); limit > 0 && (c.Limit == 0 || limit < c.Limit) {
			c.Limit = limit
		}
	}
	if c.Windowed() || c.Limit == 0 {
		return &Filter{Input: &c, Cond: f.Cond}
	}
	c.Last = c.Last && c.Limit == 1
	return beyondLimit(&c, f.Cond, rank)
}

// beyondLimit is the part of a filter that a limit does not do.
func beyondLimit(n *TopN, cond expr.Expr, rank int) Node {
	var rest []expr.Expr
	for _, x := range Conjuncts(cond) {
		if c, ok := x.(*expr.Compare); rankLimit(x, rank) == 0 || ok && c.Op == expr.Eq && n.Limit > 1 {
			rest = append(rest, x)
		}
	}
	if len(rest) == 0 {
		return n
	}
	return &Filter{Input: n, Cond: Conjunction(rest)}
}

// rankLimit is the greatest number that a condition allows; 0: it sets none.
func rankLimit(cond expr.Expr, rank int) int64 {
	c, ok := cond.(*expr.Compare)
	if !ok {
		return 0
	}
	col, isColumn := c.X.(*expr.Column)
	k, isConst := c.Y.(*expr.Const)
	if !isColumn || !isConst || col.Index != rank || k.Value.Null || k.Value.I < 1 {
		return 0
	}
	switch c.Op {
	case expr.Eq, expr.Le:
		return k.Value.I
	case expr.Lt:
		return max(1, k.Value.I-1)
	}
	return 0
}

func describeTopN(n *TopN) (string, []string) {
	in := n.Input.Schema()
	keys := make([]string, len(n.OrderBy))
	for i, k := range n.OrderBy {
		keys[i] = in.Fields[k.Column].Name + direction(k.Desc, k.NullsFirst)
	}
	lines := []string{"order: " + strings.Join(keys, ", ")}
	if n.Limit > 0 {
		lines = append(lines, fmt.Sprintf("limit: %d", n.Limit))
	}
	if !n.Windowed() {
		return "Rank(" + strings.Join(names(n.PartitionBy, in), ", ") + ")", lines
	}
	return "TopN(" + strings.Join(names(n.PartitionBy, in), ", ") + ")", lines
}
