package reference

import (
	"fmt"
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

// program is a match with its expressions made ready.
type program struct {
	m        *plan.Match
	width    int          // input columns
	define   []*condition // per variable; nil: TRUE
	measures []*condition
	inner    map[expr.Expr]*scalar // of Nav and Agg operands, over a row frame
	firstRow map[expr.Expr]*scalar // of bounds and WITHIN, over an input row
	loops    []plan.PatQuant       // with bounds that are data
}

// condition is an expression cut in two: the pattern nodes, whose values come
// from the match, and the rest, over a frame of the current row's columns
// followed by these values.
type condition struct {
	nodes []expr.Expr
	rest  *scalar
}

func compile(m *plan.Match) (*program, error) {
	p := &program{m: m, width: len(m.Input.Schema().Fields), inner: map[expr.Expr]*scalar{}}
	for _, v := range m.Vars {
		c, err := p.condition(v.Define)
		if err != nil {
			return nil, fmt.Errorf("DEFINE %s: %w", v.Name, err)
		}
		p.define = append(p.define, c)
	}
	for _, measure := range m.Measures {
		c, err := p.condition(measure.Expr)
		if err != nil {
			return nil, fmt.Errorf("MEASURES %s: %w", measure.Name, err)
		}
		p.measures = append(p.measures, c)
	}
	return p, p.prepareOwn()
}

func (p *program) condition(e expr.Expr) (*condition, error) {
	if e == nil {
		return nil, nil
	}
	c := &condition{}
	rest := c.cut(e, p.width)
	for _, n := range c.nodes {
		if err := p.operands(n); err != nil {
			return nil, err
		}
	}
	var err error
	c.rest, err = newScalar(rest)
	return c, err
}

// cut replaces each topmost pattern node by a column of the frame.
func (c *condition) cut(e expr.Expr, width int) expr.Expr {
	switch e.(type) {
	case *expr.Nav, *expr.Agg, *expr.Classifier, *expr.MatchNumber, *expr.MatchStatus, *expr.MatchTime:
		c.nodes = append(c.nodes, e)
		return &expr.Column{Base: expr.Base{T: e.Type()}, Index: width + len(c.nodes) - 1}
	}
	children := e.Children()
	if len(children) == 0 {
		return e
	}
	cut := make([]expr.Expr, len(children))
	for i, child := range children {
		cut[i] = c.cut(child, width)
	}
	return e.WithChildren(cut)
}

// operands makes ready what a pattern node evaluates at single rows.
func (p *program) operands(node expr.Expr) error {
	for _, x := range node.Children() {
		local := expr.Rewrite(x, func(e expr.Expr) expr.Expr {
			switch e.(type) {
			case *expr.Classifier:
				return &expr.Column{Base: expr.Base{T: e.Type()}, Index: p.width}
			case *expr.MatchNumber:
				return &expr.Column{Base: expr.Base{T: e.Type()}, Index: p.width + 1}
			}
			return e
		})
		sc, err := newScalar(local)
		if err != nil {
			return err
		}
		p.inner[x] = sc
	}
	return nil
}

// value evaluates c seen from step current; -1 is the empty match.
func (s *search) value(c *condition, current int) (event.Value, error) {
	frame := make([]event.Value, s.width, s.width+len(c.nodes))
	for i := range frame {
		frame[i] = event.NullValue
	}
	if current >= 0 {
		copy(frame, s.rows[s.steps[current].row].Values)
	}
	for _, n := range c.nodes {
		v, err := s.node(n, current)
		if err != nil {
			return event.NullValue, err
		}
		frame = append(frame, v)
	}
	return c.rest.eval(frame)
}

func (s *search) node(n expr.Expr, current int) (event.Value, error) {
	switch n := n.(type) {
	case *expr.Nav:
		return s.nav(n, current)
	case *expr.Agg:
		return s.agg(n, current)
	case *expr.Classifier:
		return s.classifier(s.steps[current].row), nil
	case *expr.MatchNumber:
		return event.IntValue(s.number), nil
	case *expr.MatchStatus:
		return event.StringValue(s.status), nil
	case *expr.MatchTime:
		return event.IntValue(s.at), nil
	}
	return event.NullValue, fmt.Errorf("reference: pattern node %T", n)
}

// mapped lists the steps that are mapped to vars: up to current, or all when final.
func (s *search) mapped(vars expr.VarSet, final bool, current int) []int {
	end := current + 1
	if final {
		end = len(s.steps)
	}
	var list []int
	for k := 0; k < end; k++ {
		if vars.Has(s.steps[k].variable) {
			list = append(list, k)
		}
	}
	return list
}

// nav is the logical step inside the match, then the physical one in the
// partition. FIRST counts from the start of the match over all of it, also in
// rows that come before the one it finds: so Trino has it, which the corpus
// follows.
func (s *search) nav(n *expr.Nav, current int) (event.Value, error) {
	list := s.mapped(n.Vars, n.Final || n.First, current)
	i := n.Offset
	if !n.First {
		i = len(list) - 1 - n.Offset
	}
	if i < 0 || i >= len(list) {
		return event.NullValue, nil
	}
	at := s.steps[list[i]].row + n.Physical
	if at < 0 || at >= len(s.rows) {
		return event.NullValue, nil
	}
	return s.operand(n.X, at)
}

// operand evaluates an operand at a row of the partition.
func (s *search) operand(x expr.Expr, at int) (event.Value, error) {
	frame := append(append([]event.Value(nil), s.rows[at].Values...), s.classifier(at), event.IntValue(s.number))
	return s.inner[x].eval(frame)
}

// classifier is the name of the variable that a row is mapped to; NULL outside
// the match.
func (s *search) classifier(at int) event.Value {
	for _, st := range s.steps {
		if st.row == at {
			return event.StringValue(s.m.Vars[st.variable].Name)
		}
	}
	return event.NullValue
}

// agg aggregates over the rows of the match, one call after the other.
func (s *search) agg(n *expr.Agg, current int) (event.Value, error) {
	rows, err := s.aggRows(n, current)
	if err != nil {
		return event.NullValue, err
	}
	if n.Star {
		return event.IntValue(int64(len(rows))), nil
	}
	params := make([]event.Type, len(n.Args))
	for i, a := range n.Args {
		params[i] = a.Type()
	}
	acc := n.Fn.Bind(params, n.Type())
	state := make([]event.Value, acc.Size())
	acc.Init(state)
	seen := map[string]bool{}
	for _, r := range rows {
		if r.args[0].Null && !n.Fn.NullArgs {
			continue
		}
		if key := fmt.Sprintf("%+v", r.args); n.Distinct {
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		if err := acc.Add(state, r.args); err != nil {
			return event.NullValue, err
		}
	}
	out := event.Value{}
	err = acc.Result(state, &out)
	return out, err
}

// aggRow is what an aggregate takes of one row.
type aggRow struct{ args, keys []event.Value }

// aggRows evaluates filter, arguments and sort keys, and sorts.
func (s *search) aggRows(n *expr.Agg, current int) ([]aggRow, error) {
	var rows []aggRow
	for _, k := range s.mapped(n.Vars, n.Final, current) {
		if n.Filter != nil {
			keep, err := s.operand(n.Filter, s.steps[k].row)
			if err != nil {
				return nil, err
			}
			if !keep.Bool() {
				continue
			}
		}
		r, err := s.aggRow(n, s.steps[k].row)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	sort.SliceStable(rows, func(i, j int) bool {
		for k, key := range n.OrderBy {
			if c := compareKey(key.X.Type(), key.Desc, key.NullsFirst, rows[i].keys[k], rows[j].keys[k]); c != 0 {
				return c < 0
			}
		}
		return false
	})
	return rows, nil
}

func (s *search) aggRow(n *expr.Agg, at int) (r aggRow, err error) {
	r.args = make([]event.Value, len(n.Args))
	for i, a := range n.Args {
		if r.args[i], err = s.operand(a, at); err != nil {
			return r, err
		}
	}
	r.keys = make([]event.Value, len(n.OrderBy))
	for i, k := range n.OrderBy {
		if r.keys[i], err = s.operand(k.X, at); err != nil {
			return r, err
		}
	}
	return r, nil
}
