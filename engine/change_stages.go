package engine

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/join"
	"github.com/cepd/cepd/operators/over"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/operators/window"
	"github.com/cepd/cepd/query/plan"
)

// compareStages pairs the operators with state, in the order of the rows' way.
func (m *migration) compareStages(renamed map[string]string) {
	old, now := m.from.stages, m.to.stages
	if len(old) != len(now) {
		m.refuse("the query has %d operators with state, the running version has %d", len(now), len(old))
		return
	}
	m.transfers = make([]operators.Transfer, len(now))
	for i := range now {
		a, b := old[i].plan, now[i].plan
		k := Kept{i, title(b), "kept"}
		switch {
		case !sameWay(a, b):
			m.refuse("%s stands elsewhere in the query", k.Operator)
		case a.Pattern != nil && b.Pattern != nil || !sameOperator(a, b):
			k.State = "moved"
			m.move(i, a, b, renamed)
		}
		if !slices.Equal(conditions(a), conditions(b)) {
			m.verdict.Notes = append(m.verdict.Notes, fmt.Sprintf("other rows come to %s from now on: a filter before it has changed", k.Operator))
		}
		m.verdict.Operators = append(m.verdict.Operators, k)
	}
}

// move finds how the state of a stage becomes that of its new version.
func (m *migration) move(i int, a, b *build.Stage, renamed map[string]string) {
	t, reasons := m.transfer(a, b, renamed)
	for _, r := range reasons {
		m.verdict.Reasons = append(m.verdict.Reasons, Reason{r.Text, r.Variable, r.Remedy, r.At})
	}
	if len(reasons) == 0 {
		m.transfers[i] = t
	}
}

func (m *migration) transfer(a, b *build.Stage, renamed map[string]string) (operators.Transfer, []operators.Reason) {
	v := &m.verdict
	switch {
	case a.Pattern != nil && b.Pattern != nil:
		t, reasons := pattern.Compare(a.Pattern, b.Pattern, renamed)
		if t != nil {
			v.Anew, v.Notes = v.Anew || t.Anew, append(v.Notes, t.Notes...)
		}
		return t, reasons
	case a.Window != nil && b.Window != nil:
		t, reasons := window.Compare(a.Window, b.Window)
		if t != nil {
			v.Fresh, v.Notes = v.Fresh || t.Fresh(), append(v.Notes, t.Notes...)
		}
		return t, reasons
	case a.Over != nil && b.Over != nil:
		t, reasons := over.Compare(a.Over, b.Over)
		if t != nil {
			v.Fresh, v.Notes = v.Fresh || t.Fresh(), append(v.Notes, t.Notes...)
		}
		return t, reasons
	case a.Join != nil && b.Join != nil:
		return join.Compare(a.Join, b.Join)
	}
	return nil, []operators.Reason{{
		Text:   fmt.Sprintf("%s differs from %s of the running version in its input, its keys or in what it computes", title(b), title(a)),
		Remedy: "what stands before and behind it may change",
	}}
}

// sameWay says whether two stages feed the same stages, if any.
func sameWay(a, b *build.Stage) bool {
	return slices.EqualFunc(a.Branches, b.Branches, func(x, y build.Branch) bool {
		return x.To == y.To || x.To < 0 && y.To < 0
	})
}

func sameOperator(a, b *build.Stage) bool {
	return a.Kind == b.Kind && a.Proctime == b.Proctime && a.Unordered == b.Unordered && a.Spread == b.Spread &&
		slices.EqualFunc(a.Nodes, b.Nodes, func(x, y plan.Node) bool { return plan.NodeIdentity(x) == plan.NodeIdentity(y) }) &&
		(len(a.Members) == 0 || slices.Equal(conditions(a), conditions(b)))
}

func conditions(s *build.Stage) (list []string) {
	for _, n := range s.Nodes {
		list = append(list, plan.Conditions(n)...)
	}
	return list
}
