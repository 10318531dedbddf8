package systables

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
)

// orderKey is a column of the answer that it is ordered by.
type orderKey struct {
	column     int
	desc       bool
	nullsFirst bool
}

// arrange reads ORDER BY and LIMIT.
func (s *selection) arrange(o *ast.Ordered, list *diag.List) {
	for _, item := range o.OrderBy {
		c := s.orderColumn(item.Expr)
		if c < 0 {
			list.Add(diag.NotSupported, item.Expr.Pos(), "ORDER BY takes a column of the result, by name or number, here").WithHint("name the expression in SELECT: … AS x … ORDER BY x")
			continue
		}
		k := orderKey{column: c, desc: item.Desc, nullsFirst: item.Desc} // NULL is the largest
		if item.NullsFirst != nil {
			k.nullsFirst = *item.NullsFirst
		}
		s.order = append(s.order, k)
	}
	if o.Limit != nil {
		n, ok := wholeNumber(o.Limit)
		if !ok || n > MaxRows {
			list.Add(diag.NumberOutOfRange, o.Limit.Pos(), "LIMIT is a number of up to %d here", MaxRows)
		}
		s.limit = n
	}
	if o.Offset != nil {
		list.Add(diag.NotSupported, o.Offset.Pos(), "OFFSET is not supported yet")
	}
}

// orderColumn is the column of the result that an expression names; -1: it
// names none.
func (s *selection) orderColumn(e ast.Expr) int {
	if n, ok := wholeNumber(e); ok && n >= 1 && n <= len(s.fields) {
		return n - 1
	}
	ref, ok := e.(*ast.Ref)
	if !ok || len(ref.Parts) != 1 {
		return -1
	}
	return slices.IndexFunc(s.fields, func(f event.Field) bool { return strings.EqualFold(f.Name, ref.Parts[0].Name) })
}

func wholeNumber(e ast.Expr) (int, bool) {
	lit, ok := e.(*ast.Literal)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(lit.Text)
	return n, err == nil && n >= 0
}

func (s *selection) sort(rows [][]event.Value) {
	slices.SortStableFunc(rows, func(a, b []event.Value) int {
		for _, k := range s.order {
			if c := k.compare(a[k.column], b[k.column], s.fields[k.column].Type); c != 0 {
				return c
			}
		}
		return 0
	})
}

func (k *orderKey) compare(a, b event.Value, t event.Type) int {
	switch {
	case a.Null && b.Null:
		return 0
	case a.Null || b.Null:
		if a.Null == k.nullsFirst {
			return -1
		}
		return 1
	}
	c := function.Compare(t, a, b)
	if k.desc {
		return -c
	}
	return c
}
