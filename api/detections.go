package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
)

// detectionsQuery chooses a page of detections.
type detectionsQuery struct {
	Name  string `path:"name" doc:"Name of the query" maxLength:"256"`
	After string `query:"after" doc:"The next of the page before, or the cursor of a detection; 0: the oldest kept. Left out: the newest" maxLength:"4096"`
	Limit int    `query:"limit" doc:"At most so many" minimum:"1" maximum:"1000" default:"100"`
}

func registerDetections(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/detections", "list-detections",
		"Rows that a query has delivered lately, whatever its sinks", 0),
		func(_ context.Context, in *detectionsQuery) (*body[*engine.Detections], error) {
			return answer(s.Detections(in.Name, in.After, in.Limit))
		})
	huma.Register(api, streaming("/v1/queries/{name}/detections/stream", "stream-detections",
		"Rows as a query delivers them, as server-sent events"),
		func(ctx context.Context, in *queryStream) (*huma.StreamResponse, error) {
			info, err := s.Query(in.Name)
			if err != nil {
				return nil, asProblem(err)
			}
			return s.stream(ctx, info.Name, &in.StreamQuery)
		})
	huma.Register(api, streaming("/v1/detections/stream", "stream-all-detections",
		"Rows as any query delivers them, as server-sent events"),
		func(ctx context.Context, in *allStream) (*huma.StreamResponse, error) {
			if in.Query == "" {
				return s.stream(ctx, "", &in.StreamQuery)
			}
			info, err := s.Query(in.Query)
			if err != nil {
				return nil, asProblem(err)
			}
			return s.stream(ctx, info.Name, &in.StreamQuery)
		})
}

// Detections are rows that a query has delivered lately: those behind a cursor,
// or the newest.
func (s *Service) Detections(name, after string, limit int) (*engine.Detections, error) {
	info, err := s.Query(name)
	if err != nil {
		return nil, err
	}
	newest := after == ""
	if newest {
		after = engine.FromOldest
	}
	w, err := s.watch(info.Name, after)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	out := w.Next(limit, newest)
	s.number(out.Detections)
	if newest {
		out.Gaps = nil // those before are not asked for
	}
	return out, nil
}

// number says which version of its query made each row, and what is said of its rule: the one that runs, for what
// can be read is forgotten when another begins.
func (s *Service) number(rows []engine.Detection) {
	list := s.statements()
	for i := range rows {
		if k := find(list, kindQuery, rows[i].Query); k >= 0 {
			rows[i].Version, rows[i].Rule = list[k].number(), list[k].rule()
		}
	}
}

func (s *Service) watch(query, after string) (*engine.Watch, error) {
	w, err := s.runner.Watch(query, after)
	if errors.Is(err, engine.ErrCursor) {
		return nil, badRequest("%v", err)
	}
	return w, err
}
