package pattern

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// Many patterns over the same rows run as one operator if each is a sequence of
// a few rows, one right behind the other, whose conditions read no row but their
// own. Such a pattern matches the last rows of a key if each of them satisfies
// its step: that is a bit of each row, and the conjunction of the bits of all
// patterns is a few words (Baeza-Yates and Gonnet, "A new approach to text
// searching", CACM 1992, with a column of bits per symbol).
//
//	symbol of a row     | class of amount | class of country | LIKE … |
//	class of amount 17  → 1101…  which patterns' steps it allows, by step
//	class of country 3  → 1011…
//	                   &  1001…  for the last row; likewise for the rows before it
//
// A key keeps the rows that some pattern may begin with: there is one table of
// keys, one copy of the rows and one timer for all. What was matched and must
// not be part of another match of that pattern is noted by key.

// Limits of patterns that run together.
const (
	maxJointRows     = 8    // of a pattern
	maxJointSteps    = 8192 // of all patterns
	jointSymbolBits  = 62
	jointOutputRooms = 64 // rows that an output collects
)

// ErrTooMany says that the conditions of patterns do not fit one symbol.
var ErrTooMany = errors.New("pattern: too many conditions to run together")

// Member is a pattern that runs together with others.
type Member struct {
	Match  *plan.Match // over the common input
	Name   string      // of the query: part of detection IDs
	Output int         // where its matches go; one that members share, see SameResults
	// Columns follow the output columns of the match.
	Columns []*expr.Const
}

// joint is the patterns of a Program that runs several.
type joint struct {
	members []member // by length, then by WITHIN
	banks   []bank
	digits  []digit // of the symbol
	starts  region  // bits of the distinct first conditions
	width   int     // words of bits per class
	outputs []*Program
	bits    int // of the symbol
}

// member is one of the patterns.
type member struct {
	name   string     // of its query
	within event.Time // MaxTime: no limit
	rows   int
	// keep is how many rows from the start of a match on begin no other one.
	keep   int
	output int
	seed   uint64
	own    []event.Value // its constants among the output columns
	steps  [][]int       // conditions by row, while it is compiled
}

// Joinable says why a pattern cannot run together with others; nil if it can.
func Joinable(m *plan.Match, o Options) error {
	steps, ok := sequence(m.Pattern, nil)
	switch {
	case m.Edges:
		return errors.New("its rows may have others between them")
	case !ok || len(steps) == 0:
		return errors.New("it is not a plain sequence of rows")
	case len(steps) > maxJointRows || o.MaxRows != 0 && o.MaxRows <= maxJointRows:
		return fmt.Errorf("it has more than %d rows", maxJointRows)
	case m.Rows != ast.OneRow:
		return errors.New("it is not ONE ROW PER MATCH")
	case m.WithinOf != nil || m.Gap > 0 || m.Selection != (plan.Selection{}):
		return errors.New("its limits or its selection are its own")
	case o.TTL > 0 && (m.Within == 0 || m.Within > o.TTL):
		return errors.New("'state.ttl' ends its matches")
	case keptRows(m, steps) == 0:
		return errors.New("AFTER MATCH SKIP leads to the first row")
	}
	if err := joinableMeasures(m); err != nil {
		return err
	}
	return joinableConditions(m)
}

// sequence appends the variables of a pattern that is a sequence of rows.
func sequence(p plan.Pattern, dst []int) ([]int, bool) {
	switch p := p.(type) {
	case plan.PatVar:
		return append(dst, p.Var), true
	case plan.PatConcat:
		ok := true
		for i := 0; i < len(p.Items) && ok; i++ {
			dst, ok = sequence(p.Items[i], dst)
		}
		return dst, ok
	case plan.PatExclude:
		return sequence(p.Item, dst)
	case plan.PatQuant:
		ok := p.Min == p.Max && p.Bounds == 0 && p.Min <= maxJointRows
		for i := 0; i < p.Min && ok; i++ {
			dst, ok = sequence(p.Item, dst)
		}
		return dst, ok
	}
	return dst, false
}

// keptRows is how many rows of a match AFTER MATCH passes over; 0 for none,
// which would be an error of each match.
func keptRows(m *plan.Match, steps []int) int {
	named := func(v int) bool { return m.SkipTo.Has(v) }
	switch m.Skip {
	case ast.SkipToNext:
		return 1
	case ast.SkipToFirst:
		return max(0, slices.IndexFunc(steps, named))
	case ast.SkipToLast:
		for i, v := range slices.Backward(steps) {
			if named(v) {
				return i
			}
		}
		return 0
	}
	return len(steps)
}

func joinableMeasures(m *plan.Match) error {
	for _, ms := range m.Measures {
		var err error
		expr.Walk(ms.Expr, func(x expr.Expr) bool {
			switch x := x.(type) {
			case *expr.Nav:
				if x.Physical != 0 {
					err = errors.New("its measures read rows outside the match")
				} else if !safe(x.X) {
					err = errors.New("a measure computes on a row what may fail")
				}
			case *expr.Agg:
				if slices.ContainsFunc(x.Children(), func(e expr.Expr) bool { return !safe(e) }) {
					err = errors.New("an aggregate computes on a row what may fail")
				}
			case *expr.MatchNumber:
				err = errors.New("its measures have MATCH_NUMBER()")
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// joinableConditions asks that each conjunct of a condition is decided by its
// row and cannot fail.
func joinableConditions(m *plan.Match) error {
	c := newMemberCompiler(m)
	for v, d := range m.Vars {
		for _, e := range conjunctsOf(d.Define) {
			if c.class(v, e) != local {
				return fmt.Errorf("the condition of %s reads other rows", d.Name)
			}
			if bound := c.bindLocal(v, e); !safe(bound) {
				return fmt.Errorf("the condition of %s may fail", d.Name)
			}
		}
	}
	return nil
}

// safe says whether e, on a row, cannot fail.
func safe(e expr.Expr) bool {
	_, sole := kernel.SoleColumn(e)
	return sole || total(e)
}

func conjunctsOf(e expr.Expr) []expr.Expr {
	if e == nil {
		return nil
	}
	return plan.Conjuncts(e)
}

// newMemberCompiler makes what binds the conditions of a pattern.
func newMemberCompiler(m *plan.Match) *compiler {
	p := &Program{match: m}
	for _, d := range m.Vars {
		p.vars = append(p.vars, variable{name: d.Name, label: event.StringValue(d.Name)})
	}
	return &compiler{p: p, in: m.Input.Schema()}
}

// SameResults says whether two patterns over the same input make the same row of
// the same rows, but for constants.
func SameResults(a, b *plan.Match) bool {
	x, _ := sequence(a.Pattern, nil)
	y, _ := sequence(b.Pattern, nil)
	sameName := func(u, v plan.Var) bool { return u.Name == v.Name }
	sameMeasure := func(u, v plan.Measure) bool { return SameColumn(u.Expr, v.Expr) }
	return slices.Equal(x, y) && slices.EqualFunc(a.Vars, b.Vars, sameName) && slices.EqualFunc(a.Measures, b.Measures, sameMeasure)
}

// SameColumn says whether two output columns are the same, or constants of the
// same type.
func SameColumn(a, b expr.Expr) bool {
	x, constant := ownConstant(a)
	y, both := ownConstant(b)
	return constant && both && x.T.Equal(y.T) || expr.Equal(a, b)
}

// ownConstant finds an output column that is a constant.
func ownConstant(e expr.Expr) (*expr.Const, bool) {
	k, ok := e.(*expr.Const)
	return k, ok && k.T.Kind != event.Null
}

// Constants are the columns that are constants; other is the list with those as
// columns from index first on.
func Constants(list []expr.Expr, first int) (constants []*expr.Const, other []expr.Expr) {
	for _, e := range list {
		if k, ok := ownConstant(e); ok {
			e = &expr.Column{Base: expr.Base{T: k.T, Span: k.Span}, Index: first + len(constants)}
			constants = append(constants, k)
		}
		other = append(other, e)
	}
	return constants, other
}

// CompileJoint makes one Program of patterns that are Joinable, over the same
// input with the same PARTITION BY and ORDER BY, all with WITHIN or all without.
// The error is ErrTooMany when fewer of them may fit.
func CompileJoint(list []Member, opts Options) (*Program, error) {
	first := list[0].Match
	opts.Ordered = false // a result has the time of its match's last row
	p := &Program{
		match: &plan.Match{Input: first.Input, PartitionBy: first.PartitionBy, OrderBy: first.OrderBy, Proctime: first.Proctime},
		opts:  opts.withDefaults(),
		joint: &joint{},
	}
	if err := p.compileMembers(list); err != nil {
		return nil, err
	}
	c := &compiler{p: p, in: first.Input.Schema()}
	if err := p.joint.compileOutputs(c, list); err != nil {
		return nil, err
	}
	c.layOut()
	for _, o := range p.joint.outputs {
		o.layout = p.layout
	}
	return p, p.tryKernels()
}

// compileMembers lays out the members and makes digits of their conditions.
func (p *Program) compileMembers(list []Member) error {
	j, d := p.joint, newDivider(p.match.Input.Schema())
	for _, x := range list {
		m := x.Match
		steps, _ := sequence(m.Pattern, nil)
		own := member{name: x.Name, rows: len(steps), keep: keptRows(m, steps), within: m.Within, output: x.Output, seed: xxh3.HashString(x.Name)}
		if own.within == 0 {
			own.within = event.MaxTime
		}
		for _, ms := range m.Measures {
			if k, ok := ownConstant(ms.Expr); ok {
				own.own = append(own.own, k.Value)
			}
		}
		for _, k := range x.Columns {
			own.own = append(own.own, k.Value)
		}
		c := newMemberCompiler(m)
		for _, v := range steps {
			own.steps = append(own.steps, d.conditions(c, v))
		}
		j.members = append(j.members, own)
	}
	slices.SortStableFunc(j.members, func(a, b member) int { return cmp.Or(cmp.Compare(a.rows, b.rows), cmp.Compare(a.within, b.within)) })
	return j.layOut(d)
}

// compileOutputs compiles what makes rows of matches, once per output.
func (j *joint) compileOutputs(c *compiler, list []Member) error {
	for _, x := range list {
		for len(j.outputs) <= x.Output {
			j.outputs = append(j.outputs, nil)
		}
		if j.outputs[x.Output] != nil {
			continue
		}
		o, err := compile(x.extended(), c.p.opts, x.given(c.p.kept))
		if err != nil {
			return err
		}
		j.outputs[x.Output], c.p.kept = o, o.kept
	}
	return nil
}

// extended is the match with the constants as columns of its output.
func (x *Member) extended() *plan.Match {
	m := *x.Match
	m.Out = &event.Schema{Rowtime: m.Out.Rowtime, Fields: slices.Clone(m.Out.Fields)}
	for i, k := range x.Columns {
		m.Out.Fields = append(m.Out.Fields, event.Field{Name: fmt.Sprintf("own%d", i), Type: k.T})
	}
	return &m
}

func (x *Member) given(kept []expr.Expr) *given {
	g := &given{kept: kept}
	for _, k := range x.Columns {
		g.columns = append(g.columns, k.T)
	}
	return g
}
