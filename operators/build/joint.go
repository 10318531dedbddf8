package build

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/order"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/query/plan"
)

// Patterns over the same rows run as one stage with an output for each, or one
// for those whose results go the same way:
//
//	scan(t) -> match(A) -> project -> sink        scan(t) -> match(A, B, C) -> project -> sink
//	scan(t) -> match(B) -> project -> sink   =>                             -> suppress -> sink
//	scan(t) -> match(C) -> suppress -> sink

// group is patterns over one input.
type group struct {
	input   plan.Node // with the columns of all
	members []*joined
}

// joined is a pattern of a group.
type joined struct {
	match   *plan.Match // over the group's input
	own     *plan.Match // as it was
	options pattern.Options
	branch  Branch
	above   []plan.Node // what stands between it and the sink …
	columns []int       // … and what the sink gets
}

// findGroups finds the patterns that run together.
func (b *builder) findGroups(outputs []Output) {
	b.grouped, b.apart = map[*plan.Match]*joined{}, map[*plan.Match]string{}
	var all []*plan.Match
	for _, out := range outputs {
		all = append(all, matches(out.Input)...)
	}
	if len(all) < 2 || b.options.Pattern.Trace || b.options.Pattern.Explain { // each has conditions of its own to tell of
		return
	}
	buckets := map[string][]*group{}
	for _, m := range all {
		if err := pattern.Joinable(m, b.options.Pattern); err != nil {
			b.apart[m] = fmt.Sprintf("it runs alone: %s\n", err)
			continue
		}
		b.place(m, buckets)
	}
	b.groups = slices.DeleteFunc(b.groups, func(g *group) bool { return len(g.members) == 1 })
	for _, g := range b.groups {
		for _, j := range g.members {
			b.grouped[j.own] = j
		}
	}
	for _, m := range all {
		if b.grouped[m] == nil && b.apart[m] == "" {
			b.apart[m] = "it runs alone: no other pattern has its input, PARTITION BY and ORDER BY\n"
		}
	}
}

// matches lists the patterns of a plan.
func matches(n plan.Node) (list []*plan.Match) {
	if m, ok := n.(*plan.Match); ok {
		list = append(list, m)
	}
	for _, in := range n.Inputs() {
		list = append(list, matches(in)...)
	}
	return list
}

// place adds a pattern to the group of its like.
func (b *builder) place(m *plan.Match, buckets map[string][]*group) {
	name := tableOf(m.Input)
	if name == "" {
		b.apart[m] = "it runs alone: its input is not one table\n"
		return
	}
	for _, g := range buckets[name] {
		input, columns, ok := unite(g.input, m.Input)
		if !ok {
			continue
		}
		if moved := move(m, columns); alike(g.members[0].match, moved) {
			g.input = input
			g.members = append(g.members, &joined{match: moved, own: m})
			return
		}
	}
	g := &group{input: m.Input}
	g.members = []*joined{{match: move(m, identity(m.Input)), own: m}}
	buckets[name], b.groups = append(buckets[name], g), append(b.groups, g)
}

func identity(n plan.Node) []int {
	columns := make([]int, len(n.Schema().Fields))
	for i := range columns {
		columns[i] = i
	}
	return columns
}

// tableOf is the table that is read, filtered and projected only.
func tableOf(n plan.Node) string {
	switch n := n.(type) {
	case *plan.Scan:
		return n.Table.Name
	case *plan.Filter, *plan.Project:
		return tableOf(n.Inputs()[0])
	}
	return ""
}

// unite makes one input with the rows of two, if they are the same, and the
// columns of both, those of a first; columns says where those of b are.
func unite(a, b plan.Node) (u plan.Node, columns []int, ok bool) {
	switch a := a.(type) {
	case *plan.Scan:
		if b, same := b.(*plan.Scan); same && a.Table.Name == b.Table.Name {
			u, columns := union(a, b)
			return u, columns, true
		}
	case *plan.Filter:
		if b, same := b.(*plan.Filter); same {
			in, columns, ok := unite(a.Input, b.Input)
			return &plan.Filter{Input: in, Cond: a.Cond}, columns, ok && expr.Equal(a.Cond, remap(b.Cond, columns))
		}
	case *plan.Project:
		if b, same := b.(*plan.Project); same {
			return uniteProjects(a, b)
		}
	}
	return nil, nil, false
}

func uniteProjects(a, b *plan.Project) (plan.Node, []int, bool) {
	in, from, ok := unite(a.Input, b.Input)
	if !ok {
		return nil, nil, false
	}
	u := &plan.Project{Input: in, Exprs: slices.Clone(a.Exprs)}
	out := &event.Schema{Rowtime: a.Out.Rowtime, Fields: slices.Clone(a.Out.Fields)}
	columns := make([]int, len(b.Exprs))
	for i, e := range b.Exprs {
		columns[i] = findColumn(&u.Exprs, out, remap(e, from), b.Out.Fields[i])
	}
	u.Out = out
	return u, columns, true
}

// findColumn is the place of an expression among those of a schema, to which it
// is added.
func findColumn(exprs *[]expr.Expr, out *event.Schema, e expr.Expr, f event.Field) int {
	for i, o := range *exprs {
		if expr.Equal(o, e) {
			return i
		}
	}
	*exprs, out.Fields = append(*exprs, e), append(out.Fields, f)
	return len(*exprs) - 1
}

// move is the pattern over an input whose columns lie elsewhere.
func move(m *plan.Match, columns []int) *plan.Match {
	n := *m
	n.PartitionBy = make([]int, len(m.PartitionBy))
	for i, c := range m.PartitionBy {
		n.PartitionBy[i] = columns[c]
	}
	n.OrderBy = slices.Clone(m.OrderBy)
	for i := range n.OrderBy {
		n.OrderBy[i].Column = columns[n.OrderBy[i].Column]
	}
	n.Vars = slices.Clone(m.Vars)
	for i := range n.Vars {
		if n.Vars[i].Define != nil {
			n.Vars[i].Define = remap(n.Vars[i].Define, columns)
		}
	}
	n.Measures = slices.Clone(m.Measures)
	for i := range n.Measures {
		n.Measures[i].Expr = remap(n.Measures[i].Expr, columns)
	}
	return &n
}

// alike says whether two patterns over one input can run together.
func alike(a, b *plan.Match) bool {
	return slices.Equal(a.PartitionBy, b.PartitionBy) && slices.Equal(a.OrderBy, b.OrderBy) &&
		a.Proctime == b.Proctime && (a.Within > 0) == (b.Within > 0)
}

// meet takes down where the matches of a grouped pattern go.
func (b *builder) meet(j *joined, o pattern.Options, above Chain, to int) {
	j.options, j.branch = o, Branch{Output: b.output, Chain: above, To: to}
	j.above, j.columns = slices.Clone(b.above[:len(b.above)-1]), b.columns
	b.joined = append(b.joined, j)
}

// together builds the stages of the groups. They read sources only, so they come
// before all others, whose indexes move.
func (b *builder) together() error {
	sources, others := len(b.graph.Sources), b.graph.Stages
	b.graph.Stages = nil
	for _, g := range b.groups {
		for _, j := range g.members {
			j.match.Input = g.input
		}
		if err := b.jointStages(g, g.members); err != nil {
			return err
		}
	}
	first := len(b.graph.Stages)
	for i := range b.graph.Sources[:sources] {
		shift(b.graph.Sources[i].Branches, first)
	}
	b.graph.Stages = append(b.graph.Stages, others...)
	for i := range b.graph.Stages {
		shift(b.graph.Stages[i].Branches, first)
	}
	return nil
}

func shift(list []Branch, by int) {
	for i := range list {
		if list[i].To >= 0 {
			list[i].To += by
		}
	}
}

// jointStages makes one stage of patterns, or two of the halves where they are too
// many.
func (b *builder) jointStages(g *group, list []*joined) error {
	if len(list) == 1 {
		j := list[0]
		b.output, b.apart[j.own] = j.branch.Output, "it runs alone: its conditions are too many for one symbol with those of others\n"
		return b.alone(j.own, j.options, j.branch.Chain, j.branch.To)
	}
	members, branches := b.waysOf(list)
	program, err := pattern.CompileJoint(members, b.options.Pattern)
	if errors.Is(err, pattern.ErrTooMany) {
		half := len(list) / 2
		if err = b.jointStages(g, list[:half]); err != nil {
			return err
		}
		return b.jointStages(g, list[half:])
	}
	if err != nil {
		return err
	}
	return b.jointStage(g, list, program, branches)
}

func (b *builder) jointStage(g *group, list []*joined, program *pattern.Program, branches []Branch) error {
	s := Stage{
		Kind:     "match",
		Prepared: program.Prepared(),
		Key:      program.Key(),
		Proctime: g.members[0].match.Proctime,
		New:      program.NewMatcher,
		Explain:  program.Explain,
		Branches: branches,
	}
	for _, k := range program.Order() {
		s.Order = append(s.Order, order.Key(k))
	}
	for _, j := range list {
		s.Nodes = append(s.Nodes, j.own)
		s.Members = append(s.Members, Member{j.options.Name, func() (*pattern.Program, error) { return pattern.Compile(j.own, j.options) }})
	}
	b.output = branches[0].Output
	prepare := func() (operators.Operator, error) { return program.NewPrepare(), nil }
	return b.stage(s, g.input, Chain{prepare})
}

// waysOf gives each pattern its output: patterns that give the same rows but for
// constants, which go the same way to the same sink, share one.
func (b *builder) waysOf(list []*joined) (members []pattern.Member, branches []Branch) {
	known := map[string][]int{} // outputs by the text of what is computed
	var first []*joined         // of each output
	for _, j := range list {
		text := j.text()
		constants, branch := b.lift(j)
		i := -1
		for _, o := range known[text] {
			if sameWay(first[o], j) {
				i = o
			}
		}
		if i < 0 {
			i = len(first)
			first, branches, known[text] = append(first, j), append(branches, branch), append(known[text], i)
		}
		members = append(members, pattern.Member{Match: j.match, Name: j.options.Name, Output: i, Columns: constants})
	}
	return members, branches
}

// lift takes the constants out of the projection right above a pattern: they
// come with its matches, so that rules that differ in them share an output.
func (b *builder) lift(j *joined) ([]*expr.Const, Branch) {
	p := j.projection()
	if p == nil {
		return nil, j.branch
	}
	constants, exprs := pattern.Constants(p.Exprs, len(j.match.Out.Fields))
	branch := j.branch
	branch.Chain = push(branch.Chain[1:], func() (operators.Operator, error) {
		return relational.NewProject(exprs, p.Out, b.options.Zone)
	})
	return constants, branch
}

// projection is what stands right above the pattern, if it is one.
func (j *joined) projection() *plan.Project {
	if len(j.above) == 0 {
		return nil
	}
	p, _ := j.above[len(j.above)-1].(*plan.Project)
	return p
}

// text is what is computed of a match.
func (j *joined) text() string {
	var b strings.Builder
	for _, m := range j.match.Measures {
		if _, constant := m.Expr.(*expr.Const); !constant {
			b.WriteString(j.match.ExprString(m.Expr) + "\n")
		}
	}
	if p := j.projection(); p != nil {
		for _, e := range p.Exprs {
			if _, constant := e.(*expr.Const); !constant {
				b.WriteString(plan.ExprString(e, p.Input.Schema()) + "\n")
			}
		}
	}
	return b.String()
}

func sameWay(a, b *joined) bool {
	_, sink := SinkOf(a.branch.To)
	return sink && a.branch.To == b.branch.To && slices.Equal(a.columns, b.columns) &&
		slices.EqualFunc(a.aboveProjection(), b.aboveProjection(), sameStep) &&
		sameProjection(a.projection(), b.projection()) && pattern.SameResults(a.match, b.match)
}

// aboveProjection is what stands above the projection.
func (j *joined) aboveProjection() []plan.Node {
	if j.projection() == nil {
		return j.above
	}
	return j.above[:len(j.above)-1]
}

func sameProjection(a, b *plan.Project) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(a.Exprs, b.Exprs, pattern.SameColumn)
}

// sameStep compares what two nodes do with their inputs.
func sameStep(a, b plan.Node) bool {
	switch a := a.(type) {
	case *plan.Filter:
		b, ok := b.(*plan.Filter)
		return ok && expr.Equal(a.Cond, b.Cond)
	case *plan.Project:
		b, ok := b.(*plan.Project)
		return ok && slices.EqualFunc(a.Exprs, b.Exprs, expr.Equal)
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b)
}
