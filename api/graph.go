package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
)

func registerGraph(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/graph", "query-graph",
		"The operators of a running query: rows, time at work, state, and how full their queues are", 0),
		func(ctx context.Context, in *named) (*body[*engine.Graph], error) {
			return answer(look(ctx, s, in.Name, s.runner.Graph))
		})
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/automaton", "query-automaton",
		"The patterns of a running query as automata, with how many partial matches are in which state", 0),
		func(ctx context.Context, in *named) (*body[*engine.Automata], error) {
			return answer(look(ctx, s, in.Name, s.runner.Automata))
		})
}

// look asks a query that has to run.
func look[T any](ctx context.Context, s *Service, name string, ask func(context.Context, string) (*T, error)) (*T, error) {
	info, err := s.Query(name)
	if err != nil {
		return nil, err
	}
	out, err := ask(ctx, info.Name)
	if errors.Is(err, engine.ErrEnded) {
		return nil, conflict("query %s does not run: it is %s", info.Name, info.State)
	}
	return out, err
}

// Graph looks at the operators of a query.
func (r EngineRunner) Graph(ctx context.Context, name string) (*engine.Graph, error) {
	q, ok := r.Query(name)
	if !ok {
		return nil, engine.ErrEnded
	}
	return q.Graph(ctx)
}

// Automata looks at the patterns of a query.
func (r EngineRunner) Automata(ctx context.Context, name string) (*engine.Automata, error) {
	q, ok := r.Query(name)
	if !ok {
		return nil, engine.ErrEnded
	}
	return q.Automata(ctx)
}
