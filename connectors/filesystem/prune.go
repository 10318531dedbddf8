package filesystem

import (
	"slices"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// pruning is what the query says of files of which it takes no row.
type pruning struct {
	wanted func(*event.Batch) bool // nil: all are read
	marks  bool                    // rows of the others are given, with the columns of needs
	needs  []bool

	mu  sync.Mutex
	row *event.Batch
}

func newPruning(t connectors.Table) *pruning {
	p := &pruning{wanted: t.Wanted, marks: t.Needs != nil, needs: t.Needs}
	if p.wanted != nil {
		fields := make([]event.Field, len(t.Columns))
		for i, c := range t.Columns {
			fields[i] = event.Field{Name: c.Name, Type: c.Type}
		}
		p.row = event.NewBatch(event.NewSchema(fields...))
	}
	return p
}

// wants says whether the query may take rows of a file. One that is refused is told.
func (s *source) wants(o *object, v *values) bool {
	p := s.pruning
	if p.wanted == nil || v.fault != "" {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.row.Reset(1)
	s.fill(o, v, p.row)
	return p.wanted(p.row)
}

// bare is the columns of a file of which no row is taken: those of needs.
func (p *pruning) bare(columns []connectors.Column) []connectors.Column {
	columns = slices.Clone(columns)
	for i := range columns {
		if !p.needs[i] && columns[i].Metadata == "" {
			columns[i].Metadata = left
		}
	}
	return columns
}

// left is the Metadata of a column that is not read.
const left = "left out"
