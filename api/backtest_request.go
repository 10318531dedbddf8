package api

import (
	"cmp"
	"context"
	"runtime"
	"time"

	"github.com/cepd/cepd/internal/backtest"
	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// StartBacktest compiles what is asked for, and puts it in the queue.
func (s *Service) StartBacktest(in BacktestRequest) (Backtest, error) {
	r, err := s.backtestRequest(&in)
	if err != nil {
		return Backtest{}, err
	}
	return s.backtests.add(in, r)
}

func (s *Service) backtestRequest(in *BacktestRequest) (r backtest.Request, err error) {
	in.Limit = cmp.Or(in.Limit, 10)
	r = backtest.Request{By: in.By, Label: in.Label, Amount: in.Amount, Limit: in.Limit}
	now := s.now()
	if r.From, err = instant("from", in.From, now); err != nil {
		return r, err
	}
	if r.To, err = instant("to", in.To, now); err != nil {
		return r, err
	}
	if r.After, err = s.tried(in); err != nil {
		return r, err
	}
	if in.Against == "" {
		return r, nil
	}
	before, err := s.registered(in.Against)
	r.Before = &before
	return r, err
}

// instant is a time, or so long before now; "" is the zero time.
func instant(field, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(text); err == nil {
		return now.Add(-age), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, badRequest("%s: want a time such as 2026-03-01T00:00:00Z or an age such as 720h, not %q", field, text)
	}
	return t, nil
}

// tried is the query that is tried.
func (s *Service) tried(in *BacktestRequest) (history.Query, error) {
	switch {
	case in.SQL == "" && in.Query == "":
		return history.Query{}, badRequest("give sql, or the name of a query")
	case in.SQL == "":
		return s.registered(in.Query)
	}
	script, err := parse.Parse("", in.SQL)
	if err != nil {
		return history.Query{}, err
	}
	base := s.definitions().Clone()
	giveWay(base, script)
	cat, _, result, err := parseSubmission(base, &Submission{SQL: in.SQL, Params: in.Params}, s.runner.ReadFile)
	if err != nil {
		return history.Query{}, err
	}
	for i := range result.Queries {
		if q := &result.Queries[i]; in.Query == q.Name || in.Query == "" && len(result.Queries) == 1 {
			return history.Query{Root: q.Insert, Catalog: WithSettings(cat, q)}, nil
		}
	}
	return history.Query{}, noQueryOf(in.Query, result)
}

func noQueryOf(name string, result *query.Result) error {
	if name == "" {
		return badRequest("the text has %d queries: say in query which one is meant", len(result.Queries))
	}
	return badRequest("the text has no query %q", name)
}

// giveWay takes the definitions out of a catalog that a text makes anew.
func giveWay(cat *catalog.Catalog, script *ast.Script) {
	for _, st := range script.Statements {
		switch st := st.(type) {
		case *ast.CreateTable:
			cat.Drop(nameOf(st.Name))
		case *ast.CreateView:
			cat.Drop(nameOf(st.Name))
		case *ast.CreateFunction:
			cat.DropFunction(nameOf(st.Name))
		}
	}
}

// registered is a query of the server.
func (s *Service) registered(name string) (history.Query, error) {
	q, cat, err := s.compiledQuery(name)
	if err != nil {
		return history.Query{}, err
	}
	return history.Query{Root: q.Insert, Catalog: WithSettings(cat, q)}, nil
}

// Backtest implements Runner. It has readers and memory of its own, and half of
// the processors, so that the queries that run go on.
func (r EngineRunner) Backtest(ctx context.Context, asked backtest.Request) (*backtest.Report, error) {
	o := r.Options()
	o.Workers = max(1, runtime.GOMAXPROCS(0)/2)
	o.MemoryBudget /= 2
	o.MemoryLimit = o.MemoryBudget
	return backtest.Run(ctx, asked, o)
}
