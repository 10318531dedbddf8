package engine

import (
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Connect is what the connector of a table gets, with all columns of its records:
// for those who write to it beside any query.
func (e *Engine) Connect(t *catalog.Table) (connectors.Table, error) {
	b := opener{options: &e.options, root: &plan.Insert{}}
	return b.table(t, physicalColumns(t))
}

// keeping is the telling of sources that let go of records how far the query is
// with the snapshot that has just been taken, for when that is on the disk.
func (p *Pipeline) keeping() (tell func() error) {
	type kept struct {
		name    string
		source  connectors.Keeper
		offsets map[int32]int64
	}
	var list []kept
	for _, s := range p.sources {
		k, ok := s.source.(connectors.Keeper)
		if !ok {
			continue
		}
		offsets := map[int32]int64{}
		for _, u := range s.units {
			offsets[u.part] = u.position
		}
		list = append(list, kept{s.name, k, offsets})
	}
	return func() error {
		for _, k := range list {
			if err := k.source.Keep(k.offsets); err != nil {
				return fmt.Errorf("table %s: %w", k.name, err)
			}
		}
		return nil
	}
}
