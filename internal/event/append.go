package event

// AppendRows copies rows of src to the end of b, with Time and ID as far as src
// has them. b has src's column types and was filled only by AppendRows since it
// was Reset to 0 rows; all its rows are live. Rows may come in any order.
func (b *Batch) AppendRows(src *Batch, rows []int32) {
	for i := range b.Cols {
		b.Cols[i].appendRows(b.N, &src.Cols[i], rows)
	}
	if len(src.Time) > 0 {
		b.Time = gather(b.Time, src.Time, rows)
	}
	if len(src.ID) > 0 {
		b.ID = gather(b.ID, src.ID, rows)
	}
	b.appendChanges(src, rows)
	b.N += len(rows)
}

// AppendLive copies the live rows of src to the end of b; see AppendRows.
func (b *Batch) AppendLive(src *Batch) { b.AppendRows(src, src.LiveRows()) }

var ascending = func() (a [MaxRows]int32) {
	for i := range a {
		a[i] = int32(i)
	}
	return a
}()

// Rows is from, from+1, … to-1 as a selection: a view of shared memory, not to
// be written. to must not exceed MaxRows.
func Rows(from, to int) []int32 { return ascending[from:to:to] }

// Select makes the given rows the live ones; none, also where sel is nil.
func (b *Batch) Select(sel []int32) {
	if sel == nil {
		sel = []int32{}
	}
	b.Sel = sel
}

// LiveRows is b.Sel, or all rows where that is nil.
func (b *Batch) LiveRows() []int32 {
	if b.Sel != nil {
		return b.Sel
	}
	return Rows(0, b.N)
}

func gather[T any](dst, src []T, rows []int32) []T {
	n := len(dst)
	dst = resize(dst, n+len(rows))
	for i, r := range rows {
		dst[n+i] = src[r]
	}
	return dst
}

// appendRows copies rows of src behind the n rows that v has.
func (v *Vec) appendRows(n int, src *Vec, rows []int32) {
	v.appendNulls(n, src, rows)
	switch v.Type.Physical() {
	case PhysI64:
		v.I64 = gather(v.I64, src.I64, rows)
	case PhysI128:
		v.I64, v.Hi = gather(v.I64, src.I64, rows), gather(v.Hi, src.Hi, rows)
	case PhysF64:
		v.F64 = gather(v.F64, src.F64, rows)
	case PhysStr:
		v.appendStrings(n, src, rows)
	case PhysNested:
		v.appendNested(n, src, rows)
	}
}

func (v *Vec) appendNulls(n int, src *Vec, rows []int32) {
	if v.Nulls == nil && src.Nulls == nil {
		return
	}
	words := (n + len(rows) + 63) >> 6
	if v.Nulls == nil {
		v.nulls = v.nulls.Resize(words << 6)
		v.Nulls = v.nulls
	}
	for len(v.Nulls) < words {
		v.nulls = append(v.Nulls, 0)
		v.Nulls = v.nulls
	}
	if src.Nulls == nil {
		return
	}
	for i, r := range rows {
		if src.Nulls.Get(int(r)) {
			v.Nulls.Set(n + i)
		}
	}
}

func (v *Vec) appendStrings(n int, src *Vec, rows []int32) {
	v.Str = resize(v.Str, n+len(rows))
	for i, r := range rows {
		if src.Nulls.Get(int(r)) {
			v.Str[n+i] = Span{}
			continue
		}
		s := src.Str[r]
		v.Str[n+i] = Span{uint32(len(v.Buf)), s.Len}
		v.Buf = append(v.Buf, src.Buf[s.Off:s.Off+s.Len]...)
	}
}

func (v *Vec) appendNested(n int, src *Vec, rows []int32) {
	if v.Type.Kind == Row {
		for k := range v.Kids {
			v.Kids[k].appendRows(n, &src.Kids[k], rows)
		}
		return
	}
	v.Str = resize(v.Str, n+len(rows))
	for i, r := range rows {
		if src.Nulls.Get(int(r)) {
			v.Str[n+i] = Span{}
			continue
		}
		s, at := src.Str[r], v.Kids[0].Rows()
		v.Str[n+i] = Span{uint32(at), s.Len}
		v.appendElements(src, at, s)
	}
}

func (v *Vec) appendElements(src *Vec, at int, s Span) {
	rows := make([]int32, s.Len)
	for i := range rows {
		rows[i] = int32(s.Off) + int32(i)
	}
	for k := range v.Kids {
		v.Kids[k].appendRows(at, &src.Kids[k], rows)
	}
}

// Bytes is the memory that the rows of b take, roughly.
func (b *Batch) Bytes() int64 {
	n := int64(8*len(b.Time) + 16*len(b.ID) + len(b.Changes))
	for i := range b.Cols {
		n += b.Cols[i].bytes()
	}
	return n
}

func (v *Vec) bytes() int64 {
	n := int64(8*(len(v.I64)+len(v.Hi)+len(v.F64)+len(v.Str)+len(v.Nulls)) + len(v.Buf))
	for i := range v.Kids {
		n += v.Kids[i].bytes()
	}
	return n
}
