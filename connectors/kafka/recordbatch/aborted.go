package recordbatch

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Aborted is a transaction that was aborted: the producer's records from
// FirstOffset to its next abort marker are not to be read.
type Aborted struct {
	ProducerID  int64
	FirstOffset int64
}

// Filter says which batches of one fetched set are for the reader. The zero
// value passes everything but control batches.
type Filter struct {
	aborted []Aborted // not reached yet, by FirstOffset
	open    []int64   // producers whose transaction here is an aborted one
}

// Reset starts a record set that came with a list of aborted transactions,
// which is sorted in place.
func (f *Filter) Reset(aborted []Aborted) {
	slices.SortFunc(aborted, func(a, b Aborted) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	f.aborted, f.open = aborted, f.open[:0]
}

// Skip says whether the batch with header h is to be passed over. Batches
// must be asked for in order.
func (f *Filter) Skip(h *Header, batch []byte) bool {
	for len(f.aborted) > 0 && f.aborted[0].FirstOffset <= h.LastOffset {
		f.open = append(f.open, f.aborted[0].ProducerID)
		f.aborted = f.aborted[1:]
	}
	if h.Control() {
		if abortMarker(batch[HeaderLen:]) {
			f.open = slices.DeleteFunc(f.open, func(id int64) bool { return id == h.ProducerID })
		}
		return true
	}
	return h.Transactional() && slices.Contains(f.open, h.ProducerID)
}

// abortMarker says whether a control record is one; its key is version (int16)
// and type (int16; 0 = abort, 1 = commit).
func abortMarker(p []byte) bool {
	size, at := varint(p, 0)
	if at < 0 || size < 1 || size > int64(len(p)-at) {
		return false
	}
	_, at = varint(p, at+1)
	_, at = varint(p, at)
	key, _, at := bytes(p, at)
	return at >= 0 && key.Len >= 4 && binary.BigEndian.Uint16(p[key.Off+2:]) == 0
}
