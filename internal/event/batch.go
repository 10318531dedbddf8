package event

// MaxRows is the most rows a batch holds.
const MaxRows = 4096

// Batch is up to MaxRows rows in columns. Valid only during the call that
// received it.
type Batch struct {
	Schema *Schema
	N      int     // rows, live or not
	Cols   []Vec   // one per field of Schema
	Sel    []int32 // live rows, ascending; nil = all N
	Time   []Time  // event time, one per row; empty when the stream has none
	ID     []ID    // one per row
	// Changes says what each row means to a table; nil where all are Insert.
	Changes []Change

	changes []Change // memory kept for Changes
}

// NewBatch is an empty batch of the schema.
func NewBatch(s *Schema) *Batch {
	b := &Batch{Schema: s, Cols: make([]Vec, len(s.Fields))}
	for i, f := range s.Fields {
		b.Cols[i] = NewVec(f.Type)
	}
	return b
}

// Reset gives the batch n rows with unspecified values, all live, in the
// memory it has.
func (b *Batch) Reset(n int) {
	b.N, b.Sel = n, nil
	for i := range b.Cols {
		b.Cols[i].Reset(n)
	}
	b.Time = resize(b.Time, n)
	b.ID = resize(b.ID, n)
	b.Changes = nil
}

// Live is the number of live rows.
func (b *Batch) Live() int {
	if b.Sel == nil {
		return b.N
	}
	return len(b.Sel)
}

// Row is the n-th of the live rows.
func (b *Batch) Row(n int) int {
	if b.Sel == nil {
		return n
	}
	return int(b.Sel[n])
}
