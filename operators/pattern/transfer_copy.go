package pattern

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// Copy writes the state of a shard as that of the new program.
//
// Deadlines by time are left out: all keys are read once when the new program
// starts, and file their own.
func (t *Transfer) Copy(r state.Reader, w state.Writer) error {
	return r.Scan(nil, nil, func(key, value []byte) (err error) {
		switch key[0] {
		case prefixKey:
			value, err = t.key(value)
		case prefixPage:
			value, err = t.page(value)
		case prefixMark:
			value = value[:min(8, len(value))]
		default:
			return nil
		}
		if err != nil {
			return err
		}
		return w.Put(key, value)
	})
}

// key rewrites the entry of a key. The deadline of an attempt is found anew.
func (t *Transfer) key(value []byte) ([]byte, error) {
	h, rest, err := readHeader(value)
	if err != nil {
		return nil, err
	}
	dst := []byte{snapshotVersion}
	for _, n := range [...]int64{h.matches, h.before, h.covered, h.start, h.rows} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	form := byte(0)
	if h.paged {
		form |= formPaged
	}
	idle := h.timed && h.start >= h.rows
	if idle {
		form |= formTimed
	}
	if dst = append(dst, form); idle {
		dst = binary.AppendUvarint(dst, uint64(h.until))
	}
	if h.paged {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(h.page)), uint64(h.head))
		return append(dst, rest...), nil
	}
	for range h.rows {
		if dst, rest, err = t.row(dst, rest, h.version); err != nil {
			return nil, err
		}
	}
	return append(dst, rest...), nil
}

// page rewrites the rows of a page.
func (t *Transfer) page(value []byte) (dst []byte, err error) {
	if len(value) < 2 || value[0] == 0 || value[0] > pageVersion {
		return nil, errCorrupt
	}
	dst = append(dst, pageVersion, value[1])
	for rest := value[2:]; len(rest) > 0; {
		if dst, rest, err = t.row(dst, rest, snapshotVersion); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// Waiting makes rows that wait for the watermark rows of the new program.
func (t *Transfer) Waiting(b *event.Batch) *event.Batch {
	out := *b
	out.Schema, out.Cols = t.to.prepared, make([]event.Vec, len(t.to.prepared.Fields))
	out.Cols[0] = b.Cols[0]
	for i, symbol := range b.Cols[0].I64[:b.N] {
		out.Cols[0].I64[i] = int64(t.symbol(uint64(symbol)))
	}
	for i, at := range t.columns {
		out.Cols[i+1] = b.Cols[at+1]
	}
	return &out
}
