package engine

import "github.com/cepd/cepd/internal/event"

// rows collects copies of rows in batches that it owns and re-uses.
type rows struct {
	schema  *event.Schema
	batches []*event.Batch
	n       int // batches in use
}

// Emit copies the live rows of b.
func (r *rows) Emit(b *event.Batch) error {
	live := b.LiveRows()
	if len(live) == 0 {
		return nil
	}
	if r.n == 0 || r.batches[r.n-1].N+len(live) > event.MaxRows {
		r.next()
	}
	r.batches[r.n-1].AppendRows(b, live)
	return nil
}

func (r *rows) next() {
	if r.n == len(r.batches) {
		r.batches = append(r.batches, event.NewBatch(r.schema))
	}
	r.batches[r.n].Reset(0)
	r.n++
}

func (r *rows) reset() { r.n = 0 }

// list is the batches in use.
func (r *rows) list() []*event.Batch { return r.batches[:r.n] }
