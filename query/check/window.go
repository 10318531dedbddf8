package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// windowed says that rows of a relation are of windows.
type windowed struct {
	start, end, time int   // columns; -1: passed over by a SELECT
	timed            bool  // the rows have event time:
	size             int64 // that of rows of a window of this size, µs; 0: window_time
	// Of a window table function that is not assigned yet: the windows, and the
	// input. The three columns follow those of the input.
	window *plan.Window
	input  plan.Node
	span   diag.Span // of the call
}

// forms are the parameters of the window functions behind DATA and TIMECOL, in
// order, and by how many of them may be left out.
var forms = map[string]struct {
	kind     plan.WindowKind
	params   []string
	optional int
}{
	"TUMBLE":   {plan.Tumble, []string{"SIZE", "OFFSET"}, 1},
	"HOP":      {plan.Hop, []string{"SLIDE", "SIZE", "OFFSET"}, 1},
	"CUMULATE": {plan.Cumulate, []string{"STEP", "SIZE", "OFFSET"}, 1},
	"SESSION":  {plan.Session, []string{"GAP"}, 0},
}

// maxPanes is into how many panes a window may be divided.
const maxPanes = 1_000_000

// tableFunction binds FROM f(…): rows get the columns of their window.
func (c *Checker) tableFunction(t *ast.TableFunction) *relation {
	rel := c.windowTable(t)
	if rel == nil {
		return nil
	}
	return c.assigned(rel)
}

// windowTable binds a window table function, whose node is nil until rows are
// assigned or grouped.
func (c *Checker) windowTable(t *ast.TableFunction) *relation {
	name := strings.ToUpper(dotted(t.Call.Name.Parts))
	form, ok := forms[name]
	if !ok || t.Lateral {
		c.unsupported(t.Pos(), "the table function "+name)
		return nil
	}
	args := c.windowArgs(name, t.Call, append([]string{"DATA", "TIMECOL"}, form.params...), form.optional)
	if args == nil {
		return nil
	}
	table, ok := args["DATA"].(*ast.TableArg)
	if !ok {
		c.add(diag.FunctionArgument, args["DATA"].Pos(), "%s takes a table here: TABLE name, or a query in parentheses", name)
		return nil
	}
	in := c.from(table.Table)
	if in == nil {
		return nil
	}
	w := &plan.Window{Kind: form.kind}
	ok = c.timeColumn(w, in, args["TIMECOL"])
	ok = c.windowSizes(w, name, args) && ok
	ok = c.sessionKeys(w, in, name, table) && ok
	if !ok {
		return nil
	}
	return c.windowRelation(t, in, w)
}

// windowRelation is the input's columns and those of the window.
func (c *Checker) windowRelation(t *ast.TableFunction, in *relation, w *plan.Window) *relation {
	s := in.schema()
	n := len(s.Fields)
	out := &event.Schema{Fields: append(append([]event.Field(nil), s.Fields...), windowFields(s.Fields[w.Time].Type)...), Rowtime: s.Rowtime}
	rel := &relation{
		node: &plan.Values{Out: out}, alias: in.alias, proctime: map[int]bool{},
		window: &windowed{start: n, end: n + 1, time: n + 2, window: w, input: in.node, span: t.Call.Pos()},
	}
	for i := range s.Fields {
		rel.proctime[i] = in.proctime[i]
	}
	if len(t.Alias.Columns) > 0 {
		c.unsupported(t.Alias.Pos(), "a list of column names for a window function")
		return nil
	}
	if t.Alias.Name != nil {
		rel.alias = t.Alias.Name.Name
	}
	return rel
}

func windowFields(t event.Type) []event.Field {
	t.Precision = max(3, t.Precision)
	return []event.Field{{Name: "window_start", Type: t}, {Name: "window_end", Type: t}, {Name: "window_time", Type: t}}
}

// windowArgs sorts the arguments by parameter; nil after an error.
func (c *Checker) windowArgs(name string, call *ast.Call, params []string, optional int) map[string]ast.Expr {
	args := map[string]ast.Expr{}
	for i, a := range call.Args {
		param := ""
		if n, ok := a.(*ast.NamedArg); ok {
			param, a = strings.ToUpper(n.Name.Name), n.Value
		} else if i < len(params) {
			param = params[i]
		}
		switch {
		case indexOf(params, param) < 0:
			hint(c.add(diag.FunctionArgument, call.Args[i].Pos(), "%s takes %s", name, strings.Join(params, ", ")), param, params)
			return nil
		case args[param] != nil:
			c.add(diag.DuplicateName, call.Args[i].Pos(), "%s of %s is given twice", param, name)
			return nil
		}
		args[param] = a
	}
	for _, p := range params[:len(params)-optional] {
		if args[p] == nil {
			c.add(diag.FunctionArgument, call.Pos(), "%s needs %s", name, p).WithHint("%s(%s)", name, usage(params, optional))
			return nil
		}
	}
	return args
}

func usage(params []string, optional int) string {
	words := map[string]string{"DATA": "TABLE t", "TIMECOL": "DESCRIPTOR(ts)"}
	parts := make([]string, 0, len(params))
	for _, p := range params[:len(params)-optional] {
		if w, ok := words[p]; ok {
			p = w
		} else {
			p = "INTERVAL … /* " + strings.ToLower(p) + " */"
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, ", ")
}

// timeColumn sets the column that places a row.
func (c *Checker) timeColumn(w *plan.Window, in *relation, e ast.Expr) bool {
	d, ok := e.(*ast.Descriptor)
	if !ok || len(d.Columns) != 1 {
		c.add(diag.FunctionArgument, e.Pos(), "a window function takes the time as DESCRIPTOR(column)")
		return false
	}
	col, _ := (&binder{Checker: c, rel: in}).column(&ast.Ref{Base: d.Columns[0].Base, Parts: d.Columns})
	return col != nil && c.isTime(w, in, col, e.Pos())
}

func (c *Checker) isTime(w *plan.Window, in *relation, col *expr.Column, span diag.Span) bool {
	w.Time, w.Proctime = col.Index, in.proctime[col.Index]
	if w.Proctime || col.Index == in.schema().Rowtime {
		return true
	}
	m := &matcher{Checker: c, in: in}
	c.add(diag.MissingTime, span, "%q is not the time of the input: windows are over its event-time or processing-time column", col.Name).
		WithHint("%s", strings.Replace(m.timeHint(), "ORDER BY ", "", 1))
	return false
}

func (c *Checker) windowSizes(w *plan.Window, name string, args map[string]ast.Expr) bool {
	ok := true
	for param, to := range map[string]*int64{"SIZE": &w.Size, "GAP": &w.Size, "SLIDE": &w.Slide, "STEP": &w.Slide, "OFFSET": &w.Offset} {
		if e := args[param]; e != nil {
			ok = c.span(e, name, param, to) && ok
		}
	}
	if !ok {
		return false
	}
	return c.panes(w, args)
}

// panes checks that a window falls into whole panes, and not too many.
func (c *Checker) panes(w *plan.Window, args map[string]ast.Expr) bool {
	switch w.Kind {
	case plan.Cumulate:
		if w.Size%w.Slide != 0 {
			c.add(diag.NumberOutOfRange, args["STEP"].Pos(), "the size of CUMULATE must be a whole number of steps")
			return false
		}
	case plan.Hop:
		if w.Slide > w.Size {
			c.add(diag.NumberOutOfRange, args["SLIDE"].Pos(), "the slide of HOP is longer than its size: rows between windows would be in none").
				WithHint("the slide comes before the size: HOP(TABLE …, DESCRIPTOR(…), slide, size)")
			return false
		}
		pane := w.Size
		for slide := w.Slide; slide != 0; {
			pane, slide = slide, pane%slide
		}
		if w.Size/pane > maxPanes {
			c.add(diag.Limit, args["SLIDE"].Pos(), "size and slide divide a window into %d panes, more than %d", w.Size/pane, maxPanes)
			return false
		}
	}
	return true
}

// span is a constant interval of days to seconds, µs.
func (c *Checker) span(e ast.Expr, name, param string, to *int64) bool {
	x := (&binder{Checker: c}).top(e)
	if x == nil {
		return false
	}
	k, ok := x.(*expr.Const)
	switch {
	case x.Type().Kind == event.IntervalYear:
		c.add(diag.TypeMismatch, e.Pos(), "%s of %s takes an interval of days to seconds: months differ in length", param, name).WithHint("write INTERVAL '30' DAY")
	case x.Type().Kind != event.IntervalDay || !ok || k.Value.Null:
		c.add(diag.TypeMismatch, e.Pos(), "%s of %s takes a constant interval", param, name).WithHint("write INTERVAL '10' MINUTE")
	case param != "OFFSET" && k.Value.I < 1000:
		c.add(diag.NumberOutOfRange, e.Pos(), "%s of %s must be a millisecond or more", param, name)
	default:
		*to = k.Value.I
		return true
	}
	return false
}

// sessionKeys sets the columns that sessions are kept by.
func (c *Checker) sessionKeys(w *plan.Window, in *relation, name string, t *ast.TableArg) bool {
	if len(t.PartitionBy) > 0 && w.Kind != plan.Session {
		c.add(diag.FunctionArgument, t.Pos(), "only SESSION takes PARTITION BY; %s is grouped by GROUP BY", name)
		return false
	}
	m := &matcher{Checker: c, in: in, ok: true}
	for _, e := range t.PartitionBy {
		if i, ok := m.inputColumn(e); ok {
			w.PartitionBy = append(w.PartitionBy, i)
		}
	}
	return m.ok
}

// assigned gives each row the columns of its window: a row of each, where it
// has several.
func (c *Checker) assigned(rel *relation) *relation {
	if rel.window == nil || rel.window.window == nil {
		return rel
	}
	w, s := rel.window.window, rel.schema()
	if w.Kind == plan.Session {
		c.unsupported(rel.window.span, "SESSION without GROUP BY window_start, window_end").WithHint("the session of a row is known when it is over: group by window_start, window_end")
		return nil
	}
	n := len(s.Fields) - plan.OutGrouping
	out := *rel
	if w.Kind == plan.Tumble {
		out.node = tumbled(rel.window, s)
	} else {
		out.node = multiplied(rel.window, s)
	}
	out.window = &windowed{start: n, end: n + 1, time: n + 2, timed: !w.Proctime, size: w.Size}
	return &out
}

func micros(us int64, span diag.Span) expr.Expr {
	return constant(event.TDay, event.IntValue(us), span)
}

// tumbled is the rows with the columns of their one window. s is the columns.
func tumbled(w *windowed, s *event.Schema) plan.Node {
	n := len(s.Fields) - plan.OutGrouping
	t := s.Fields[n].Type
	start := &expr.Call{Base: typed(t, w.span), Fn: function.TumbleStart,
		Args: []expr.Expr{columnOf(s, w.window.Time, w.span), micros(w.window.Size, w.span), micros(w.window.Offset, w.span)}}
	end := &expr.Arith{Base: typed(t, w.span), Op: expr.Add, X: start, Y: micros(w.window.Size, w.span)}
	time := &expr.Arith{Base: typed(t, w.span), Op: expr.Sub, X: end, Y: micros(1000, w.span)}
	p := &plan.Project{Input: w.input, Out: s}
	for i := range n {
		p.Exprs = append(p.Exprs, columnOf(s, i, w.span))
	}
	p.Exprs = append(p.Exprs, start, end, time)
	return p
}

// multiplied is a row for each window of a row.
func multiplied(w *windowed, s *event.Schema) plan.Node {
	n := len(s.Fields) - plan.OutGrouping
	fn := function.HopWindows
	if w.window.Kind == plan.Cumulate {
		fn = function.CumulateWindows
	}
	row := event.Type{Kind: event.Row, Fields: s.Fields[n:]}
	windows := &expr.Call{Base: typed(event.Type{Kind: event.Array, Elem: &row}, w.span), Fn: fn, Args: []expr.Expr{
		columnOf(s, w.window.Time, w.span), micros(w.window.Size, w.span), micros(w.window.Slide, w.span), micros(w.window.Offset, w.span)}}
	below := withExtra(w.input, []expr.Expr{windows})
	u := &plan.Unnest{Input: below, Column: n, Proctime: w.window.Proctime}
	u.Out = &event.Schema{Rowtime: s.Rowtime, Fields: append(append([]event.Field(nil), below.Schema().Fields...), s.Fields[n:]...)}
	p := &plan.Project{Input: u, Out: s}
	for i := range u.Out.Fields {
		if i != n {
			p.Exprs = append(p.Exprs, columnOf(u.Out, i, w.span))
		}
	}
	return p
}

// passed is where a SELECT puts the columns of the window; nil when it drops
// one of the bounds.
func (w *windowed) passed(list *selectList) *windowed {
	if w == nil {
		return nil
	}
	at := func(column int) int {
		for i, x := range list.exprs {
			if col, ok := x.(*expr.Column); ok && col.Index == column {
				return i
			}
		}
		return -1
	}
	out := &windowed{start: at(w.start), end: at(w.end), time: at(w.time), timed: w.timed, size: w.size}
	if out.start < 0 || out.end < 0 {
		return nil
	}
	return out
}
