package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/ruletest"
)

// testTimeout is for all tests of a request.
const testTimeout = 10 * time.Second

// RuleTests are tests of statements, as texts.
type RuleTests struct {
	SQL   string `json:"sql" doc:"The statements that are tested, with their tables" minLength:"1" maxLength:"262144"`
	Tests string `json:"tests" doc:"Tests in YAML, as for cepd test; sql: in it is not needed, and golden files are refused" minLength:"1" maxLength:"262144"`
}

// TestResults are what became of the tests.
type TestResults struct {
	Passed  int              `json:"passed"`
	Failed  int              `json:"failed"`
	Results []TestResult     `json:"results"`
	Covered []CoveredPattern `json:"covered"`
}

// TestResult is what became of a test.
type TestResult struct {
	Name     string   `json:"name"`
	Passed   bool     `json:"passed"`
	Failures []string `json:"failures,omitempty" doc:"Each with its place"`
	Millis   float64  `json:"millis"`
}

// CoveredPattern is what all tests have shown of a pattern: of how many conditions,
// each held and not, and steps.
type CoveredPattern struct {
	Query   string   `json:"query"`
	Stage   int      `json:"stage"`
	Seen    int      `json:"seen"`
	Total   int      `json:"total"`
	Missing []string `json:"missing,omitempty" doc:"What no test shows"`
}

func registerTests(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodPost, "/v1/tests", "run-tests",
		"Run rule tests of statements, in memory and in virtual time: nothing is read from or written to elsewhere", http.StatusOK),
		func(ctx context.Context, in *body[RuleTests]) (*body[*TestResults], error) {
			return answer(s.RunTests(ctx, &in.Body))
		})
}

// RunTests runs tests, one request at a time.
func (s *Service) RunTests(ctx context.Context, in *RuleTests) (*TestResults, error) {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	select {
	case s.testing <- struct{}{}:
		defer func() { <-s.testing }()
	case <-ctx.Done():
		return nil, newProblem(http.StatusServiceUnavailable, "other tests run")
	}
	f, err := ruletest.Parse("tests", in.Tests, in.SQL)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	all := func(string) bool { return true }
	results := f.Run(ctx, all, ruletest.Options{Clock: clock.Wall{}, Cover: true, ReadFile: s.runner.ReadFile})
	if ctx.Err() != nil {
		return nil, badRequest("the tests take longer than %s", testTimeout)
	}
	return testResults(results), nil
}

func testResults(results []ruletest.Result) *TestResults {
	out := &TestResults{Results: []TestResult{}, Covered: []CoveredPattern{}}
	for i := range results {
		r := &results[i]
		if r.Failed() {
			out.Failed++
		} else {
			out.Passed++
		}
		out.Results = append(out.Results, TestResult{r.Test.Name, !r.Failed(), r.Failures, float64(r.Duration.Microseconds()) / 1000})
	}
	for _, c := range ruletest.Sum(results) {
		seen, total := c.Count()
		out.Covered = append(out.Covered, CoveredPattern{Query: c.Query, Stage: c.Stage, Seen: seen, Total: total, Missing: c.Missing()})
	}
	return out
}
