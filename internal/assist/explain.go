package assist

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/explain"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/parse"
)

// Explain shows how the queries of a text run, those that are right.
func (t *Tools) Explain(file, text string) ([]explain.Explanation, []diag.Diagnostic) {
	script, errs := parse.Partial(file, text)
	draft := query.CompileDraft(t.catalog(), script, t.options(file, text))
	list := []explain.Explanation{}
	for i := range draft.Queries {
		list = append(list, explain.Of(draft.Queries[i].Insert).Explanation())
	}
	for _, a := range draft.Actions {
		if a.Plan != nil {
			list = append(list, explain.Of(a.Plan).Explanation())
		}
	}
	errs.Items = append(errs.Items, draft.Warnings.Items...)
	errs.Sort()
	return list, errs.Items
}
