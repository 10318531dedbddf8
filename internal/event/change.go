package event

// Change is what a row means to a table that it belongs to. A stream of rows
// that are all Insert is append-only; with the others it is a changelog.
type Change uint8

// The changes, with the short names that Flink SQL has for them.
const (
	Insert       Change = iota // +I: the row is new
	UpdateBefore               // -U: the row is no more, the one that follows takes its place
	UpdateAfter                // +U: the row takes the place of one; in an upsert stream, of the one with its key if there is any
	Delete                     // -D: the row is no more; in an upsert stream only its key counts
)

func (c Change) String() string { return [...]string{"+I", "-U", "+U", "-D"}[c] }

// Retracts says whether the row is taken back, not added.
func (c Change) Retracts() bool { return c == UpdateBefore || c == Delete }

// Change is what row i means.
func (b *Batch) Change(i int) Change {
	if b.Changes == nil {
		return Insert
	}
	return b.Changes[i]
}

// SetChange says what row i means.
func (b *Batch) SetChange(i int, c Change) {
	if b.Changes == nil && c == Insert {
		return
	}
	if len(b.Changes) < b.N {
		b.growChanges(b.N)
	}
	b.Changes[i] = c
}

// growChanges makes Changes n long; new ones are Insert.
func (b *Batch) growChanges(n int) {
	from := len(b.Changes)
	b.changes = resize(b.changes, n)
	b.Changes = b.changes
	clear(b.Changes[from:])
}

// appendChanges copies the changes of rows of src behind the N that b has.
func (b *Batch) appendChanges(src *Batch, rows []int32) {
	if b.Changes == nil && src.Changes == nil {
		return
	}
	b.growChanges(b.N + len(rows))
	if src.Changes == nil {
		return
	}
	for i, r := range rows {
		b.Changes[b.N+i] = src.Changes[r]
	}
}

// Of is the ID of what a change of the row id makes of a result: rows that one row
// brings about differ in it, and stand in the order of Change.
func (a ID) Of(c Change) ID { return ID{a.Hi, a.Lo&^3 | uint64(c)} }
