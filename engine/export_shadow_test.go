package engine

import (
	"context"
	"errors"

	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// OpenShadow opens a shadow without an engine, from where a query is (nil: from
// where its state is, or the beginning).
func OpenShadow(ctx context.Context, o Options, root *plan.Insert, cat *catalog.Catalog, store state.Store, query *Pipeline) (*Pipeline, error) {
	how := &opening{}
	if query != nil {
		how.at, how.time = offsetsOf(query.Positions()), query.moment()
	}
	generation, err := inForce(store, root.Name)
	if err != nil {
		return nil, err
	}
	return openPipeline(ctx, o, root, cat, store, generationRange(root.Name, generation+1), how)
}

// Furthest is the cut of two pipelines.
func Furthest(a, b *Pipeline) []Position { return furthest(a.Positions(), b.Positions()) }

// Adopt is what a shadow does at the cut.
func (p *Pipeline) Adopt(query *Pipeline) error {
	p.adopt(query.moment())
	write, _, err := p.Snapshot()
	if err != nil {
		return err
	}
	return write()
}

// Ahead says whether the shadow has passed the query in time.
func (p *Pipeline) Ahead(query *Pipeline) bool { return p.ahead(query.moment()) }

// TakeOver makes the state of a shadow the query's; both have been closed.
func TakeOver(store state.Store, query, shadow *Pipeline, cut []Position) error {
	generation, err := inForce(store, query.name)
	if err != nil {
		return err
	}
	t := &takeover{store: store, query: query.name, generation: generation + 1, version: 2, cut: cut, from: shadow.successors(query)}
	return t.commit()
}

// Promoted is the generation of a query's state.
func Promoted(store state.Store, query string) uint32 {
	generation, err := inForce(store, query)
	if err != nil {
		panic(err)
	}
	return generation
}

// HasShadow says whether there is state of a shadow.
func HasShadow(store state.Store, query string) bool {
	found, err := hasBegun(store, generationRange(query, Promoted(store, query)+1))
	return err == nil && found
}

// CopyState gives a shadow the state that the query has.
func (p *Pipeline) CopyState() error {
	from, err := p.kept()
	if err != nil {
		return err
	}
	generation, err := inForce(p.journal.store, p.name)
	if err == nil {
		same := &drafted{Pipeline: p}
		m := &migration{from: same, to: same}
		m.compareStages(nil)
		err = copyState(p.journal.store, generation+1, m, from)
	}
	return errors.Join(err, from.view.Close())
}
