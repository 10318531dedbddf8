package function

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// Dec reads a DECIMAL of type t.
func Dec(t event.Type, v event.Value) decimal.Int {
	if t.Wide() {
		return decimal.Int{Hi: v.Hi, Lo: uint64(v.I)}
	}
	return decimal.FromInt64(v.I)
}

// DecValue makes a DECIMAL.
func DecValue(x decimal.Int) event.Value { return event.Value{I: int64(x.Lo), Hi: x.Hi} }

// setDec stores a number into out as DECIMAL t and checks its precision.
func setDec(t event.Type, x decimal.Int, out *event.Value) error {
	if !x.Fits(t.Precision) {
		return overflow(t)
	}
	out.I, out.Hi = int64(x.Lo), x.Hi
	return nil
}

// CompareFloats orders floats with NaN last and -0 equal to 0.
func CompareFloats(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case math.IsNaN(x) && math.IsNaN(y):
		return 0
	case math.IsNaN(x):
		return 1
	}
	return -1
}

// Compare orders two values of type t: -1, 0 or 1. NULL comes before all
// values, NaN after all numbers; nested values are ordered by their parts.
func Compare(t event.Type, a, b event.Value) int {
	if a.Null || b.Null {
		return cmp.Compare(b2i(b.Null), b2i(a.Null))
	}
	switch t.Physical() {
	case event.PhysI64:
		return cmp.Compare(a.I, b.I)
	case event.PhysI128:
		return Dec(t, a).Cmp(Dec(t, b))
	case event.PhysF64:
		return CompareFloats(a.F(), b.F())
	case event.PhysStr:
		return bytes.Compare(a.S, b.S)
	case event.PhysNested:
		return compareNested(t, a.L, b.L)
	}
	return 0
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareNested(t event.Type, a, b []event.Value) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if c := Compare(partType(t, i), a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// partType is the type of Value.L[i].
func partType(t event.Type, i int) event.Type {
	switch {
	case t.Kind == event.Row:
		return t.Fields[i].Type
	case t.Kind == event.Map && i%2 == 0:
		return *t.Key
	}
	return *t.Elem
}

// Equal says whether Compare gives 0.
func Equal(t event.Type, a, b event.Value) bool { return Compare(t, a, b) == 0 }

// Hash is a hash of a value of type t, the same in every process; Equal values
// have equal hashes.
func Hash(t event.Type, v event.Value) uint64 {
	if v.Null {
		return 0x9e3779b97f4a7c15
	}
	switch t.Physical() {
	case event.PhysI64:
		return mix(uint64(v.I))
	case event.PhysI128:
		return mix(uint64(v.I) ^ mix(uint64(v.Hi)))
	case event.PhysF64:
		return mix(floatBits(v.F()))
	case event.PhysStr:
		return xxhash.Sum64(v.S)
	case event.PhysNested:
		var d xxhash.Digest
		var buf [8]byte
		d.Reset()
		for i, part := range v.L {
			binary.LittleEndian.PutUint64(buf[:], Hash(partType(t, i), part))
			d.Write(buf[:])
		}
		return d.Sum64()
	}
	return 0
}

// floatBits gives equal floats equal bits.
func floatBits(f float64) uint64 {
	switch {
	case f == 0:
		return 0
	case math.IsNaN(f):
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Clone copies v with all it points to.
func Clone(v event.Value) event.Value {
	v.S = bytes.Clone(v.S)
	if v.L != nil {
		l := make([]event.Value, len(v.L))
		for i := range l {
			l[i] = Clone(v.L[i])
		}
		v.L = l
	}
	return v
}
