package event

// Time is an instant in µs since the epoch.
type Time = int64

// The ends of time: the watermark before any row, and after the last.
const (
	MinTime Time = -1 << 63
	MaxTime Time = 1<<63 - 1
)

// Span is a piece of a buffer: of Vec.Buf (bytes) or of Vec.Kids (elements).
type Span struct{ Off, Len uint32 }

// Bitmap has one bit per row; nil is all zeros.
type Bitmap []uint64

// Get reads bit i. A nil map has no bit set.
func (m Bitmap) Get(i int) bool { return m != nil && m[i>>6]>>(uint(i)&63)&1 != 0 }

// Set sets bit i.
func (m Bitmap) Set(i int) { m[i>>6] |= 1 << (uint(i) & 63) }

// Clear clears bit i.
func (m Bitmap) Clear(i int) { m[i>>6] &^= 1 << (uint(i) & 63) }

// Resize returns a zeroed map of n bits, in m's memory where it fits.
func (m Bitmap) Resize(n int) Bitmap {
	w := (n + 63) >> 6
	if cap(m) < w {
		return make(Bitmap, w)
	}
	m = m[:w]
	clear(m)
	return m
}

// Vec is one column. Which slices are used follows from Type.Physical. Values
// of NULL rows are unspecified but present (slices have one entry per row).
type Vec struct {
	Type Type
	I64  []int64   // integers, times, BOOLEAN, narrow DECIMAL, low half of wide DECIMAL
	Hi   []int64   // high half of wide DECIMAL
	F64  []float64 // FLOAT, DOUBLE
	Str  []Span    // strings: ranges of Buf; ARRAY and MAP: ranges of Kids
	Buf  []byte    // may alias the source's raw bytes: never written through
	Kids []Vec     // ARRAY: element; MAP: key, value; ROW: fields
	// Nulls marks NULL rows; nil when there is none. Kernels have a path for nil.
	Nulls Bitmap

	nulls   Bitmap // memory kept for Nulls
	own     []byte // memory kept for Buf while that is a view
	aliased bool
}

// NewVec is an empty column of type t.
func NewVec(t Type) Vec {
	v := Vec{Type: t}
	switch t.Kind {
	case Array:
		v.Kids = []Vec{NewVec(*t.Elem)}
	case Map:
		v.Kids = []Vec{NewVec(*t.Key), NewVec(*t.Elem)}
	case Row:
		v.Kids = make([]Vec, len(t.Fields))
		for i, f := range t.Fields {
			v.Kids[i] = NewVec(f.Type)
		}
	}
	return v
}

// Reset empties the column, keeping its memory, and gives it n rows with
// unspecified values and no NULLs. Strings start with an empty Buf of its own.
func (v *Vec) Reset(n int) {
	v.Nulls = nil
	switch v.Type.Physical() {
	case PhysI128:
		v.Hi = resize(v.Hi, n)
		v.I64 = resize(v.I64, n)
	case PhysI64:
		v.I64 = resize(v.I64, n)
	case PhysF64:
		v.F64 = resize(v.F64, n)
	case PhysStr:
		v.Str = resize(v.Str, n)
		if v.aliased {
			v.Buf, v.aliased = v.own, false
		}
		v.Buf = v.Buf[:0]
	case PhysNested:
		if v.Type.Kind == Row {
			for i := range v.Kids {
				v.Kids[i].Reset(n)
			}
			return
		}
		v.Str = resize(v.Str, n)
		for i := range v.Kids {
			v.Kids[i].Reset(0)
		}
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return append(s[:cap(s)], make([]T, n-cap(s))...)[:n]
	}
	return s[:n]
}

// Null says whether row i is NULL.
func (v *Vec) Null(i int) bool { return v.Nulls.Get(i) }

// SetNull marks row i of n as NULL.
func (v *Vec) SetNull(i, n int) {
	if v.Nulls == nil {
		v.nulls = v.nulls.Resize(n)
		v.Nulls = v.nulls
	}
	v.Nulls.Set(i)
}

// Bytes is the string at row i: a view that dies with the batch.
func (v *Vec) Bytes(i int) []byte {
	s := v.Str[i]
	return v.Buf[s.Off : s.Off+s.Len : s.Off+s.Len]
}

// SetBytes copies p into Buf as the string of row i. Not for a Vec whose Buf
// aliases foreign memory.
func (v *Vec) SetBytes(i int, p []byte) {
	v.Str[i] = Span{uint32(len(v.Buf)), uint32(len(p))}
	v.Buf = append(v.Buf, p...)
}

// Alias makes Buf a view of buf until the next Reset, so that strings of the
// source need no copy.
func (v *Vec) Alias(buf []byte) {
	if !v.aliased {
		v.own, v.aliased = v.Buf, true
	}
	v.Buf = buf[:len(buf):len(buf)]
}

// Aliased says whether Buf is a view of foreign memory.
func (v *Vec) Aliased() bool { return v.aliased }

// Own ends what Alias began: the strings of the first n rows are copied into
// memory of the column, and SetBytes is allowed again.
func (v *Vec) Own(n int) {
	if !v.aliased {
		return
	}
	view := v.Buf
	v.Buf, v.aliased = v.own[:0], false
	for i, s := range v.Str[:n] {
		if v.Null(i) {
			v.Str[i] = Span{}
			continue
		}
		v.SetBytes(i, view[s.Off:s.Off+s.Len])
	}
}
