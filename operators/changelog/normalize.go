package changelog

import (
	"bytes"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Options of the operators here.
type Options struct {
	Name            string // of the query and stage, for the identity of results
	TTL             int64  // µs after which an idle key is forgotten; 0: never
	MaxRows         int    // rows or values that one key keeps
	ContinueOnError bool   // a result that fails is NULL and a reject, instead of failing the query
}

// NewNormalize makes the operator that tells what a stream of upserts does to the
// rows before: it keeps the last row of each key.
func NewNormalize(n *plan.Normalize, o Options) operators.Stateful {
	s := n.Input.Schema()
	return &normalize{keys: newKeys(codecOf(s, n.Key), o.TTL), out: newOutput(s, o.Name)}
}

// codecOf is the form of keys of columns.
func codecOf(s *event.Schema, columns []int) *group.Codec {
	types, all := make([]event.Type, len(columns)), make([]bool, len(columns))
	for i, c := range columns {
		types[i], all[i] = s.Fields[c].Type, true
	}
	return group.NewCodec(columns, types, [][]bool{all})
}

type normalize struct {
	keys
	rows  [][]byte // by slot
	out   output
	row   []byte
	bytes int64
}

// Process takes upserts and deletes in the order in which they come.
func (o *normalize) Process(_ *operators.Context, b *event.Batch, out operators.Collector) error {
	o.out.begin(out)
	live := b.LiveRows()
	o.ids.Gather(b, live, 0)
	for i, r := range live {
		if err := o.take(b, i, int(r)); err != nil {
			return err
		}
	}
	return o.out.flush()
}

func (o *normalize) take(b *event.Batch, i, row int) error {
	if b.Change(row).Retracts() {
		return o.delete(i, b.Time[row], b.ID[row])
	}
	o.row = encodeRow(o.row[:0], b.Cols, row)
	s, fresh := o.slot(i)
	if !fresh && o.stale(s, b.Time[row]) {
		o.forget(s)
		s, fresh = o.slot(i)
	}
	if fresh {
		o.fit()
	}
	o.touch(s, b.Time[row])
	id := o.out.identity(b.ID[row], nil)
	switch {
	case fresh:
		o.set(s, o.row)
		return o.out.row(o.row, event.Insert, id)
	case bytes.Equal(o.rows[s], o.row):
		return nil
	}
	if err := o.out.row(o.rows[s], event.UpdateBefore, id); err != nil {
		return err
	}
	o.set(s, o.row)
	return o.out.row(o.row, event.UpdateAfter, id)
}

// delete takes back the row of key i, if there is one.
func (o *normalize) delete(i int, t event.Time, id event.ID) (err error) {
	s, ok := o.Find(o.ids.Hash(i), o.ids.At(i))
	if !ok {
		return nil
	}
	if !o.stale(s, t) {
		err = o.out.row(o.rows[s], event.Delete, o.out.identity(id, nil))
	}
	o.forget(s)
	return err
}

func (o *normalize) fit() {
	for len(o.rows) < int(o.N) {
		o.rows = append(o.rows, nil)
	}
}

func (o *normalize) set(s int32, row []byte) {
	o.bytes += int64(len(row) - len(o.rows[s]))
	o.rows[s] = append(o.rows[s][:0], row...)
}

func (o *normalize) forget(s int32) {
	o.bytes -= int64(len(o.rows[s]))
	o.rows[s] = nil
	o.release(s)
}

// Advance forgets idle keys.
func (o *normalize) Advance(_ *operators.Context, wm event.Time, _ operators.Collector) error {
	o.wm = max(o.wm, wm)
	o.idle(o.wm, o.forget)
	return nil
}

// Snapshot implements operators.Stateful.
func (o *normalize) Snapshot(w state.Writer) error {
	return o.snapshot(w, func(dst []byte, s int32) []byte { return append(dst, o.rows[s]...) })
}

// Restore implements operators.Stateful.
func (o *normalize) Restore(r state.Reader) error {
	return o.restore(r, func(src []byte, s int32) error {
		o.fit()
		o.set(s, src)
		return checkRow(src, o.out.batch.Schema)
	})
}

// checkRow says whether bytes are a row of a schema.
func checkRow(src []byte, s *event.Schema) error {
	var err error
	for _, f := range s.Fields {
		if _, src, err = event.ReadValue(src, f.Type); err != nil {
			return err
		}
	}
	if len(src) > 0 {
		return event.ErrCorrupt
	}
	return nil
}

// Size is what the shard holds.
func (o *normalize) Size() operators.Size {
	return operators.Size{Keys: int64(o.Count), Rows: int64(o.Count), Bytes: o.memory() + o.bytes + int64(cap(o.rows))*24}
}
