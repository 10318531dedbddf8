package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/cepd/cepd/state"
)

// Shadow finds the shadow of a query, running or not.
func (e *Engine) Shadow(name string) (*Shadow, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.shadows[name]
	return s, s != nil
}

// DropShadow ends a query's shadow, if it has one, and deletes its state and what
// has been compared.
func (e *Engine) DropShadow(name string) error {
	if err := e.forgetShadow(name); err != nil || e.store == nil {
		return err
	}
	generation, err := inForce(e.store, name)
	if err != nil {
		return err
	}
	return e.deleteShadow(name, generation+1)
}

// forgetShadow ends a shadow and leaves its state to who calls.
func (e *Engine) forgetShadow(name string) error {
	e.mu.Lock()
	s, taken := e.shadows[name]
	e.mu.Unlock()
	if s == nil {
		if taken {
			return fmt.Errorf("the shadow of query %q is being opened", name)
		}
		return nil
	}
	s.stop()
	s.aligning.Lock()
	defer s.aligning.Unlock()
	s.query.cancel(errStopped)
	<-s.query.done
	s.leave()
	return nil
}

// stop ends the goroutine of the shadow, not its query.
func (s *Shadow) stop() {
	s.cancel()
	<-s.done
}

// leave ends the comparison of a shadow whose query has ended.
func (s *Shadow) leave() {
	s.comparison.end()
	s.cancel()
	s.query.meter.forget()
	s.engine.metrics.uncompared(s.name)
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.shadows, s.name)
	delete(e.comparisons, s.name)
	if q := e.queries[s.name]; q != nil {
		for _, o := range q.p.boxes {
			o.tap.Store(nil)
		}
	}
}

// endShadows ends the goroutines of the shadows and gives their queries.
func (e *Engine) endShadows() (queries []*Query) {
	e.mu.Lock()
	var list []*Shadow
	for _, s := range e.shadows {
		if s != nil {
			list = append(list, s)
		}
	}
	e.mu.Unlock()
	for _, s := range list {
		s.stop()
		queries = append(queries, s.query)
	}
	return queries
}

func (e *Engine) deleteShadow(name string, generation uint32) error {
	b := e.store.NewBatch()
	if err := deleteGeneration(b, name, generation); err != nil {
		return errors.Join(err, b.Close())
	}
	return b.Commit(true)
}

// copyState fills the shadow's range with the query's state as it is after one
// step, without what its outboxes hold.
func (s *Shadow) copyState(ctx context.Context, old *Query, text Revision) error {
	to, err := s.engine.draft(text)
	if err != nil {
		return err
	}
	m := &migration{from: &drafted{Pipeline: old.p}, to: to}
	if m.compare(nil); len(m.verdict.Reasons) > 0 {
		return fmt.Errorf("the state of the query is not that of the shadow: %s", m.verdict.Reasons[0].Text)
	}
	from, err := old.save(ctx)
	if err != nil {
		return err
	}
	err = copyState(s.engine.store, s.generation, m, from)
	return errors.Join(err, from.view.Close())
}

// copyState writes what a view has of a query as another generation, of another
// text.
func copyState(store state.Store, generation uint32, m *migration, from saved) error {
	p := m.to.Pipeline
	w := &restoring{store: store, prefix: generationRange(p.name, generation)}
	w.begin()
	print := fingerprint(p.root, p.settings.shards, formatVersion)
	err := w.root().DeleteRange(nil, nil)
	if err == nil {
		err = w.putJSON(sectionMeta, meta{Format: formatVersion, Fingerprint: print, Partial: true})
	}
	if err == nil {
		err = w.commit()
	}
	if err == nil {
		err = m.copyStages(&copying{r: state.Under{R: from.view, Prefix: m.from.journal.root.Prefix}, w: w, from: from.head.Half, to: from.head.Half})
	}
	head := from.head
	head.Put, head.Places = make([]uint64, len(head.Put)), nil
	if err == nil {
		err = w.putJSON(sectionSnapshot, head)
	}
	if err == nil {
		err = w.putJSON(sectionMeta, meta{Format: formatVersion, Fingerprint: print, Cepd: m.from.version})
	}
	if err != nil {
		return errors.Join(err, w.batch.Close())
	}
	return w.commit()
}

// The phases of a shadow.
const (
	ShadowCatchingUp = "catching-up" // it is behind its query
	ShadowCaughtUp   = "caught-up"   // it is ready to take over
	ShadowComparing  = "comparing"   // … and what both deliver is compared
	ShadowFailed     = "failed"
)

// ShadowStatus is how a shadow does.
type ShadowStatus struct {
	Phase      string      `json:"phase" enum:"catching-up,caught-up,comparing,failed"`
	Behind     int64       `json:"behind" doc:"Records that the query has read and the shadow has not"`
	Hint       string      `json:"hint,omitempty" doc:"Why nothing is compared yet"`
	Query      Status      `json:"query" doc:"The shadow as a query"`
	Comparison *Comparison `json:"comparison,omitempty" doc:"What both have delivered since it caught up"`
}

// Status is how the shadow stood at most a fraction of a second ago.
func (s *Shadow) Status() ShadowStatus {
	out := ShadowStatus{Query: s.query.Status(), Comparison: s.comparison.status(), Phase: ShadowCatchingUp}
	if old, ok := s.engine.Query(s.name); ok {
		out.Behind = s.behind(old)
	}
	note := s.note.Load()
	switch {
	case !s.query.running():
		out.Phase = ShadowFailed
	case out.Comparison != nil:
		out.Phase = ShadowComparing
	case out.Query.State == StateRunning && out.Behind <= nearOffsets && !s.compares:
		out.Phase = ShadowCaughtUp
	}
	if note != nil && out.Comparison == nil {
		out.Hint = *note
	}
	return out
}

// Generation is the number of the shadow's state: Engine.Generation gives it when
// the shadow has taken over.
func (s *Shadow) Generation() uint32 { return s.generation }
