package conformance

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/reference"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// neverRow is advice that no row of a match is of a variable.
var neverRow = regexp.MustCompile(`^no row can be (\w+)(:| here:)|^(\w+) is never matched`)

// TestAdviceIsTrue holds advice against the naive matcher: a variable that no
// row can be has no row in any match, of the corpus and of random cases.
func TestAdviceIsTrue(t *testing.T) {
	cases, err := Load(corpus)
	if err != nil {
		t.Fatal(err)
	}
	cases = someOf(cases)
	n := uint64(1500 / every)
	if testing.Short() {
		n /= 20
	}
	for seed := range n {
		cases = append(cases, *Generate(*firstSeed + 5*seed)) // several inputs share a query
	}
	told := 0
	for i := range cases {
		c := cases[i]
		if c.CEP != nil {
			if c.Query, err = c.CEPQuery(); err != nil {
				continue
			}
		}
		told += holdAdvice(t, &c)
	}
	t.Logf("%d claims held", told)
	if told == 0 {
		t.Error("no advice at all")
	}
}

// holdAdvice checks the claims about one case, and counts them.
func holdAdvice(t *testing.T, c *Case) int {
	never, nothing := claims(c)
	if len(never) == 0 && !nothing {
		return 0
	}
	root, err := Compile(c)
	if err != nil {
		return 0
	}
	m, ok := root.Input.(*plan.Match)
	for p, isProject := root.Input.(*plan.Project); isProject; p, isProject = p.Input.(*plan.Project) {
		m, ok = p.Input.(*plan.Match)
	}
	if !ok {
		return 0
	}
	rows, err := reference.Evaluate(counting(m), c.onTime, reference.Options{Steps: 100_000, ContinueOnError: true})
	if err != nil {
		return 0
	}
	for _, row := range rows {
		counts := row.Values[len(m.PartitionBy):]
		total := int64(0)
		for v := range m.Vars {
			total += counts[v].I
			if never[m.Vars[v].Name] && counts[v].I > 0 {
				t.Errorf("%s: a match has rows of %s, which the advice says cannot be\n%s", c.ID(), m.Vars[v].Name, c.Text())
			}
		}
		if nothing && total > 0 {
			t.Errorf("%s: there is a match where the advice says that there is none\n%s", c.ID(), c.Text())
		}
	}
	return len(never)
}

// claims is what the advice on a case says: variables that have no rows, and
// whether the pattern matches nothing.
func claims(c *Case) (never map[string]bool, nothing bool) {
	never = map[string]bool{}
	ddl, err := c.DDL("ts")
	if err != nil {
		return nil, false
	}
	cat := catalog.New()
	if _, err := query.CompileText(cat, "", ddl, nil); err != nil {
		return nil, false
	}
	r, err := query.CompileText(cat, "", c.Query, nil)
	if err != nil {
		return nil, false
	}
	for _, w := range r.Warnings.Items {
		found := neverRow.FindStringSubmatch(w.Message)
		if found == nil || w.Code != diag.NeverTrue && w.Code != diag.Unreachable {
			continue
		}
		nothing = nothing || strings.HasSuffix(w.Message, "the pattern matches nothing") || strings.HasSuffix(w.Message, "every match times out")
		name := found[1] + found[3]
		// A place that is not reached is not the only one of its variable.
		if w.Code == diag.NeverTrue || strings.Count(patternText(c.Query), name) == 1 {
			never[name] = true
		}
	}
	return never, nothing
}

// patternText is what stands between PATTERN and DEFINE.
func patternText(q string) string {
	_, q, _ = strings.Cut(q, "PATTERN")
	q, _, _ = strings.Cut(q, "DEFINE")
	q, _, _ = strings.Cut(q, "SUBSET")
	q, _, _ = strings.Cut(q, "WITHIN")
	return q
}

// counting is m with the number of rows of each variable as its measures.
func counting(m *plan.Match) *plan.Match {
	c := *m
	c.Rows, c.Skip, c.Timeouts, c.Measures = ast.OneRow, ast.SkipToNext, false, nil
	c.Selection = plan.Selection{}
	if m.Edges {
		c.Skip = ast.NoSkip
	}
	c.Out = &event.Schema{Rowtime: -1}
	for _, k := range m.PartitionBy {
		c.Out.Fields = append(c.Out.Fields, m.Input.Schema().Fields[k])
	}
	count, _ := function.Aggregate("COUNT")
	for v := range m.Vars {
		c.Measures = append(c.Measures, plan.Measure{Name: m.Vars[v].Name,
			Expr: &expr.Agg{Base: expr.Base{T: event.TInt64}, Fn: count, Vars: expr.VarSet{v}, Star: true, Final: true}})
		c.Out.Fields = append(c.Out.Fields, event.Field{Name: m.Vars[v].Name, Type: event.TInt64})
	}
	return &c
}
