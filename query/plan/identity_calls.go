package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Windows and OVER keep a state for each of their aggregates. Which rows those are
// of, and what each is, have identities of their own, so that aggregates may be
// added, left out and moved.

// shape describes a part of a node over its input: visit calls for each of its
// columns, which count by what they are, not by their numbers. The part is a copy.
func shape(part any, in Node, visit func(func(*int))) string {
	var b strings.Builder
	visit(func(i *int) {
		fmt.Fprintf(&b, "%s ", ColumnIdentity(in, *i))
		*i = 0
	})
	writeMeaning(&b, part, nil)
	return digest(b.String())
}

// Identity is that of an aggregate over columns of in, but for the function.
func (c *AggCall) Identity(in Node) string {
	own := cloneCalls([]AggCall{*c})[0]
	own.Fn = nil
	return shape(own, in, own.columns)
}

// call is the identity of an aggregate.
func (c *AggCall) call(in Node) string { return c.Fn.Name + c.Fn.Version + " " + c.Identity(in) }

// WindowIdentity is that of the windows of n.
func (n *Aggregate) WindowIdentity() string {
	c := Aggregate{Window: n.Window, TwoPhases: n.TwoPhases, Emit: n.Emit, Upsert: n.Upsert}
	c.Window.PartitionBy = slices.Clone(n.Window.PartitionBy)
	return shape(c, n.Input, c.columns)
}

// GroupIdentity is that of the groups of n.
func (n *Aggregate) GroupIdentity() string {
	c := Aggregate{Window: Window{Kind: Unwindowed}, Keys: slices.Clone(n.Keys), Sets: n.Sets}
	return shape(c, n.Input, c.columns)
}

func (n *Aggregate) columnIdentity(i int) string {
	of := n.WindowIdentity() + n.GroupIdentity()
	if k := i - n.CallsAt(); k >= 0 {
		return digest(n.Calls[k].call(n.Input) + of)
	}
	return digest(fmt.Sprintf("column %d of %s", i, of))
}

// RowsIdentity is that of the rows which OVER looks back at.
func (n *Over) RowsIdentity() string {
	c := Over{PartitionBy: slices.Clone(n.PartitionBy), Time: n.Time, Proctime: n.Proctime}
	return shape(c, n.Input, c.columns)
}

func (n *Over) columnIdentity(i int) string {
	k := i - len(n.Input.Schema().Fields)
	if k < 0 {
		return ColumnIdentity(n.Input, i)
	}
	c := &n.Calls[k]
	return digest(c.call(n.Input) + n.Frames[c.Frame].String() + n.RowsIdentity())
}

// PairsIdentity is that of the pairs which a join makes.
func (n *Join) PairsIdentity() string {
	c := *n
	c.Residual = nil
	c.LeftKeys, c.RightKeys = make([]int, len(n.LeftKeys)), make([]int, len(n.RightKeys))
	var b strings.Builder
	for i, left := range n.LeftKeys {
		fmt.Fprintf(&b, "%s = %s ", ColumnIdentity(n.Left, left), ColumnIdentity(n.Right, n.RightKeys[i]))
	}
	writeMeaning(&b, c, nil)
	if n.Residual != nil {
		writeMeaning(&b, n.Residual, n.sideColumn)
	}
	return digest(b.String())
}

// sideColumn is the identity of a column of both inputs, left first.
func (n *Join) sideColumn(i int) string {
	if k := i - len(n.Left.Schema().Fields); k >= 0 {
		return "right " + ColumnIdentity(n.Right, k)
	}
	return "left " + ColumnIdentity(n.Left, i)
}
