package order

import (
	"encoding/binary"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// Keys: 'm' the list of (chunk, first row not released), 'c' + number a chunk.
// Chunks only grow, so one is written again only when it has.
var metaKey = []byte{'m'}

func chunkKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'c'}, id) }

// Snapshot writes what changed since the last Snapshot or Restore.
func (o *Buffer) Snapshot(w state.Writer) error {
	for _, id := range o.gone {
		if err := w.Delete(chunkKey(id)); err != nil {
			return err
		}
	}
	o.gone = o.gone[:0]
	meta := binary.AppendUvarint(nil, o.nextID)
	for i := range o.heap {
		c := o.heap[i].chunk
		meta = binary.AppendUvarint(binary.AppendUvarint(meta, c.id), uint64(o.heap[i].next))
		if c.saved == c.b.N {
			continue
		}
		if err := w.Put(chunkKey(c.id), state.AppendBatch(nil, c.b)); err != nil {
			return err
		}
		c.saved = c.b.N
	}
	return w.Put(metaKey, meta)
}

// Restore reads what the Snapshots have left.
func (o *Buffer) Restore(r state.Reader) error {
	meta, ok, err := r.Get(metaKey)
	if err != nil || !ok {
		return err
	}
	next, meta, err := uvarint(meta)
	if err != nil {
		return err
	}
	for len(meta) > 0 {
		if meta, err = o.restoreChunk(r, meta); err != nil {
			return err
		}
	}
	o.nextID, o.open = next, nil
	o.heapify()
	return nil
}

func (o *Buffer) restoreChunk(r state.Reader, meta []byte) ([]byte, error) {
	id, meta, err := uvarint(meta)
	if err != nil {
		return nil, err
	}
	from, meta, err := uvarint(meta)
	if err != nil {
		return nil, err
	}
	value, ok, err := r.Get(chunkKey(id))
	if err != nil {
		return nil, err
	}
	c := o.newChunk()
	if !ok || state.ReadBatch(value, c.b) != nil || from >= uint64(c.b.N) {
		return nil, fmt.Errorf("corrupt order buffer: chunk %d", id)
	}
	c.id, c.saved, c.bytes = id, c.b.N, c.b.Bytes()
	o.heap[len(o.heap)-1].next = int(from)
	o.size.Bytes += c.bytes
	o.size.Rows += int64(c.b.N) - int64(from)
	return meta, nil
}

func uvarint(p []byte) (uint64, []byte, error) {
	x, n := binary.Uvarint(p)
	if n <= 0 {
		return 0, nil, fmt.Errorf("corrupt order buffer")
	}
	return x, p[n:], nil
}

// Rewrite copies what the Snapshots of a buffer have left, with each batch made
// over, for a buffer of another schema.
func Rewrite(r state.Reader, w state.Writer, schema *event.Schema, over func(*event.Batch) *event.Batch) error {
	return r.Scan(nil, nil, func(key, value []byte) error {
		if len(key) == 0 || key[0] != 'c' {
			return w.Put(key, value)
		}
		b := event.NewBatch(schema)
		if err := state.ReadBatch(value, b); err != nil {
			return fmt.Errorf("corrupt order buffer: %w", err)
		}
		return w.Put(key, state.AppendBatch(nil, over(b)))
	})
}
