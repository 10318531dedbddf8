package plan

import (
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// Join brings rows of two inputs together whose keys are equal. Its output
// columns are those of the left input, then those of the right; with Semi and
// Anti those of the left alone.
type Join struct {
	Left, Right         Node
	Kind                JoinKind
	Mode                JoinMode
	LeftKeys, RightKeys []int // columns of the inputs, pairs of one physical type; NULL equals nothing
	// Lower and Upper bound the right row's time less the left row's, µs, both
	// included. Of Interval.
	Lower, Upper int64
	Residual     expr.Expr // over the columns of both, left first; nil: none
	Proctime     bool      // left rows have the processing time as their time
	NullAware    bool      // of Anti and Static: NOT IN, for which a NULL on either side is unknown
	RightTime    bool      // the output has the time of the right row, not of the left
	Out          *event.Schema
}

// JoinKind is what becomes of rows with and without a partner.
type JoinKind uint8

// The kinds.
const (
	Inner JoinKind = iota
	LeftOuter
	RightOuter
	FullOuter
	Semi // left rows that have a partner, once
	Anti // left rows that have none
)

func (k JoinKind) String() string {
	return [...]string{"inner", "left", "right", "full", "semi", "anti"}[k]
}

// KeepsLeft says whether left rows without a partner come out.
func (k JoinKind) KeepsLeft() bool { return k == LeftOuter || k == FullOuter || k == Anti }

// KeepsRight says whether right rows without a partner come out.
func (k JoinKind) KeepsRight() bool { return k == RightOuter || k == FullOuter }

// LeftOnly says whether the output has the columns of the left input alone.
func (k JoinKind) LeftOnly() bool { return k == Semi || k == Anti }

// JoinMode says which rows can be partners.
type JoinMode uint8

// The modes.
const (
	Interval  JoinMode = iota // those whose times differ by Lower to Upper
	Versioned                 // of the right, the last of its key at the time of the left row
	Static                    // all of the right, which is read to its end first
	Lookup                    // what the right, a Scan, answers when it is asked for the left row's keys
)

func (m JoinMode) String() string { return [...]string{"interval", "versioned", "static", "lookup"}[m] }

// Schema is the output columns.
func (n *Join) Schema() *event.Schema { return n.Out }

// Inputs are left and right.
func (n *Join) Inputs() []Node { return []Node{n.Left, n.Right} }

// JoinSchema is the columns of both inputs, without a time.
func JoinSchema(left, right *event.Schema) *event.Schema {
	return event.NewSchema(append(append([]event.Field(nil), left.Fields...), right.Fields...)...)
}

// pruneJoin drops columns that neither keys, nor times, nor the condition, nor
// the reader need.
func pruneJoin(n *Join, need []bool) (Node, []int) {
	left, right := n.Left.Schema(), n.Right.Schema()
	width := len(left.Fields)
	below := make([]bool, width+len(right.Fields))
	copy(below, need)
	MarkColumns(n.Residual, below)
	for i := range n.LeftKeys {
		below[n.LeftKeys[i]], below[width+n.RightKeys[i]] = true, true
	}
	c := *n
	var l, r []int
	c.Left, l = pruneTo(n.Left, below[:width])
	c.Right, r = pruneTo(n.Right, below[width:])
	c.LeftKeys, c.RightKeys = moveAll(n.LeftKeys, l), moveAll(n.RightKeys, r)
	both := joinMoves(l, r, len(c.Left.Schema().Fields))
	c.Residual = Remap(n.Residual, both)
	at := both[:len(n.Out.Fields)]
	c.Out = joinOut(&c)
	for i, f := range n.Out.Fields {
		if at[i] >= 0 {
			c.Out.Fields[at[i]] = f
		}
	}
	if n.Out.Rowtime >= 0 {
		c.Out.Rowtime = at[n.Out.Rowtime]
	}
	return &c, at
}

// joinOut is the columns of a join as its inputs name them.
func joinOut(n *Join) *event.Schema {
	if n.Kind.LeftOnly() {
		return event.NewSchema(append([]event.Field(nil), n.Left.Schema().Fields...)...)
	}
	return JoinSchema(n.Left.Schema(), n.Right.Schema())
}

func moveAll(columns, moved []int) []int {
	out := make([]int, len(columns))
	for i, c := range columns {
		out[i] = moved[c]
	}
	return out
}

// joinMoves is where the columns of both inputs are, left first.
func joinMoves(l, r []int, width int) []int {
	both := append([]int(nil), l...)
	for _, at := range r {
		if at >= 0 {
			at += width
		}
		both = append(both, at)
	}
	return both
}

// pushJoin moves the conditions of a filter below a join where the rows that
// they drop could have had no other effect; nil when none can move.
func pushJoin(f *Filter, n *Join) Node {
	var stay, left, right []expr.Expr
	width := len(n.Left.Schema().Fields)
	toLeft := n.Kind != RightOuter && n.Kind != FullOuter
	toRight := n.Mode != Versioned && n.Mode != Lookup && (n.Kind == Inner || n.Kind == RightOuter)
	for _, cond := range Conjuncts(f.Cond) {
		l, r := JoinSides(cond, width)
		switch {
		case Volatile(cond):
			stay = append(stay, cond)
		case l && !r && toLeft:
			left = append(left, cond)
		case r && !l && toRight:
			right = append(right, Shift(cond, width))
		default:
			stay = append(stay, cond)
		}
	}
	if len(left) == 0 && len(right) == 0 {
		return nil
	}
	c := *n
	c.Left, c.Right = filtered(n.Left, left), filtered(n.Right, right)
	if len(stay) == 0 {
		return &c
	}
	return &Filter{Input: &c, Cond: Conjunction(stay)}
}

func filtered(n Node, conds []expr.Expr) Node {
	if len(conds) == 0 {
		return n
	}
	return pushFilters(&Filter{Input: n, Cond: Conjunction(conds)})
}

// Shift is a condition on the right columns of a join as one on its right input.
func Shift(e expr.Expr, width int) expr.Expr {
	return expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		col, ok := x.(*expr.Column)
		if !ok {
			return x
		}
		moved := *col
		moved.Index -= width
		return &moved
	})
}

// JoinSides says whether e reads columns below width, and others.
func JoinSides(e expr.Expr, width int) (left, right bool) {
	expr.Walk(e, func(x expr.Expr) bool {
		if col, ok := x.(*expr.Column); ok {
			left, right = left || col.Index < width, right || col.Index >= width
		}
		return true
	})
	return left, right
}

// Conjunction is the AND of conditions, of which there is at least one.
func Conjunction(conds []expr.Expr) expr.Expr {
	if len(conds) == 1 {
		return conds[0]
	}
	return &expr.And{Base: expr.Base{T: event.TBool, Span: conds[0].Pos()}, Args: conds}
}

func describeJoin(n *Join) (string, []string) {
	left, right := n.Left.Schema(), n.Right.Schema()
	keys := make([]string, len(n.LeftKeys))
	for i := range keys {
		keys[i] = left.Fields[n.LeftKeys[i]].Name + " = " + right.Fields[n.RightKeys[i]].Name
	}
	if len(keys) == 0 {
		keys = []string{"one partition"}
	}
	lines := []string{"kind: " + n.Kind.String()}
	switch n.Mode {
	case Interval:
		lines = append(lines, "time: right from "+offsetText(n.Lower)+" to "+offsetText(n.Upper))
	case Versioned:
		lines = append(lines, "time: the last right row up to left")
	case Static:
		lines = append(lines, "time: the right side is read to its end first")
	case Lookup:
		lines = append(lines, "time: the right side is asked as rows come")
	}
	if n.NullAware {
		lines = append(lines, "NOT IN: a NULL on the right lets no row through; a NULL on the left passes where the right is empty")
	}
	if n.Residual != nil {
		lines = append(lines, "condition: "+ExprString(n.Residual, distinctNames(left, right)))
	}
	return "Join(" + n.Mode.String() + ": " + strings.Join(keys, ", ") + ")", lines
}

// distinctNames is the columns of both sides, with the side before a name that
// both have.
func distinctNames(left, right *event.Schema) *event.Schema {
	out := JoinSchema(left, right)
	for i := range out.Fields {
		name := &out.Fields[i].Name
		switch both := left.Index(*name) >= 0 && right.Index(*name) >= 0; {
		case both && i < len(left.Fields):
			*name = "left." + *name
		case both:
			*name = "right." + *name
		}
	}
	return out
}

// offsetText is a bound of the right row's time.
func offsetText(us int64) string {
	switch {
	case us < 0:
		return "left - " + function.Format(event.TDay, event.IntValue(-us))
	case us > 0:
		return "left + " + function.Format(event.TDay, event.IntValue(us))
	}
	return "left"
}
