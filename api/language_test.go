package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
)

func (r *fakeRunner) Connectors() *connectors.Registry { return all.New() }

// TestRunTests: tests and statements as texts; what is not shown is told.
func TestRunTests(t *testing.T) {
	const statements = `CREATE TABLE p (card BIGINT, amount BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='kafka', 'topic'='p', 'properties.bootstrap.servers'='nowhere:1', 'format'='json');
CREATE TABLE o (card BIGINT, amount BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT * FROM p MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES L.amount AS amount PATTERN (S L) DEFINE S AS S.amount < 10, L AS L.amount > 100);`
	const tests = `tests:
  - name: found
    input: {p: [{card: 1, amount: 5, ts: 0s}, {card: 1, amount: 500, ts: 1s}]}
    expect: {o: [{card: 1, amount: 500}]}
  - name: wrong
    input: {p: [{card: 1, amount: 5, ts: 0s}]}
    expect: {o: [{card: 1}]}
`
	s := &server{t: t}
	s.start()
	out, err := s.service.RunTests(t.Context(), &RuleTests{SQL: statements, Tests: tests})
	if err != nil {
		t.Fatal(err)
	}
	if out.Passed != 1 || out.Failed != 1 || !strings.Contains(strings.Join(out.Results[1].Failures, ""), "no such row came") {
		t.Errorf("results: %+v", out)
	}
	if len(out.Covered) != 1 || out.Covered[0].Seen >= out.Covered[0].Total || !strings.Contains(strings.Join(out.Covered[0].Missing, "\n"), "never fails") {
		t.Errorf("covered: %+v", out.Covered)
	}
	_, err = s.service.RunTests(t.Context(), &RuleTests{SQL: statements, Tests: strings.ReplaceAll(tests, "[{card: 1}]", "{golden: /etc/passwd}")})
	if err != nil {
		t.Fatal("a golden file is a failure of its test: ", err)
	}
	if p := problemOf(mustFail(s.service.RunTests(t.Context(), &RuleTests{SQL: "x", Tests: "tests: {"}))); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("no YAML: %+v", p)
	}
}

func mustFail(_ *TestResults, err error) error { return err }
