package build

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

// Files says from which files of a table rows are taken, by the columns that all
// rows of a file have in common.
type Files struct {
	Cond expr.Expr // over Scan.Read, of those columns only: rows of other files are taken by no branch
	// Marks: the rows of all files move the watermark of a stage, and make others
	// late. Needs are the columns of Scan.Read that this takes.
	Marks bool
	Needs []bool
}

// String is the condition as text.
func (f *Files) String(scan *plan.Scan) string {
	read := &event.Schema{}
	for _, c := range scan.Read {
		read.Fields = append(read.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	return plan.ExprString(f.Cond, read)
}

// files is what the filters right above a scan demand of files; nil: nothing.
func (b *builder) files(n *plan.Scan) *Files {
	if b.options.ToldByFiles == nil {
		return nil
	}
	told := make([]bool, len(n.Read))
	for i, c := range n.Read {
		told[i] = b.options.ToldByFiles(n.Table, c)
	}
	var list []expr.Expr
	for _, above := range slices.Backward(b.above[:len(b.above)-1]) {
		f, ok := above.(*plan.Filter)
		if !ok {
			break
		}
		for _, c := range plan.Conjuncts(f.Cond) {
			if c = plan.Replace(c, n.Exprs); ofFiles(c, told) {
				list = append(list, c)
			}
		}
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return &Files{Cond: list[0]}
	}
	return &Files{Cond: &expr.And{Base: expr.Base{T: event.TBool}, Args: list}}
}

// ofFiles says whether a condition reads columns that files tell, and nothing else.
func ofFiles(e expr.Expr, told []bool) bool {
	used := make([]bool, len(told))
	plan.MarkColumns(e, used)
	for i, u := range used {
		if u && !told[i] {
			return false
		}
	}
	return slices.Contains(used, true) && !plan.Volatile(e)
}

// either are the files of which one of two scans takes rows; columns are where those
// of the second are in the scan of both.
func (f *Files) either(o *Files, columns []int) *Files {
	if f == nil || o == nil {
		return nil
	}
	cond := remap(o.Cond, columns)
	if expr.Equal(f.Cond, cond) {
		return f
	}
	args := []expr.Expr{f.Cond, cond}
	if or, ok := f.Cond.(*expr.Or); ok {
		args = append(slices.Clone(or.Args), cond)
	}
	return &Files{Cond: &expr.Or{Base: expr.Base{T: event.TBool}, Args: args}}
}

// marks notes whether rows of the source move a watermark, and what that takes.
func (g *Graph) marks(s *Source) {
	if s.Files == nil {
		return
	}
	s.Files.Marks = s.Scan.Watermark != nil && slices.ContainsFunc(s.Branches, func(r Branch) bool {
		_, sink := SinkOf(r.To)
		return !sink && !r.Static && !g.Stages[r.To].Proctime
	})
	out := make([]bool, len(s.Scan.Exprs))
	plan.MarkColumns(s.Scan.Watermark, out)
	if at := s.Scan.Out.Rowtime; at >= 0 {
		out[at] = true
	}
	s.Files.Needs = make([]bool, len(s.Scan.Read))
	for i, e := range s.Scan.Exprs {
		if out[i] {
			plan.MarkColumns(e, s.Files.Needs)
		}
	}
}
