package plan

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// WindowKind is a kind of window.
type WindowKind uint8

// The kinds.
const (
	Tumble     WindowKind = iota
	Hop                   // a window of Size begins every Slide
	Cumulate              // windows that grow by Slide up to Size
	Session               // ends when no row has come for Size
	Attached              // each row brings the bounds of its window
	Unwindowed            // all rows, without end
)

func (k WindowKind) String() string {
	return [...]string{"TUMBLE", "HOP", "CUMULATE", "SESSION", "ATTACHED", "UNWINDOWED"}[k]
}

// Window says which windows a row belongs to. Windows are half open: a row at
// the end of one belongs to the next.
type Window struct {
	Kind        WindowKind
	Time        int   // input column that places a row; of Attached: -1
	Size        int64 // µs; of Session: the gap
	Slide       int64 // µs: of Hop and Cumulate
	Offset      int64 // µs: by how much windows begin after multiples of Slide (Tumble: of Size)
	Proctime    bool  // Time is the processing time
	Start, End  int   // of Attached: input columns
	PartitionBy []int // of Session: input columns, all of them among the group's keys
}

// Aggregate is GROUP BY the windows of a stream and some columns. Its output
// columns are the keys; if there are windows window_start, window_end and
// window_time; the grouping (an INT whose bit i, from the last key, says that the
// row is not grouped by that key), and the calls.
type Aggregate struct {
	Input  Node
	Window Window
	Keys   []int   // input columns
	Sets   [][]int // the grouping sets, as indexes into Keys
	Calls  []AggCall
	// TwoPhases: rows are aggregated where they are read, and what comes of that
	// by key. For keys of very different frequency.
	TwoPhases bool
	Emit      *Emit // results of windows are shown before their end, or changed after it; nil: at the end, for good
	Upsert    bool  // what an update replaces is left out
	Out       *event.Schema
}

// CallsAt is the output column of the first call.
func (n *Aggregate) CallsAt() int {
	if n.Window.Kind == Unwindowed {
		return len(n.Keys) + 1
	}
	return len(n.Keys) + OutCalls
}

// AggCall is an aggregate of a group, over input columns.
type AggCall struct {
	Fn       *expr.AggFunc
	Args     []int
	Filter   int // BOOLEAN column; -1: none
	Distinct bool
	OrderBy  []OrderKey
	Params   []event.Type // types of Args
}

// Retractable says whether rows can be taken out of the aggregate again, exactly.
func (c *AggCall) Retractable() bool {
	switch c.Fn.Name {
	case "MIN", "MAX", "BOOL_AND", "BOOL_OR":
		return true
	case "COUNT":
		return len(c.Args) <= 1 || c.Distinct || len(c.OrderBy) > 0
	case "SUM", "AVG":
		if len(c.Params) == 1 && !c.Params[0].Float() {
			return true
		}
	case "APPROX_COUNT_DISTINCT":
		return len(c.OrderBy) > 0
	}
	return c.Distinct || len(c.OrderBy) > 0
}

// Columns of an Aggregate's output behind its keys.
const (
	OutStart = iota
	OutEnd
	OutTime
	OutGrouping
	OutCalls
)

// Schema is the output columns.
func (n *Aggregate) Schema() *event.Schema { return n.Out }

// Inputs is the one input.
func (n *Aggregate) Inputs() []Node { return []Node{n.Input} }

// columns visits the input columns that n names, to read or to move them.
func (n *Aggregate) columns(visit func(*int)) {
	w := &n.Window
	switch w.Kind {
	case Unwindowed:
	case Attached:
		visit(&w.Start)
		visit(&w.End)
	default:
		visit(&w.Time)
	}
	for _, list := range [][]int{w.PartitionBy, n.Keys} {
		for i := range list {
			visit(&list[i])
		}
	}
	for i := range n.Calls {
		n.Calls[i].columns(visit)
	}
}

func (c *AggCall) columns(visit func(*int)) {
	for i := range c.Args {
		visit(&c.Args[i])
	}
	if c.Filter >= 0 {
		visit(&c.Filter)
	}
	for i := range c.OrderBy {
		visit(&c.OrderBy[i].Column)
	}
}

// clone copies n with all lists of columns.
func (n *Aggregate) clone() *Aggregate {
	c := *n
	c.Keys = append([]int(nil), n.Keys...)
	c.Window.PartitionBy = append([]int(nil), n.Window.PartitionBy...)
	c.Calls = cloneCalls(n.Calls)
	return &c
}

func cloneCalls(calls []AggCall) []AggCall {
	out := append([]AggCall(nil), calls...)
	for i := range out {
		out[i].Args = append([]int(nil), out[i].Args...)
		out[i].OrderBy = append([]OrderKey(nil), out[i].OrderBy...)
	}
	return out
}

// pruneAggregate keeps the columns that windows, keys and calls read, and all of
// the output.
func pruneAggregate(n *Aggregate) (Node, []int) {
	c := n.clone()
	below := make([]bool, len(n.Input.Schema().Fields))
	c.columns(func(i *int) { below[*i] = true })
	if n.Window.Kind == Unwindowed {
		keepTime(n.Input, below)
	}
	var moved []int
	c.Input, moved = pruneTo(n.Input, below)
	c.columns(func(i *int) { *i = moved[*i] })
	return c, ordinals(len(n.Out.Fields))
}

func describeAggregate(n *Aggregate) (string, []string) {
	in := n.Input.Schema()
	title := "GroupAggregate"
	if n.Window.Kind != Unwindowed {
		title = "WindowAggregate(" + n.Window.text(in) + ")"
	}
	lines := []string{"keys: " + groupText(n)}
	if n.TwoPhases {
		lines = append(lines, "in two phases where possible")
	}
	if n.Emit != nil {
		lines = append(lines, "shown: "+n.Emit.String())
	}
	for i := range n.Calls {
		lines = append(lines, assignment(n.Out.Fields[n.CallsAt()+i].Name, n.Calls[i].Text(in)))
	}
	return title, lines
}

// assignment is name = text, or text alone where the name is the same.
func assignment(name, text string) string {
	if name == text {
		return text
	}
	return name + " = " + text
}

func groupText(n *Aggregate) string {
	names := names(n.Keys, n.Input.Schema())
	if len(n.Sets) == 1 && len(n.Sets[0]) == len(n.Keys) {
		if len(names) == 0 {
			return "none"
		}
		return strings.Join(names, ", ")
	}
	sets := make([]string, len(n.Sets))
	for i, set := range n.Sets {
		parts := make([]string, len(set))
		for k, key := range set {
			parts[k] = names[key]
		}
		sets[i] = "(" + strings.Join(parts, ", ") + ")"
	}
	return strings.Join(sets, ", ")
}

func names(columns []int, s *event.Schema) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = s.Fields[c].Name
	}
	return list
}

func (w *Window) text(in *event.Schema) string {
	span := func(us int64) string { return function.Format(event.TDay, event.IntValue(us)) }
	if w.Kind == Attached {
		return "window_start, window_end"
	}
	text := w.Kind.String() + " " + in.Fields[w.Time].Name
	if len(w.PartitionBy) > 0 {
		text += " of " + strings.Join(names(w.PartitionBy, in), ", ")
	}
	if w.Kind == Hop || w.Kind == Cumulate {
		text += ", every " + span(w.Slide)
	}
	text += ", " + span(w.Size)
	if w.Offset != 0 {
		text += ", offset " + span(w.Offset)
	}
	if w.Proctime {
		text += " (processing time)"
	}
	return text
}

// Text is the call as SQL over the columns of in.
func (c *AggCall) Text(in *event.Schema) string {
	args := strings.Join(names(c.Args, in), ", ")
	if len(c.Args) == 0 {
		args = "*"
	}
	if c.Distinct {
		args = "DISTINCT " + args
	}
	for i, k := range c.OrderBy {
		args += [...]string{" ORDER BY ", ", "}[min(i, 1)] + in.Fields[k.Column].Name + direction(k.Desc, k.NullsFirst)
	}
	text := fmt.Sprintf("%s(%s)", c.Fn.Name, args)
	if c.Filter >= 0 {
		text += " FILTER (WHERE " + in.Fields[c.Filter].Name + ")"
	}
	return text
}
