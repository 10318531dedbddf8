package load

import (
	"io"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/plan"
)

// queryRun is a query of the run.
type queryRun struct {
	compiled
	keyed    bool // a keyed stage holds rows back until the watermark
	proctime bool
	readers  []*reader // in the order in which the engine opens them
	sources  []*source // likewise
}

func newQueryRun(c compiled) *queryRun {
	q := &queryRun{compiled: c}
	for _, n := range c.root.All() {
		q.look(n.Input)
	}
	return q
}

// look finds out whether there is a keyed stage: anything but reading,
// filtering, computing and uniting.
func (q *queryRun) look(n plan.Node) {
	switch n := n.(type) {
	case *plan.Scan, *plan.Filter, *plan.Project, *plan.Union, *plan.Values:
	case *plan.Match:
		q.keyed, q.proctime = true, q.proctime || n.Proctime
	default:
		q.keyed = true
	}
	for _, in := range n.Inputs() {
		q.look(in)
	}
}

// query finds a query by its name.
func (r *run) query(name string) *queryRun {
	for _, q := range r.queries {
		if q.root.Name == name {
			return q
		}
	}
	return nil
}

// scanOf is the scan that asked for a table's columns.
func (q *queryRun) scanOf(t connectors.Table) *plan.Scan {
	for _, s := range q.scans() {
		if s.Table.Name == t.Name && sameColumns(s, t.Columns) {
			return s
		}
	}
	return nil
}

func sameColumns(s *plan.Scan, columns []connectors.Column) bool {
	if len(s.Read) != len(columns) {
		return false
	}
	for i, c := range columns {
		if s.Read[i].Name != c.Name {
			return false
		}
	}
	return true
}

// add makes a reader part of its query. Queries are opened one after the other.
func (r *run) add(rd *reader) {
	q := r.query(rd.src.table.Query)
	if n := len(q.sources); n == 0 || q.sources[n-1] != rd.src {
		q.sources = append(q.sources, rd.src)
	}
	q.readers = append(q.readers, rd)
}

// end is io.EOF when the run is over.
func (r *run) end() error {
	if r.over.Load() {
		return io.EOF
	}
	return nil
}

// events is the rows that were read, those that several queries read counted
// once.
func (r *run) events() (total int64) {
	most := map[string]int64{}
	for _, q := range r.queries {
		byTable := map[string]int64{}
		for _, rd := range q.readers {
			byTable[rd.src.table.Name] += rd.given.Load()
		}
		for t, n := range byTable {
			most[t] = max(most[t], n)
		}
	}
	for _, n := range most {
		total += n
	}
	return total
}

// due is when the row that let a detection leave was to be sent; false when it
// was the end of the input that did.
func (q *queryRun) due(began time.Time, b *event.Batch, row int32) (time.Time, bool) {
	if !q.keyed {
		return q.dueByID(began, engine.InputID(q.root.Name, b.ID[row]))
	}
	var last time.Time
	for _, rd := range q.readers {
		i := rd.index.releases(b.Time[row])
		if i >= rd.index.rows || int64(i) >= rd.given.Load() {
			return last, false
		}
		if at := rd.due(began, i); at.After(last) {
			last = at
		}
	}
	return last, true
}

func (q *queryRun) dueByID(began time.Time, id event.ID) (time.Time, bool) {
	for _, rd := range q.readers {
		if uint32(id.Hi) == uint32(rd.part) && q.sources[id.Hi>>32] == rd.src {
			i := rd.index.row(id.Lo)
			return rd.due(began, i), i < rd.index.rows
		}
	}
	return time.Time{}, false
}
