// Package state is how operators and the engine keep things: a narrow view of
// an ordered key-value store. Pebble is behind it in state/pebblestore.
//
// Working sets live in operators' memory. Per commit interval the engine
// appends to the journal (small, synced); per snapshot interval operators
// write what changed through a Writer, atomically with the journal position it
// belongs to. Recovery is Restore and a replay of the journal.
package state

// Writer takes changes. Keys are relative to the operator's own range. Key and
// value are copied.
type Writer interface {
	Put(key, value []byte) error
	Delete(key []byte) error
	// DeleteRange deletes from <= key < to.
	DeleteRange(from, to []byte) error
}

// Reader reads what was written. Key and value are valid during the call of fn.
type Reader interface {
	Get(key []byte) (value []byte, ok bool, err error)
	Scan(from, to []byte, fn func(key, value []byte) error) error
	// Lookup reads many keys, which are in order, in one pass: fn gets the number
	// of each that is there, and its value.
	Lookup(keys [][]byte, fn func(i int, value []byte) error) error
}
