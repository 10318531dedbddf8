package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/internal/why"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// whyTimeout leaves time to answer within writeTimeout.
const whyTimeout = writeTimeout - 5*time.Second

// whyQuery is what is asked.
type whyQuery struct {
	Name      string    `path:"name" doc:"Name of the query" maxLength:"256"`
	Key       string    `query:"key" doc:"Value of a partition column, such as 17 or card=17" maxLength:"1024"`
	Detection string    `query:"detection" doc:"Id of a detection, in place of a key" maxLength:"64"`
	From      time.Time `query:"from" doc:"First record; all when left out"`
	To        time.Time `query:"to" doc:"End of the records"`
	Limit     int       `query:"limit" doc:"At most so many that came to nothing" minimum:"1" maximum:"1000" default:"10"`
}

func registerWhy(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/why", "why",
		"Read the history again and say, for one key, what each match was made of, and why others came to nothing", 0),
		func(ctx context.Context, in *whyQuery) (*body[*why.Report], error) {
			return answer(s.Why(ctx, in.Name, why.Request{Key: in.Key, Detection: in.Detection, From: in.From, To: in.To, Limit: in.Limit}))
		})
}

// Why answers from the history of a query, one request at a time.
func (s *Service) Why(ctx context.Context, name string, r why.Request) (*why.Report, error) {
	q, cat, version, err := s.compiledVersion(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, whyTimeout)
	defer cancel()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, newProblem(http.StatusServiceUnavailable, "another request reads a history")
	}
	report, err := s.runner.Why(ctx, q, cat, r)
	if err == nil {
		report.Version = version
	}
	switch {
	case errors.Is(err, why.ErrRequest):
		return nil, badRequest("%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, newProblem(http.StatusServiceUnavailable, "the history is too long to be read within a minute: give from")
	}
	return report, err
}

// compiledQuery is a query with the catalog it sees.
func (s *Service) compiledQuery(name string) (*query.Query, *catalog.Catalog, error) {
	q, cat, _, err := s.compiledVersion(name)
	return q, cat, err
}

// compiledVersion is a query with the catalog it sees, and the number of its text.
func (s *Service) compiledVersion(name string) (*query.Query, *catalog.Catalog, int, error) {
	list := s.statements()
	i := find(list, kindQuery, name)
	if i < 0 {
		return nil, nil, 0, notFound("there is no query %q", name)
	}
	c, err := recompile(s.definitions(), list, i)
	if err != nil {
		return nil, nil, 0, err
	}
	return &c.queries[0], c.catalog, list[i].number(), nil
}

// Why implements Runner.
func (r EngineRunner) Why(ctx context.Context, q *query.Query, cat *catalog.Catalog, asked why.Request) (*why.Report, error) {
	return why.Run(ctx, history.Query{Root: q.Insert, Catalog: WithSettings(cat, q)}, r.Options(), asked)
}
