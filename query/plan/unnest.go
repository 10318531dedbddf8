package plan

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// Unnest makes a row of each element of an ARRAY or entry of a MAP. Its output
// columns are those of the input, then those of the element: its value, the
// fields of a ROW, or key and value of a MAP; then the number, from 1.
type Unnest struct {
	Input    Node
	Column   int  // of Input: the ARRAY or MAP
	Outer    bool // a row without elements comes out once, with NULLs
	Ordinals bool // the last column numbers the elements
	Proctime bool
	Out      *event.Schema
}

// Schema is the output columns.
func (n *Unnest) Schema() *event.Schema { return n.Out }

// Inputs is the one input.
func (n *Unnest) Inputs() []Node { return []Node{n.Input} }

// pruneUnnest drops input columns that the reader does not need.
func pruneUnnest(n *Unnest, need []bool) (Node, []int) {
	width := len(n.Input.Schema().Fields)
	below := append([]bool(nil), need[:width]...)
	below[n.Column] = true
	c := *n
	var moved []int
	c.Input, moved = pruneTo(n.Input, below)
	c.Column = moved[n.Column]
	in := c.Input.Schema()
	c.Out = &event.Schema{Fields: append([]event.Field(nil), in.Fields...), Rowtime: in.Rowtime}
	at := append([]int(nil), moved...)
	for _, f := range n.Out.Fields[width:] {
		at = append(at, len(c.Out.Fields))
		c.Out.Fields = append(c.Out.Fields, f)
	}
	return &c, at
}

// pushUnnest moves the conditions on the row itself below; nil when there are
// none.
func pushUnnest(f *Filter, n *Unnest) Node {
	var stay, move []expr.Expr
	for _, cond := range Conjuncts(f.Cond) {
		if _, elements := JoinSides(cond, len(n.Input.Schema().Fields)); elements || Volatile(cond) {
			stay = append(stay, cond)
			continue
		}
		move = append(move, cond)
	}
	if len(move) == 0 {
		return nil
	}
	c := *n
	c.Input = filtered(n.Input, move)
	if len(stay) == 0 {
		return &c
	}
	return &Filter{Input: &c, Cond: Conjunction(stay)}
}

func describeUnnest(n *Unnest) (string, []string) {
	in := n.Input.Schema()
	title := "Unnest(" + in.Fields[n.Column].Name + ")"
	lines := []string{"adds: " + fields(&event.Schema{Fields: n.Out.Fields[len(in.Fields):]})}
	if n.Outer {
		lines = append(lines, "a row without elements comes out with NULL")
	}
	return title, lines
}
