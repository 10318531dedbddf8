package api

import (
	"cmp"
	"strings"

	"github.com/cepd/cepd/engine"
)

// comparisonRows are the shadows and how they compare, or the differences that are
// shown of each, newest first.
func (s *Service) comparisonRows(table string) (rows []any) {
	for _, st := range s.statements() {
		if st.Shadow == nil {
			continue
		}
		x, err := s.Shadow(st.Name)
		switch {
		case err != nil: // it has gone meanwhile
		case table == "comparisons":
			rows = append(rows, comparisonRow(x))
		case x.Comparison != nil:
			for i := range x.Comparison.Differences {
				rows = append(rows, differenceRow(x.Name, &x.Comparison.Differences[i]))
			}
		}
	}
	return rows
}

func comparisonRow(x *ShadowInfo) systemRow {
	r := systemRow{"query": x.Name, "version": x.Version.Number, "phase": x.Phase, "behind": x.Behind}
	why := cmp.Or(x.Error, x.Hint, x.Query.Error)
	if c := x.Comparison; c != nil {
		r["same"], r["only_old"], r["only_new"], r["changed"] = c.Same, c.OnlyOld, c.OnlyNew, c.Changed
		r["waiting_old"], r["waiting_new"], r["uncompared"] = c.WaitingOld, c.WaitingNew, c.Uncompared
		r.set("since", sqlTime(c.Since))
		why = cmp.Or(why, c.Error)
	}
	r.set("error", why)
	return r
}

func differenceRow(query string, d *engine.Difference) systemRow {
	r := systemRow{"query": query, "kind": d.Kind, "table_name": d.Table, "id": d.ID}
	r.set("event_time", sqlTime(d.Time))
	r.set("columns", strings.Join(d.Columns, ","))
	r.set("old_row", string(d.Old))
	r.set("new_row", string(d.New))
	return r
}
