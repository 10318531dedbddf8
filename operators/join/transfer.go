package join

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/carry"
	"github.com/cepd/cepd/state"
)

// Transfer carries the rows that one program holds over to another version of it,
// which pairs them in the same way and reads no other columns.
type Transfer struct {
	from, to *Program
	columns  [2][]int // by side, of to: which of from
}

// Compare says how the state of from becomes that of to, or why it cannot.
func Compare(from, to *Program) (*Transfer, []operators.Reason) {
	a, b := from.plan, to.plan
	if a.PairsIdentity() != b.PairsIdentity() {
		return nil, []operators.Reason{{Text: "the condition or the kind of the join differs from that of the running version"}}
	}
	t := &Transfer{from: from, to: to, columns: [2][]int{carry.Columns(a.Left, b.Left), carry.Columns(a.Right, b.Right)}}
	var reasons []operators.Reason
	for s, columns := range t.columns {
		if i := slices.Index(columns, -1); i >= 0 {
			reasons = append(reasons, operators.Reason{
				Text:   fmt.Sprintf("the new text reads %s, which is not kept of the rows that the join holds", to.sides[s].schema.Fields[i].Name),
				Remedy: "replay, or drop the state",
			})
		}
	}
	if len(reasons) > 0 {
		return nil, reasons
	}
	return t, nil
}

// Waiting implements operators.Transfer.
func (t *Transfer) Waiting(b *event.Batch) *event.Batch {
	out := *b
	out.Schema, out.Cols = t.to.prepared, make([]event.Vec, len(t.to.prepared.Fields))
	for i, f := range t.to.prepared.Fields {
		out.Cols[i] = event.NewVec(f.Type)
		out.Cols[i].Reset(b.N)
	}
	for row := range b.N {
		t.row(&out, b, row)
	}
	return &out
}

// row writes a row of the old input: which columns it has depends on its side.
func (t *Transfer) row(out, b *event.Batch, row int) {
	s := b.Cols[0].I64[row]
	out.Cols[0].I64[row] = s
	for i := 1; i < len(out.Cols); i++ {
		value := event.NullValue
		if column := slices.Index(t.to.sides[s].at, i); column >= 0 {
			value = b.Cols[t.from.sides[s].at[t.columns[s][column]]].Value(row)
		}
		out.Cols[i].Set(row, b.N, value)
	}
}

// Copy implements operators.Transfer.
func (t *Transfer) Copy(r state.Reader, w state.Writer) error {
	return r.Scan(nil, nil, func(key, value []byte) error {
		if key[0] != prefixChunk {
			return w.Put(key, value)
		}
		if len(key) != 10 || key[1] > right {
			return event.ErrCorrupt
		}
		s := key[1]
		b := event.NewBatch(t.from.sides[s].schema)
		if err := state.ReadBatch(value, b); err != nil {
			return err
		}
		return w.Put(key, state.AppendBatch(nil, carry.Rows(b, t.to.sides[s].schema, t.columns[s])))
	})
}
