package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/engine"
)

// InstancesFilter chooses open matches.
type InstancesFilter struct {
	Key      string    `query:"key" doc:"Value of a partition column, such as 17 or card=17" maxLength:"1024"`
	WaitsFor string    `query:"waits_for" doc:"Variable of which a row may be next" maxLength:"256"`
	Reached  string    `query:"reached" doc:"Variable of its last row" maxLength:"256"`
	Before   time.Time `query:"before" doc:"Only those whose first row is older"`
	After    string    `query:"after" doc:"The next of the page before" maxLength:"512"`
	Limit    int       `query:"limit" doc:"At most so many" minimum:"1" maximum:"1000" default:"100"`
}

func (in *InstancesFilter) filter() engine.InstanceFilter {
	f := engine.InstanceFilter{Key: in.Key, WaitsFor: in.WaitsFor, Reached: in.Reached, After: in.After, Limit: in.Limit}
	if !in.Before.IsZero() {
		f.Before = in.Before.UnixMicro()
	}
	return f
}

type instancesQuery struct {
	Name string `path:"name" doc:"Name of the query" maxLength:"256"`
	InstancesFilter
}

type allInstancesQuery struct {
	Query []string `query:"query,explode" doc:"Only those of these queries" maxItems:"100"`
	InstancesFilter
}

type InstancePath struct {
	Name string `path:"name" doc:"Name of the query" maxLength:"256"`
	ID   string `path:"id" doc:"ID of the open match, as in a list" maxLength:"64"`
}

type endInstance struct {
	InstancePath
	Reason string `query:"reason" doc:"Why it is ended: it is written to the audit log" maxLength:"1024"`
}

func registerInstances(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/instances", "list-instances",
		"The open matches of a query, the oldest first: what they have, what they wait for, until when", 0),
		func(ctx context.Context, in *instancesQuery) (*body[*engine.Instances], error) {
			return answer(s.Instances(ctx, in.Name, in.filter()))
		})
	huma.Register(api, operation(http.MethodGet, "/v1/instances", "list-all-instances",
		"The open matches of all queries, the oldest first", 0),
		func(ctx context.Context, in *allInstancesQuery) (*body[*AllInstances], error) {
			return answer(s.AllInstances(ctx, in.Query, in.filter()))
		})
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/instances/{id}", "show-instance", "One open match", 0),
		func(ctx context.Context, in *InstancePath) (*body[*engine.Instance], error) {
			return answer(s.Instance(ctx, in.Name, in.ID))
		})
	huma.Register(api, operation(http.MethodDelete, "/v1/queries/{name}/instances/{id}", "end-instance",
		"End an open match, with those that the same row began: answers, with what it was, when a crash cannot undo it", http.StatusOK),
		func(ctx context.Context, in *endInstance) (*body[*engine.Instance], error) {
			return answer(s.EndInstance(ctx, in.Name, in.ID, in.Reason))
		})
}

// Instances looks at the open matches of a running query.
func (s *Service) Instances(ctx context.Context, name string, f engine.InstanceFilter) (*engine.Instances, error) {
	info, err := s.Query(name)
	if err != nil {
		return nil, err
	}
	out, err := s.runner.Instances(ctx, info.Name, f)
	return out, instanceProblem(&info, err)
}

// Instance looks at one open match.
func (s *Service) Instance(ctx context.Context, name, id string) (*engine.Instance, error) {
	info, err := s.Query(name)
	if err != nil {
		return nil, err
	}
	out, err := s.runner.Instance(ctx, info.Name, id)
	return out, instanceProblem(&info, err)
}

// endTimeout is how long an end may take to become durable: the query may wait
// for its sink.
const endTimeout = 30 * time.Second

// EndInstance ends an open match.
func (s *Service) EndInstance(ctx context.Context, name, id, reason string) (*engine.Instance, error) {
	info, err := s.Query(name)
	if err != nil {
		return nil, err
	}
	if e, ok := ctx.Value(entryKey{}).(*audit.Entry); ok {
		e.Reason = reason
	}
	wait, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	out, err := s.runner.EndInstance(wait, info.Name, id)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, newProblem(http.StatusServiceUnavailable, err.Error())
	}
	if err == nil {
		s.log.Info("match ended", "query", info.Name, "instance", id, "reason", reason)
	}
	return out, instanceProblem(&info, err)
}

// instanceProblem is the answer for an error about open matches.
func instanceProblem(info *Info, err error) error {
	switch {
	case errors.Is(err, engine.ErrEnded):
		return conflict("query %s does not run: it is %s", info.Name, info.State)
	case errors.Is(err, engine.ErrBusy):
		return newProblem(http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, engine.ErrNoInstance):
		return notFound("query %s: %v", info.Name, err)
	case errors.Is(err, engine.ErrFilter):
		return badRequest("%v", err)
	}
	return err
}

// ---- of all queries

// AllInstances is a page of the open matches of all queries.
type AllInstances struct {
	Instances []QueryInstance `json:"instances"`
	Total     int             `json:"total" doc:"Open matches that the filter chooses"`
	Partial   bool            `json:"partial,omitempty" doc:"A query has more than a million open matches: the others were not looked at"`
	NotListed []NotListed     `json:"not_listed,omitempty" doc:"Queries whose open matches cannot be looked at"`
	Next      string          `json:"next,omitempty" doc:"The after of the next page"`
}

// QueryInstance is an open match of a query.
type QueryInstance struct {
	Query string `json:"query"`
	engine.Instance
}

// NotListed is a query that is left out.
type NotListed struct {
	Query  string `json:"query"`
	Reason string `json:"reason"`
}

func (x *QueryInstance) compare(y *QueryInstance) int {
	return cmp.Or(x.Instance.Compare(&y.Instance), strings.Compare(x.Query, y.Query))
}

// AllInstances looks at the open matches of the queries named, or of all.
func (s *Service) AllInstances(ctx context.Context, names []string, f engine.InstanceFilter) (*AllInstances, error) {
	out := &AllInstances{Instances: []QueryInstance{}}
	after, last, paged := strings.Cut(f.After, "@")
	if f.After != "" && !paged {
		return nil, badRequest("after=%q: want the next of an earlier page", f.After)
	}
	queries, err := s.named(names)
	if err != nil {
		return nil, err
	}
	for i := range queries {
		q := &queries[i]
		f.After, f.Again = after, q.Name > last // of one place, queries go by name
		page, err := s.runner.Instances(ctx, q.Name, f)
		switch {
		case errors.Is(err, engine.ErrEnded):
			out.NotListed = append(out.NotListed, NotListed{q.Name, "it is " + string(q.State)})
			continue
		case err != nil:
			return nil, instanceProblem(q, err)
		}
		out.add(q.Name, page, f.Limit)
	}
	return out, nil
}

// named are the queries of these names; all where none is given.
func (s *Service) named(names []string) ([]Info, error) {
	if len(names) == 0 {
		return s.Queries(), nil
	}
	var list []Info
	for _, n := range names {
		q, err := s.Query(n)
		if err != nil {
			return nil, err
		}
		list = append(list, q)
	}
	return list, nil
}

// add puts the page of a query in.
func (out *AllInstances) add(query string, page *engine.Instances, limit int) {
	out.Total += page.Total
	out.Partial = out.Partial || page.Partial
	more := out.Next != "" || page.Next != ""
	for _, x := range page.Instances {
		out.Instances = append(out.Instances, QueryInstance{query, x})
	}
	slices.SortFunc(out.Instances, func(a, b QueryInstance) int { return a.compare(&b) })
	if len(out.Instances) > limit {
		out.Instances, more = out.Instances[:limit], true
	}
	out.Next = ""
	if n := len(out.Instances); more && n > 0 {
		last := &out.Instances[n-1]
		out.Next = last.Place() + "@" + last.Query
	}
}

// ---- by the engine

// Instances looks at the open matches of a query.
func (r EngineRunner) Instances(ctx context.Context, name string, f engine.InstanceFilter) (*engine.Instances, error) {
	q, ok := r.Query(name)
	if !ok {
		return nil, engine.ErrEnded
	}
	return q.Instances(ctx, f)
}

// Instance looks at an open match of a query.
func (r EngineRunner) Instance(ctx context.Context, name, id string) (*engine.Instance, error) {
	q, ok := r.Query(name)
	if !ok {
		return nil, engine.ErrEnded
	}
	return q.Instance(ctx, id)
}

// EndInstance ends an open match of a query.
func (r EngineRunner) EndInstance(ctx context.Context, name, id string) (*engine.Instance, error) {
	q, ok := r.Query(name)
	if !ok {
		return nil, engine.ErrEnded
	}
	return q.EndInstance(ctx, id)
}

// EveryInstance describes the open matches of a query, at most so many.
func (r EngineRunner) EveryInstance(ctx context.Context, name string, most int) ([]engine.Instance, bool, error) {
	q, ok := r.Query(name)
	if !ok {
		return nil, false, engine.ErrEnded
	}
	return q.EveryInstance(ctx, most)
}
