package plan_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/query/parse"
	"github.com/cepd/cepd/query/plan"
)

// TestRules applies single rules to plans as the binder makes them.
//
//	ddl                 tables for the rest of the file
//	rule name [name …]  the plan of a query after each of the rules, in turn
func TestRules(t *testing.T) {
	rules := plan.Rules(fold)
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		cat := catalog.New()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			root, list := bind(t, cat, d.Input)
			if list.HasErrors() {
				return list.Error() + "\n"
			}
			if d.Cmd == "ddl" {
				return ""
			}
			before := plan.Explain(root)
			n := root
			for _, arg := range d.CmdArgs {
				n = rules[arg.Key](n)
			}
			if after := plan.Explain(root); after != before {
				t.Errorf("%s: a rule changed its input:\n%s", d.Pos, after)
			}
			return plan.Explain(n)
		})
	})
}

// bind makes the plan of the last statement without improving it.
func bind(t *testing.T, cat *catalog.Catalog, text string) (root plan.Node, list *diag.List) {
	script, err := parse.Parse("", text)
	if err != nil {
		t.Fatal(err)
	}
	list = &diag.List{Source: text}
	c := check.New(cat, list, check.Options{Fold: func(e expr.Expr) (expr.Expr, diag.Span, error) {
		out, err := kernel.Fold(e)
		return out, e.Pos(), err
	}})
	for _, s := range script.Statements {
		switch s := s.(type) {
		case *ast.CreateTable:
			c.CreateTable(s)
		case *ast.QueryStatement:
			if insert := c.Print(s.Query); insert != nil {
				root = insert
			}
		}
	}
	return root, list
}

func fold(e expr.Expr) expr.Expr {
	out, err := kernel.Fold(e)
	if err != nil {
		return e
	}
	return out
}

// TestOptimizeTwice: what is improved stays as it is.
func TestOptimizeTwice(t *testing.T) {
	cat := catalog.New()
	bind(t, cat, "CREATE TABLE t (a INT, b INT, c STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka')")
	for _, text := range []string{
		"SELECT a + 1 AS x FROM (SELECT a, b * 2 AS d FROM t WHERE c = 'x') AS s WHERE d > 1",
		"SELECT a FROM (SELECT * FROM t UNION ALL SELECT b, a, c, ts FROM t) AS u WHERE b = 1",
		"SELECT n FROM (SELECT a AS k, b, ts FROM t) AS s MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES COUNT(*) AS n, FIRST(X.b) AS f ALL ROWS PER MATCH PATTERN (X Y) DEFINE Y AS Y.b > X.b)",
	} {
		root, list := bind(t, cat, text)
		if list.HasErrors() {
			t.Fatal(list)
		}
		once := plan.Optimize(root, fold)
		if a, b := plan.Explain(once), plan.Explain(plan.Optimize(once, fold)); a != b {
			t.Errorf("%s:\n%s\nthen\n%s", strings.TrimSpace(text), a, b)
		}
	}
}
