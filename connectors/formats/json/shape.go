package json

import (
	"bytes"
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
)

// maxShape and maxKey bound what is remembered of a record's form.
const (
	maxShape = 256
	maxKey   = 64
)

// What a key stands for that is none of the fields.
const (
	unknown = -1
	unread  = -2 // a column that nobody reads
)

// object is a ROW's fields, or the record's.
type object struct {
	fields []node
	index  map[string]int
	seen   event.Bitmap // fields met in the object at hand
	shape  []expect     // the keys of recent objects, in their order
	strict bool         // a field that is none of fields rejects the record
}

func newObject(fields []node) *object {
	o := &object{fields: fields, index: make(map[string]int, len(fields)), seen: event.Bitmap(nil).Resize(len(fields))}
	for i := range fields {
		o.index[fields[i].name] = i
	}
	return o
}

// forbid makes o and what is inside it strict. The names are those of columns that
// nobody reads.
func (o *object) forbid(unreadNames []string) {
	o.strict = true
	for _, name := range unreadNames {
		if _, read := o.index[name]; !read {
			o.index[name] = unread
		}
	}
	for i := range o.fields {
		for n := &o.fields[i]; n != nil; n = n.elem {
			if n.row != nil {
				n.row.forbid(nil)
			}
		}
	}
}

// expect is a key with quotes and colon and what it stands for. The first and
// the last eight bytes are kept as words, which is all of most keys.
type expect struct {
	text        []byte
	first, last uint64
	mask        uint64 // bytes of the words that count
	lastAt      int
	field       int // negative: none
}

func (e *expect) set(text []byte, field int) {
	var pad [8]byte
	copy(pad[:], text)
	e.text, e.field = append(e.text[:0], text...), field
	e.first, e.last, e.mask, e.lastAt = binary.LittleEndian.Uint64(pad[:]), 0, ^uint64(0), 0
	if n := len(text); n >= 8 {
		e.lastAt = n - 8
	} else {
		e.mask = 1<<(8*n) - 1
	}
	e.last = e.first
	if e.lastAt > 0 {
		e.last = binary.LittleEndian.Uint64(text[e.lastAt:])
	}
}

func (e *expect) matches(p []byte, i int) bool {
	n := len(e.text)
	if i+max(n, 8) > len(p) {
		return false
	}
	if (binary.LittleEndian.Uint64(p[i:])^e.first)&e.mask|(binary.LittleEndian.Uint64(p[i+e.lastAt:])^e.last)&e.mask != 0 {
		return false
	}
	return n <= 16 || bytes.Equal(p[i:i+n], e.text)
}

// predict looks for the key at p[i] at place k of the shape, or one further
// when an optional field is left out. It returns the place; -1: a surprise.
func (o *object) predict(k int, p []byte, i int) int {
	if k < len(o.shape) && o.shape[k].matches(p, i) {
		return k
	}
	if k+1 < len(o.shape) && o.shape[k+1].matches(p, i) {
		return k + 1
	}
	return -1
}

// learn remembers the key at place k.
func (o *object) learn(k int, text []byte, field int) {
	if k >= maxShape || len(text) > maxKey {
		return
	}
	for len(o.shape) <= k {
		o.shape = append(o.shape, expect{field: unknown, mask: ^uint64(0)})
	}
	o.shape[k].set(text, field)
}
