package api

import (
	"context"
	"sync"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// shadows is what became of opening the shadows that the registry has.
type shadows struct {
	mu   sync.Mutex
	errs map[string]string
}

func (s *shadows) why(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := s.errs[name]; text != "" {
		return text
	}
	return "it is being opened"
}

func (s *shadows) note(name string, err error) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if news = s.errs[name] != text; text == "" {
		delete(s.errs, name)
		return news
	}
	if s.errs == nil {
		s.errs = map[string]string{}
	}
	s.errs[name] = text
	return news
}

// lookAtShadows starts shadows after a restart, and promotes those that wait for it.
func (s *Service) lookAtShadows(ctx context.Context) {
	for _, st := range s.statements() {
		if st.Shadow == nil || ctx.Err() != nil {
			continue
		}
		status, ok := s.runner.Shadow(st.Name)
		switch {
		case !ok:
			s.reopenShadow(st.Name)
		case st.Shadow.Promote && status.Phase == engine.ShadowCaughtUp:
			if _, err := s.Promote(ctx, st.Name); s.shadows.note(st.Name, err) && err != nil {
				s.log.Warn("the shadow does not take over yet", "query", st.Name, "error", err)
			}
		}
	}
}

// reopenShadow starts a shadow that the registry has. Its query may not run yet.
func (s *Service) reopenShadow(name string) {
	s.changes.Lock()
	defer s.changes.Unlock()
	st, err := s.shadowOf(name)
	if err != nil {
		return // it has gone meanwhile
	}
	if _, ok := s.runner.Shadow(name); ok {
		return
	}
	if err = s.openShadow(name, st.Shadow); s.shadows.note(name, err) && err != nil {
		s.log.Error("shadow did not start", "query", name, "error", err)
	}
}

// StartShadow opens the shadow and lets it run.
func (r EngineRunner) StartShadow(ctx context.Context, q *query.Query, cat *catalog.Catalog, how engine.ShadowStart) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := r.Engine.StartShadow(ctx, q.Insert, WithSettings(cat, q), how)
	return err
}

// Shadow is how the shadow of a query does.
func (r EngineRunner) Shadow(name string) (engine.ShadowStatus, bool) {
	s, ok := r.Engine.Shadow(name)
	if !ok {
		return engine.ShadowStatus{}, false
	}
	return s.Status(), true
}
