package engine

import (
	"encoding/binary"
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/murmur2"
)

// router divides rows among shards by the murmur2 hash of their key. The key's
// encoding is part of the state format: it says in which shard a key's state
// lies. One column: its bytes, integers as 8 bytes big endian, NULL as none.
// Several: each as presence byte, length, bytes.
type router struct {
	key    []int
	spread bool // by partition, or the hash that a detection's ID is
	all    bool // each row goes to every shard
	shards int
	buf    []byte
}

// run is what one batch of a unit, or of a stage before, brings into a step.
type run struct {
	b    event.Batch
	sels [][]int32 // rows of b by shard
	// placed: b.Time is times, since late rows have another place than their own.
	placed bool
	times  []event.Time
}

type span struct{ from, to int }

// route fills r.sels.
func (x *router) route(r *run) {
	for len(r.sels) < x.shards {
		r.sels = append(r.sels, nil)
	}
	for i := range r.sels {
		r.sels[i] = r.sels[i][:0]
	}
	switch live := r.b.LiveRows(); {
	case x.all || x.shards == 1:
		for i := range r.sels {
			r.sels[i] = append(r.sels[i], live...)
		}
	case x.spread:
		for _, row := range live {
			s := uint32(r.b.ID[row].Hi) % uint32(x.shards)
			r.sels[s] = append(r.sels[s], row)
		}
	case len(x.key) == 1:
		x.routeColumn(&r.b.Cols[x.key[0]], live, r.sels)
	default:
		for _, row := range live {
			x.put(r.sels, row, x.encode(&r.b, int(row)))
		}
	}
}

func (x *router) put(sels [][]int32, row int32, key []byte) {
	s := murmur2.Partition(key, x.shards)
	sels[s] = append(sels[s], row)
}

func (x *router) routeColumn(v *event.Vec, live []int32, sels [][]int32) {
	if v.Type.Physical() != event.PhysI64 {
		for _, row := range live {
			x.buf = appendKey(x.buf[:0], v, int(row))
			x.put(sels, row, x.buf)
		}
		return
	}
	var key [8]byte
	for _, row := range live {
		if v.Null(int(row)) {
			x.put(sels, row, nil)
			continue
		}
		binary.BigEndian.PutUint64(key[:], uint64(v.I64[row]))
		x.put(sels, row, key[:])
	}
}

func (x *router) encode(b *event.Batch, row int) []byte {
	x.buf = x.buf[:0]
	for _, c := range x.key {
		v := &b.Cols[c]
		if v.Null(row) {
			x.buf = append(x.buf, 0)
			continue
		}
		start := len(x.buf)
		x.buf = append(x.buf, 1, 0, 0, 0, 0)
		x.buf = appendKey(x.buf, v, row)
		binary.BigEndian.PutUint32(x.buf[start+1:], uint32(len(x.buf)-start-5))
	}
	return x.buf
}

// appendKey appends the bytes of a value; equal values have equal bytes.
func appendKey(dst []byte, v *event.Vec, row int) []byte {
	if v.Null(row) {
		return dst
	}
	switch v.Type.Physical() {
	case event.PhysI64:
		return binary.BigEndian.AppendUint64(dst, uint64(v.I64[row]))
	case event.PhysI128:
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(v.Hi[row])), uint64(v.I64[row]))
	case event.PhysF64:
		return binary.BigEndian.AppendUint64(dst, floatBits(v.F64[row]))
	case event.PhysStr:
		return append(dst, v.Bytes(row)...)
	}
	return event.AppendValue(dst, v.Type, v.Value(row))
}

// floatBits gives equal numbers equal bits: 0 and -0, all NaN.
func floatBits(f float64) uint64 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}
