package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
)

type body[T any] struct{ Body T }

type named struct {
	Name string `path:"name" doc:"Name of the query or table" maxLength:"256"`
}

// register adds the operations under /v1.
func register(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodPost, "/v1/queries", "submit", "Run statements: all, or after an error none", http.StatusCreated),
		func(ctx context.Context, in *body[Submission]) (*body[*Outcome], error) {
			in.Body.By = whoOf(ctx)
			out, err := s.Submit(&in.Body)
			if err == nil {
				note(ctx, out.Queries, out.Dropped)
			}
			return answer(out, err)
		})
	huma.Register(api, operation(http.MethodGet, "/v1/queries", "list-queries", "List the queries", 0),
		func(_ context.Context, in *listQuery) (*pageOf[Info], error) {
			return paged("/v1/queries", in, maskInfos(s.Queries()), func(q *Info) string { return q.Name })
		})
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}", "show-query", "One query", 0),
		func(_ context.Context, in *named) (*body[Info], error) {
			q, err := s.Query(in.Name)
			return answer(maskInfo(q), err)
		})
	huma.Register(api, operation(http.MethodDelete, "/v1/queries/{name}", "drop-query", "Stop a query and delete its state", http.StatusNoContent),
		func(_ context.Context, in *named) (*struct{}, error) { return nil, asProblem(s.Drop(in.Name)) })
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/status", "query-status", "How a query does, and why nothing comes out", 0),
		func(_ context.Context, in *named) (*body[engine.Status], error) { return answer(s.Status(in.Name)) })
	registerLife(api, s)
	registerInstances(api, s)
	registerShadows(api, s)
	registerGraph(api, s)
	registerSelect(api, s)
	registerRaise(api, s)
	registerWhy(api, s)
	registerBacktests(api, s)
	registerLanguage(api, s)
	registerTests(api, s)
	registerDetections(api, s)
	registerFollow(api, s)
	registerSample(api, s)
	registerInfer(api, s)
	registerConnectors(api, s)
	registerCatalog(api, s)
	registerSavepoints(api, s)
	registerBackups(api, s)
	registerEvents(api, s)
	registerParameters(api, s)
	huma.Register(api, operation(http.MethodGet, "/v1/tables", "list-tables", "List the tables", 0),
		func(_ context.Context, in *listQuery) (*pageOf[Table], error) {
			return paged("/v1/tables", in, s.Tables(), func(t *Table) string { return t.Name })
		})
	huma.Register(api, operation(http.MethodGet, "/v1/tables/{name}", "show-table", "One table", 0),
		func(_ context.Context, in *named) (*body[Table], error) { return answer(s.Table(in.Name)) })
	huma.Register(api, operation(http.MethodPost, "/v1/validate", "validate", "Check statements without running them", 0),
		func(_ context.Context, in *body[Submission]) (*body[*Validation], error) {
			return answer(s.Validate(&in.Body), nil)
		})
}

func operation(method, path, id, summary string, status int) huma.Operation {
	r := ruleOf(method + " " + path)
	return huma.Operation{Extensions: map[string]any{"x-cepd-role": r.role.String()}, Security: anyScheme, Method: method, Path: path, OperationID: id, Summary: summary, DefaultStatus: status, Parameters: headersOf(method, path), MaxBodyBytes: maxBodyBytes, BodyReadTimeout: readTimeout,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}}
}

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, asProblem(err)
	}
	return &body[T]{v}, nil
}

func asProblem(err error) error {
	if err == nil {
		return nil
	}
	return problemOf(err)
}

func maskInfo(q Info) Info {
	q.SQL, q.Params = maskText(q.SQL), maskParams(q.Params)
	return q
}

func maskInfos(list []Info) []Info {
	for i := range list {
		list[i] = maskInfo(list[i])
	}
	return list
}
