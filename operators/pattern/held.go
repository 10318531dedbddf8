package pattern

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// Feeding the kept rows again gives the partial matches of a key, and the
// complete ones that are held back. But one that was chosen among others cannot
// be chosen again when rows of those are gone: where SELECT or LIMIT choose and
// AFTER MATCH SKIP holds back, a snapshot has the held matches themselves:
//
//	count | at, start, rows, (number, variable, excluded) … | …

// recalls says whether held matches are in snapshots.
func (p *Program) recalls() bool {
	return p.match.Edges && p.choosy() && p.match.Skip != ast.NoSkip
}

// appendHeld encodes the held matches of a key.
func (e *edges) appendHeld(dst []byte, r *runs) []byte {
	if r == nil {
		return binary.AppendUvarint(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.held)))
	var steps []step
	for _, f := range r.held {
		steps = e.store.paths.steps(steps[:0], f.path)
		dst = binary.AppendVarint(dst, f.at)
		dst = binary.AppendUvarint(dst, uint64(f.start))
		dst = binary.AppendUvarint(dst, uint64(len(steps)))
		for _, s := range steps {
			dst = binary.AppendUvarint(dst, uint64(s.row))
			dst = append(binary.AppendUvarint(dst, uint64(s.v)), byte(b2i(s.excluded)))
		}
	}
	return dst
}

// readHeld reads what appendHeld wrote.
func (e *edges) readHeld(src []byte, k *keyState) error {
	d := decoder{src: src}
	n := d.uvarint()
	if n > 0 && k.runs == nil {
		k.runs = e.take()
	}
	for ; n > 0 && !d.bad; n-- {
		f := finished{at: d.varint(), start: int64(d.uvarint()), path: none}
		for rows := d.uvarint(); rows > 0 && !d.bad; rows-- {
			f.path = e.recall(f.path, &d)
		}
		if f.path != none {
			e.hold(k.runs, f)
		}
	}
	if d.bad || len(d.src) > 0 {
		return errCorrupt
	}
	return nil
}

// recall adds a row to a path.
func (e *edges) recall(parent int32, d *decoder) int32 {
	row, v := int64(d.uvarint()), int16(d.uvarint())
	in := instr{v: v, excluded: d.byte() == 1}
	path := e.store.paths.add(parent, &in, 0, row, none)
	if parent != none {
		e.store.paths.drop(parent)
	}
	return path
}

// decoder reads numbers until one is not there.
type decoder struct {
	src []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	n, w := binary.Uvarint(d.src)
	return n * d.skip(w)
}

func (d *decoder) varint() event.Time {
	n, w := binary.Varint(d.src)
	return n * int64(d.skip(w))
}

func (d *decoder) byte() byte {
	if len(d.src) == 0 {
		d.bad = true
		return 0
	}
	b := d.src[0]
	d.src = d.src[1:]
	return b
}

// skip passes w bytes; 0 when there is no number.
func (d *decoder) skip(w int) uint64 {
	if w <= 0 {
		d.bad = true
		return 0
	}
	d.src = d.src[w:]
	return 1
}
