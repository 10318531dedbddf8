package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
)

// instancesQuery chooses open matches.
type instancesQuery struct {
	Name     string    `path:"name" doc:"Name of the query" maxLength:"256"`
	Key      string    `query:"key" doc:"Value of a partition column, such as 17 or card=17" maxLength:"1024"`
	WaitsFor string    `query:"waits_for" doc:"Variable of which a row may be next" maxLength:"256"`
	Before   time.Time `query:"before" doc:"Only those whose first row is older"`
	After    string    `query:"after" doc:"The next of the page before" maxLength:"128"`
	Limit    int       `query:"limit" doc:"At most so many" minimum:"1" maximum:"1000" default:"100"`
}

func (in *instancesQuery) filter() engine.InstanceFilter {
	f := engine.InstanceFilter{Key: in.Key, WaitsFor: in.WaitsFor, After: in.After, Limit: in.Limit}
	if !in.Before.IsZero() {
		f.Before = in.Before.UnixMicro()
	}
	return f
}

func registerInstances(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/instances", "list-instances",
		"The open matches of a query, the oldest first: what they have, what they wait for, until when", 0),
		func(ctx context.Context, in *instancesQuery) (*body[*engine.Instances], error) {
			return answer(s.Instances(ctx, in.Name, in.filter()))
		})
}

// Instances looks at the open matches of a running query.
func (s *Service) Instances(ctx context.Context, name string, f engine.InstanceFilter) (*engine.Instances, error) {
	info, err := s.Query(name)
	if err != nil {
		return nil, err
	}
	out, err := s.runner.Instances(ctx, info.Name, f)
	switch {
	case errors.Is(err, engine.ErrEnded):
		return nil, conflict("query %s does not run: it is %s", info.Name, info.State)
	case errors.Is(err, engine.ErrFilter):
		return nil, badRequest("%v", err)
	}
	return out, err
}

// Instances looks at the open matches of a query.
func (r EngineRunner) Instances(ctx context.Context, name string, f engine.InstanceFilter) (*engine.Instances, error) {
	q, ok := r.Query(name)
	if !ok {
		return nil, engine.ErrEnded
	}
	return q.Instances(ctx, f)
}
