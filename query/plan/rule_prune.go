package plan

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
)

// prune takes away columns that nothing reads, down to the scans, so that
// sources decode only what the query names.
func prune(n Node) Node {
	pruned, _ := pruneTo(n, allOf(n.Schema()))
	return pruned
}

func allOf(s *event.Schema) []bool {
	need := make([]bool, len(s.Fields))
	for i := range need {
		need[i] = true
	}
	return need
}

// pruneTo is n with at least the needed columns in their order, and where each
// old column is now; -1 when it is gone.
func pruneTo(n Node, need []bool) (Node, []int) {
	switch n := n.(type) {
	case *Scan:
		return pruneScan(n, need)
	case *Project:
		return pruneProject(n, need)
	case *Filter:
		need = append([]bool(nil), need...)
		MarkColumns(n.Cond, need)
		in, at := pruneTo(n.Input, need)
		return &Filter{Input: in, Cond: Remap(n.Cond, at)}, at
	case *Union:
		return pruneUnion(n, need)
	case *Suppress:
		return pruneSuppress(n, need)
	case *Match:
		return pruneMatch(n, need)
	case *Aggregate:
		return pruneAggregate(n)
	case *TopN:
		return pruneTopN(n, need)
	case *Over:
		return pruneOver(n, need)
	case *Join:
		return pruneJoin(n, need)
	case *Unnest:
		return pruneUnnest(n, need)
	case *Normalize:
		return pruneNormalize(n, need)
	case *Insert:
		in, _ := pruneTo(n.Input, allOf(n.Input.Schema()))
		return withInputs(n, []Node{in}), ordinals(len(need))
	}
	return n, ordinals(len(need))
}

func ordinals(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// keep is the fields that stay and where each old one goes.
func keep(s *event.Schema, need []bool) (*event.Schema, []int) {
	out := &event.Schema{Rowtime: -1}
	at := make([]int, len(s.Fields))
	for i, f := range s.Fields {
		at[i] = -1
		if !need[i] {
			continue
		}
		at[i] = len(out.Fields)
		if i == s.Rowtime {
			out.Rowtime = at[i]
		}
		out.Fields = append(out.Fields, f)
	}
	return out, at
}

// pruneScan keeps the event time as well: rows are placed by it, or refused as
// late, whether or not the query shows it.
func pruneScan(n *Scan, need []bool) (Node, []int) {
	need = append([]bool(nil), need...)
	if n.Out.Rowtime >= 0 {
		need[n.Out.Rowtime] = true
		MarkColumns(n.Watermark, need)
	}
	c := *n
	var at []int
	c.Out, at = keep(n.Out, need)
	c.Watermark = Remap(n.Watermark, at)
	read := make([]bool, len(n.Read))
	for i, e := range n.Exprs {
		if need[i] {
			MarkColumns(e, read)
		}
	}
	readAt := make([]int, len(n.Read))
	c.Read = nil
	for i, col := range n.Read {
		if read[i] {
			readAt[i] = len(c.Read)
			c.Read = append(c.Read, col)
		}
	}
	c.Exprs = nil
	for i, e := range n.Exprs {
		if need[i] {
			c.Exprs = append(c.Exprs, Remap(e, readAt))
		}
	}
	return &c, at
}

func pruneProject(n *Project, need []bool) (Node, []int) {
	c := &Project{}
	var at []int
	c.Out, at = keep(n.Out, need)
	below := make([]bool, len(n.Input.Schema().Fields))
	for i, e := range n.Exprs {
		if need[i] {
			MarkColumns(e, below)
		}
	}
	var moved []int
	c.Input, moved = pruneTo(n.Input, below)
	for i, e := range n.Exprs {
		if need[i] {
			c.Exprs = append(c.Exprs, Remap(e, moved))
		}
	}
	return c, at
}

// pruneUnion brings all inputs to the same columns again.
func pruneUnion(n *Union, need []bool) (Node, []int) {
	c := &Union{In: make([]Node, len(n.In))}
	var at []int
	c.Out, at = keep(n.Out, need)
	for i, in := range n.In {
		pruned, moved := pruneTo(in, need)
		c.In[i] = aligned(pruned, moved, need, c.Out)
	}
	return c, at
}

// aligned is n with exactly the needed columns.
func aligned(n Node, moved []int, need []bool, out *event.Schema) Node {
	s := n.Schema()
	if len(s.Fields) == len(out.Fields) {
		return n
	}
	var exprs []expr.Expr
	for i, at := range moved {
		if need[i] {
			exprs = append(exprs, column(s, at))
		}
	}
	return &Project{Input: n, Exprs: exprs, Out: out}
}

func column(s *event.Schema, i int) *expr.Column {
	return &expr.Column{Base: expr.Base{T: s.Fields[i].Type}, Index: i, Name: s.Fields[i].Name}
}

func identity(s *event.Schema) []expr.Expr {
	exprs := make([]expr.Expr, len(s.Fields))
	for i := range exprs {
		exprs[i] = column(s, i)
	}
	return exprs
}

// pruneMatch drops measures that nothing reads and input columns that neither
// the clause nor its reader needs.
func pruneMatch(n *Match, need []bool) (Node, []int) {
	c := *n
	layout := matchLayout(n)
	below := make([]bool, len(n.Input.Schema().Fields))
	for _, i := range n.PartitionBy {
		below[i] = true
	}
	for _, k := range n.OrderBy {
		below[k.Column] = true
	}
	for _, v := range n.Vars {
		MarkColumns(v.Define, below)
	}
	MarkColumns(n.WithinOf, below)
	for _, b := range n.Bounds {
		MarkColumns(b.Min, below)
		MarkColumns(b.Max, below)
	}
	kept := keepMeasures(n, layout, need, below)
	for out, in := range layout {
		if in >= 0 && need[out] {
			below[in] = true
		}
	}
	var moved []int
	c.Input, moved = pruneTo(n.Input, below)
	c.remap(n, moved, kept)
	return &c, c.relayout(n, layout, moved, kept)
}

// matchLayout is, for each output column, the input column it is, or ^m for
// measure m.
func matchLayout(n *Match) []int {
	var layout []int
	used := map[int]bool{}
	add := func(i int) {
		if !used[i] {
			used[i] = true
			layout = append(layout, i)
		}
	}
	for _, i := range n.PartitionBy {
		add(i)
	}
	if n.Rows != ast.OneRow {
		for _, k := range n.OrderBy {
			add(k.Column)
		}
	}
	for m := range n.Measures {
		layout = append(layout, ^m)
	}
	if n.Rows != ast.OneRow {
		for i := range n.Input.Schema().Fields {
			add(i)
		}
	}
	return layout
}

// keepMeasures says which measures are read, and marks what those read.
func keepMeasures(n *Match, layout []int, need, below []bool) []bool {
	kept := make([]bool, len(n.Measures))
	for out, in := range layout {
		if in < 0 && need[out] {
			kept[^in] = true
			MarkColumns(n.Measures[^in].Expr, below)
		}
	}
	return kept
}

// remap moves the clause to the pruned input.
func (n *Match) remap(old *Match, moved []int, kept []bool) {
	n.PartitionBy = make([]int, len(old.PartitionBy))
	for i, c := range old.PartitionBy {
		n.PartitionBy[i] = moved[c]
	}
	n.OrderBy = append([]OrderKey(nil), old.OrderBy...)
	for i := range n.OrderBy {
		n.OrderBy[i].Column = moved[n.OrderBy[i].Column]
	}
	n.Vars = append([]Var(nil), old.Vars...)
	for i := range n.Vars {
		n.Vars[i].Define = Remap(n.Vars[i].Define, moved)
	}
	n.WithinOf = Remap(old.WithinOf, moved)
	n.Bounds = append([]Bounds(nil), old.Bounds...)
	for i, b := range n.Bounds {
		n.Bounds[i] = Bounds{Remap(b.Min, moved), Remap(b.Max, moved)}
	}
	n.Measures = nil
	for i, m := range old.Measures {
		if kept[i] {
			n.Measures = append(n.Measures, Measure{m.Name, Remap(m.Expr, moved)})
		}
	}
}

// relayout makes the new output schema and says where the old columns went.
func (n *Match) relayout(old *Match, layout, moved []int, kept []bool) []int {
	where := map[int]int{} // entry of the new layout -> column
	for out, entry := range matchLayout(n) {
		where[entry] = out
	}
	at := make([]int, len(layout))
	n.Out = &event.Schema{Rowtime: -1, Fields: make([]event.Field, len(where))}
	measure := 0
	for out, entry := range layout {
		at[out] = -1
		if entry < 0 {
			if !kept[^entry] {
				continue
			}
			entry, measure = ^measure, measure+1
		} else if entry = moved[entry]; entry < 0 {
			continue
		}
		at[out] = where[entry]
		n.Out.Fields[at[out]] = old.Out.Fields[out]
		if out == old.Out.Rowtime {
			n.Out.Rowtime = at[out]
		}
	}
	return at
}
