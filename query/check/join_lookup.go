package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

// asked says whether the right side is a table that is asked for the rows of a key.
func (j *joiner) asked() bool {
	n := j.right.node
	for {
		switch x := n.(type) {
		case *plan.Scan:
			return j.opts.Asked(x.Table)
		case *plan.Filter:
			n = x.Input
		case *plan.Project:
			n = x.Input
		default:
			return false
		}
	}
}

// lookup settles a join with a table that is asked.
func (j *joiner) lookup() bool {
	if _, plain := j.right.node.(*plan.Scan); !plain {
		j.add(diag.SchemaMismatch, j.at, "a table that is asked for rows is joined as it is, not by way of a view or sub-query").
			WithHint("join the table itself, and put the conditions into ON or WHERE")
		return false
	}
	if j.kind != plan.Inner && j.kind != plan.LeftOuter {
		j.unsupported(j.at, strings.ToUpper(j.kind.String())+" JOIN with a table that is asked for rows").WithHint("write JOIN or LEFT JOIN … FOR SYSTEM_TIME AS OF")
		return false
	}
	if !j.asOfProctime() {
		return false
	}
	j.out.Mode, j.out.Proctime = plan.Lookup, !j.left.timed()
	return true
}

// asOfProctime demands the processing time of the left side: what is asked answers
// as it is now.
func (j *joiner) asOfProctime() bool {
	at := j.at
	if j.asOf != nil {
		at = j.asOf.Pos()
		x := (&binder{Checker: j.Checker, rel: j.left}).expr(j.asOf)
		if x == nil {
			return false
		}
		if col, ok := x.(*expr.Column); ok && j.left.proctime[col.Index] {
			return true
		}
	}
	j.add(diag.MissingTime, at, "a table that is asked for rows answers as it is now: join it FOR SYSTEM_TIME AS OF the processing time of the left side").
		WithHint("declare proc AS PROCTIME() in the left table and write JOIN t FOR SYSTEM_TIME AS OF s.proc ON …")
	return false
}

// asksBy says whether a table can be asked by x: a column of its records, each once.
func (j *joiner) asksBy(x expr.Expr) bool {
	col, ok := x.(*expr.Column)
	scan := j.right.node.(*plan.Scan)
	if !ok || contains(j.covered, col.Index) {
		return false
	}
	read, ok := scan.Exprs[col.Index].(*expr.Column)
	if !ok || scan.Read[read.Index].Metadata != "" {
		return false
	}
	j.covered = append(j.covered, col.Index)
	return true
}

// hasKey demands something to ask by.
func (j *joiner) hasKey() bool {
	if len(j.out.LeftKeys) > 0 {
		return true
	}
	j.add(diag.SchemaMismatch, j.at, "there is nothing to ask the table by: ON has no equality of a column of it with the left side").
		WithHint("write ON t.id = s.id; where the types differ, cast the left side")
	return false
}
