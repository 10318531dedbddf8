package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
)

// drainTimeout limits how long a query that is paused or replaced waits for its
// sinks.
const drainTimeout = 30 * time.Second

// Pause stops a query, keeping its state, until it is resumed, also over
// restarts of the server. Pausing one that is paused does nothing.
func (s *Service) Pause(ctx context.Context, name string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	list := s.statements()
	i := find(list, kindQuery, name)
	switch {
	case i < 0:
		return notFound("there is no query %q", name)
	case s.dir == "":
		return badRequest("a query can be paused where its state is kept: start the server with --data-dir")
	case list[i].Paused:
		return nil
	}
	name = list[i].Name
	if status := s.statusOf(name); status.State == engine.StateFinished {
		return conflict("the query %q is %s", name, status.State)
	}
	if err := s.edit(name, func(st *Statement) { st.Paused = true }); err != nil {
		return err
	}
	s.log.Info("query paused", "query", name)
	s.starts.forget(name)
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	// What could not be delivered, and why a query failed, is kept with the state.
	if err := s.runner.Stop(ctx, name); err != nil {
		s.log.Warn("query ended otherwise than in order", "query", name, "error", err)
	}
	return nil
}

// Resume starts a query again that is paused, has failed or is stopped.
func (s *Service) Resume(name string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	list := s.statements()
	i := find(list, kindQuery, name)
	if i < 0 {
		return notFound("there is no query %q", name)
	}
	st := &list[i]
	c, err := recompile(s.definitions(), list, i)
	if err != nil {
		return err
	}
	switch state := s.statusOf(st.Name); state.State {
	case engine.StateFailed, engine.StateStopped, engine.StatePaused:
	default:
		return conflict("the query %q is %s", st.Name, state.State)
	}
	if st.Paused {
		if err := s.edit(st.Name, func(st *Statement) { st.Paused = false }); err != nil {
			return err
		}
	}
	s.starts.forget(st.Name)
	return s.start(c, st.Name)
}

// paused says whether a query is.
func (s *Service) paused(name string) bool {
	list := s.statements()
	i := find(list, kindQuery, name)
	return i >= 0 && list[i].Paused
}

func registerLife(api huma.API, s *Service) {
	pause := operation(http.MethodPost, "/v1/queries/{name}/pause", "pause-query", "Stop a query, keeping its state, until it is resumed", http.StatusNoContent)
	pause.Middlewares = huma.Middlewares{unhurried}
	huma.Register(api, pause,
		func(ctx context.Context, in *named) (*struct{}, error) { return nil, asProblem(s.Pause(ctx, in.Name)) })
	huma.Register(api, operation(http.MethodPost, "/v1/queries/{name}/resume", "resume-query", "Start a query again that is paused or has failed", http.StatusNoContent),
		func(_ context.Context, in *named) (*struct{}, error) { return nil, asProblem(s.Resume(in.Name)) })
	replace := operation(http.MethodPost, "/v1/queries/{name}/replace", "replace-query", "Give a query another text, and say what becomes of its state", 0)
	replace.Middlewares = huma.Middlewares{unhurried}
	huma.Register(api, replace, func(ctx context.Context, in *struct {
		Name string `path:"name" doc:"Name of the query" maxLength:"256"`
		Body Replacement
	}) (*body[*ReplaceAnswer], error) {
		in.Body.By = whoOf(ctx)
		return answer(s.Replace(ctx, in.Name, &in.Body))
	})
	huma.Register(api, operation(http.MethodGet, "/v1/queries/{name}/versions", "query-versions", "The versions of a query, the current one first", 0),
		func(_ context.Context, in *named) (*body[[]Version], error) {
			list, err := s.Versions(in.Name)
			for i := range list {
				list[i].SQL, list[i].Params = maskText(list[i].SQL), maskParams(list[i].Params)
			}
			return answer(list, err)
		})
}
