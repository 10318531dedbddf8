package state

import "bytes"

// Store is an ordered key-value store. Safe for concurrent use.
type Store interface {
	Reader
	// NewBatch collects writes in memory.
	NewBatch() Batch
	// NewView is the store as it is now, whatever is written meanwhile.
	NewView() View
	Close() error
}

// View is a store as it was at one moment. Closed before the store is.
type View interface {
	Reader
	Close() error
}

// Sizer is a Store that knows about how much its ranges take.
type Sizer interface {
	// Size is about how many bytes of files from <= key < to takes; what has not
	// been written to a file yet does not count.
	Size(from, to []byte) (int64, error)
}

// Batch is writes that take effect together. Used by one goroutine at a time.
type Batch interface {
	Writer
	// Commit applies the batch and, with sync, returns when a crash can no
	// longer undo it. The batch is spent afterwards.
	Commit(sync bool) error
	// Len is the size in bytes.
	Len() int
	// Close discards a batch that is not to be committed.
	Close() error
}

// Under is the range of a store below a key prefix: the keys that its user sees
// lack the prefix.
type Under struct {
	R      Reader // nil: only written
	W      Writer // nil: only read
	Prefix []byte
	key    []byte
	end    []byte
}

func (u *Under) full(dst *[]byte, key []byte) []byte {
	*dst = append(append((*dst)[:0], u.Prefix...), key...)
	return *dst
}

// Put writes a key.
func (u *Under) Put(key, value []byte) error { return u.W.Put(u.full(&u.key, key), value) }

// Delete removes a key.
func (u *Under) Delete(key []byte) error { return u.W.Delete(u.full(&u.key, key)) }

// DeleteRange deletes from <= key < to; a nil to is the end of the range.
func (u *Under) DeleteRange(from, to []byte) error {
	return u.W.DeleteRange(u.full(&u.key, from), u.upper(to))
}

func (u *Under) upper(to []byte) []byte {
	if to == nil {
		return PrefixEnd(u.Prefix)
	}
	return u.full(&u.end, to)
}

// Get reads a key.
func (u *Under) Get(key []byte) ([]byte, bool, error) { return u.R.Get(u.full(&u.key, key)) }

// Scan visits from <= key < to in order; a nil to is the end of the range.
func (u *Under) Scan(from, to []byte, fn func(key, value []byte) error) error {
	return u.R.Scan(u.full(&u.key, from), u.upper(to), func(k, v []byte) error {
		return fn(bytes.TrimPrefix(k, u.Prefix), v)
	})
}

// Lookup reads many keys in one pass.
func (u *Under) Lookup(keys [][]byte, fn func(i int, value []byte) error) error {
	size := 0
	for _, k := range keys {
		size += len(u.Prefix) + len(k)
	}
	buf, full := make([]byte, 0, size), make([][]byte, len(keys))
	for i, k := range keys {
		from := len(buf)
		buf = append(append(buf, u.Prefix...), k...)
		full[i] = buf[from:]
	}
	return u.R.Lookup(full, fn)
}

// PrefixEnd is the least key above all keys that begin with p; nil when there
// is none.
func PrefixEnd(p []byte) []byte {
	end := bytes.Clone(p)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
