package build

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/query/plan"
)

// share reads each table once: scans of one table become one, with the columns
// of all, and each of them a branch that picks its own.
//
//	scan(t: a, b) -> …              scan(t: a, b, c) -> pick(a, b) -> …
//	scan(t: b, c) -> …      =>                       -> pick(b, c) -> …
//
// So a row of the table that cannot be decoded or computed is rejected for all
// of them.
func (b *builder) share() {
	var shared []Source
	first := map[string]int{} // by the table's name
	for _, s := range b.graph.Sources {
		i := len(shared)
		if s.Scan != nil {
			if j, ok := first[s.Scan.Table.Name]; ok {
				i = j
			} else {
				first[s.Scan.Table.Name] = i
			}
		}
		if i == len(shared) {
			shared = append(shared, s)
			continue
		}
		merge(&shared[i], &s)
	}
	for i := range shared {
		if n := shared[i].Scan; n != nil {
			shared[i].NewScan = func() (*relational.Scan, error) {
				return relational.NewScan(n.Exprs, n.Watermark, n.Out, b.options.Zone)
			}
		}
	}
	b.graph.Sources = shared
}

// merge adds the scan of s to that of into.
func merge(into, s *Source) {
	scan, columns := union(into.Scan, s.Scan)
	read := make([]int, len(s.Scan.Read))
	for i, c := range s.Scan.Read {
		read[i] = readColumn(scan, c)
	}
	into.Files = into.Files.either(s.Files, read)
	if len(into.Branches) == 1 {
		into.Branches[0].Chain = pick(into.Branches[0].Chain, nil, into.Scan.Out)
	}
	own := s.Branches[0]
	own.Chain = pick(own.Chain, columns, s.Scan.Out)
	into.Branches = append(into.Branches, own)
	into.Scan = scan
}

// pick puts before a chain what takes its columns out of a wider batch; nil are
// the first ones.
func pick(c Chain, columns []int, out *event.Schema) Chain {
	if columns == nil {
		for i := range out.Fields {
			columns = append(columns, i)
		}
	}
	return push(c, func() (operators.Operator, error) { return relational.NewArrange(columns, out), nil })
}

// union is a scan with the columns of a, in their order, then those that only b
// has; columns says where those of b are.
func union(a, b *plan.Scan) (u *plan.Scan, columns []int) {
	u = &plan.Scan{Table: a.Table, Watermark: a.Watermark}
	u.Read = append(u.Read, a.Read...)
	u.Exprs = append(u.Exprs, a.Exprs...)
	out := &event.Schema{Rowtime: a.Out.Rowtime, Fields: append([]event.Field(nil), a.Out.Fields...)}
	read := make([]int, len(b.Read))
	for i, c := range b.Read {
		read[i] = readColumn(u, c)
	}
	for i, e := range b.Exprs {
		columns = append(columns, column(u, out, remap(e, read), b.Out.Fields[i]))
	}
	if u.Watermark == nil && b.Watermark != nil {
		u.Watermark, out.Rowtime = remap(b.Watermark, columns), columns[b.Out.Rowtime]
	}
	u.Out = out
	return u, columns
}

func readColumn(u *plan.Scan, c plan.ReadColumn) int {
	for i, o := range u.Read {
		if o.Name == c.Name && o.Metadata == c.Metadata {
			return i
		}
	}
	u.Read = append(u.Read, c)
	return len(u.Read) - 1
}

func column(u *plan.Scan, out *event.Schema, e expr.Expr, f event.Field) int {
	for i, o := range u.Exprs {
		if expr.Equal(o, e) {
			return i
		}
	}
	u.Exprs, out.Fields = append(u.Exprs, e), append(out.Fields, f)
	return len(u.Exprs) - 1
}

// remap gives the columns of e other indexes.
func remap(e expr.Expr, to []int) expr.Expr {
	return expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		if c, ok := x.(*expr.Column); ok {
			moved := *c
			moved.Index = to[c.Index]
			return &moved
		}
		return x
	})
}
