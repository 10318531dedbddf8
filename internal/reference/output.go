package reference

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// emit writes the rows of the match in s.steps.
func (s *search) emit() error {
	switch {
	case len(s.steps) == 0:
		if s.m.Rows == ast.AllRowsOmit {
			return nil
		}
		return s.emitRow(s.start, -1)
	case s.m.Rows == ast.OneRow:
		return s.emitRow(s.steps[len(s.steps)-1].row, len(s.steps)-1)
	}
	for k, st := range s.steps {
		if st.excluded {
			continue
		}
		if err := s.emitRow(st.row, k); err != nil {
			return err
		}
	}
	return nil
}

// emitRow writes input row at with the measures seen from step current; -1 is
// the empty match.
func (s *search) emitRow(at, current int) error {
	values := make([]event.Value, len(s.measures))
	for i, x := range s.measures {
		v, err := s.value(x, current)
		if err != nil {
			return err
		}
		values[i] = v
	}
	t := s.rows[at].Time
	if s.m.Edges {
		t = s.at
	}
	s.out = append(s.out, OutRow{Values: s.columns(s.rows[at], values), Time: t})
	return nil
}

// unmatched writes the start row, which begins no match, unless an earlier
// match covers it.
func (s *search) unmatched(covered int) {
	if s.m.Rows != ast.AllRowsUnmatch || s.start < covered {
		return
	}
	values := make([]event.Value, len(s.measures))
	for i := range values {
		values[i] = event.NullValue
	}
	s.out = append(s.out, OutRow{Values: s.columns(s.rows[s.start], values), Time: s.rows[s.start].Time})
}

// columns lays out an output row: PARTITION BY columns and measures, and with
// all rows also the ORDER BY columns and the rest of the input.
func (s *search) columns(r Row, measures []event.Value) []event.Value {
	var out []event.Value
	for _, c := range s.m.PartitionBy {
		out = append(out, r.Values[c])
	}
	if s.m.Rows == ast.OneRow {
		return append(out, measures...)
	}
	shown := make([]bool, len(r.Values))
	for _, c := range s.m.PartitionBy {
		shown[c] = true
	}
	for _, k := range s.m.OrderBy {
		if !shown[k.Column] {
			out = append(out, r.Values[k.Column])
			shown[k.Column] = true
		}
	}
	out = append(out, measures...)
	for c, v := range r.Values {
		if !shown[c] {
			out = append(out, v)
		}
	}
	return out
}

// PartitionColumns says how many of the first output columns are the key: rows
// that agree in them are in order, others are not.
func PartitionColumns(m *plan.Match) int { return len(m.PartitionBy) }
