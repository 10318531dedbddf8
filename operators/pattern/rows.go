package pattern

// The kept rows of a key lie in one block while they are few, with room for a
// half more than there are; from pageRows on in pages, so that growth copies
// nothing and rows that are dropped free theirs. Row i of the key is row
// head + i of the block, or of the pages:
//
//	block   head ─▶ row 0 … row n-1 ─▶ room
//	pages   | head ─▶ row 0 … | … pageRows … | … row n-1 |
const (
	pageRows  = 64
	smallRows = 8 // a key in pages with as many rows goes back to a block
)

// paging is where a key with many rows has them.
type paging struct {
	pages []blockRef
	gone  int   // of pages: freed
	first int64 // number of the first page that is not
	saved int64 // pages from this number on are not in the snapshots, or have grown since
	kept  int64 // pages before this number are not in the snapshots any more

	stored bool // there are pages in the snapshots
}

// row is kept row i.
func (k *keyState) row(p *Program, a *arena, i int) []uint64 {
	at, block, stride := int(k.head)+i, k.block, p.layout.stride
	if k.flags&keyPaged != 0 {
		block = k.paging.pages[k.paging.gone+at/pageRows]
		at %= pageRows
	}
	return a.words(block)[at*stride:][:stride]
}

// room makes place for one more row.
func (m *Matcher) room(k *keyState) {
	stride, end := m.p.layout.stride, int(k.head)+int(k.n)
	switch {
	case k.flags&keyPaged != 0:
		if end%pageRows == 0 {
			k.paging.pages = append(k.paging.pages, m.arena.alloc(pageRows*stride))
		}
	case end < int(k.rooms):
	case k.n > 0 && int(k.head) > int(k.n)/2: // most of the block is free at its front
		w := m.arena.words(k.block)
		copy(w, w[int(k.head)*stride:end*stride])
		k.head = 0
	case k.n >= pageRows:
		m.toPages(k)
		m.room(k)
	default:
		m.toBlock(k, min(pageRows, max(int(k.n)+1, int(k.n)*3/2)))
	}
}

// toBlock moves the rows to a block with room for that many.
func (m *Matcher) toBlock(k *keyState, rooms int) {
	stride := m.p.layout.stride
	block := m.arena.alloc(rooms * stride)
	to := m.arena.words(block)
	for i := range int(k.n) {
		copy(to[i*stride:], k.row(m.p, m.arena, i))
	}
	m.releaseRows(k)
	k.block, k.rooms, k.head = block, uint8(rooms), 0
}

// toPages moves the rows of a full block to pages.
func (m *Matcher) toPages(k *keyState) {
	stride := m.p.layout.stride
	page := m.arena.alloc(pageRows * stride)
	to := m.arena.words(page)
	for i := range int(k.n) {
		copy(to[i*stride:], k.row(m.p, m.arena, i))
	}
	m.releaseRows(k)
	m.page(k)
	k.paging.pages = append(k.paging.pages, page)
}

// page says that the key's rows are in pages, of which there are none yet.
func (m *Matcher) page(k *keyState) {
	m.own(k)
	k.flags |= keyPaged
	if n := len(m.pagings); n > 0 {
		k.paging, m.pagings = m.pagings[n-1], m.pagings[:n-1]
		return
	}
	k.paging = &paging{}
}

// releaseRows frees the block, or the pages, but not what rows hold outside.
func (m *Matcher) releaseRows(k *keyState) {
	stride := m.p.layout.stride
	if k.flags&keyPaged != 0 {
		for _, page := range k.paging.pages[k.paging.gone:] {
			m.arena.release(page, pageRows*stride)
		}
		m.forgetPages(k)
		*k.paging = paging{pages: k.paging.pages[:0]}
		m.pagings = append(m.pagings, k.paging)
		k.paging, k.flags = nil, k.flags&^keyPaged
	} else if k.block != 0 {
		m.arena.release(k.block, int(k.rooms)*stride)
	}
	k.block, k.rooms, k.head = 0, 0, 0
}

// trim drops the rows that neither the next start nor PREV needs.
func (m *Matcher) trim(k *keyState) {
	if n := int(k.start) - m.p.history; n > 0 {
		m.dropRows(k, n)
	}
}

// dropRows drops the first n rows.
func (m *Matcher) dropRows(k *keyState, n int) {
	if len(m.p.layout.strings) > 0 {
		for i := range n {
			m.p.layout.drop(m.arena, k.row(m.p, m.arena, i))
		}
	}
	k.n -= int32(n)
	k.start -= int32(n)
	k.pos -= int32(n)
	if m.p.counts {
		k.before += int64(n)
	}
	m.rows -= int64(n)
	if k.flags&keyPaged == 0 {
		k.head += uint8(n)
		return
	}
	m.dropPages(k, int(k.head)+n)
	if int(k.n) <= smallRows {
		m.toBlock(k, max(1, int(k.n)))
	}
}

// dropPages frees the pages before row n of them.
func (m *Matcher) dropPages(k *keyState, n int) {
	g, from := k.paging, k.paging.gone
	g.gone += n / pageRows
	for _, page := range g.pages[from:g.gone] {
		m.arena.release(page, pageRows*m.p.layout.stride)
	}
	g.first += int64(n / pageRows)
	if g.gone > len(g.pages)/2 {
		g.pages = g.pages[:copy(g.pages, g.pages[g.gone:])]
		g.gone = 0
	}
	k.head = uint8(n % pageRows)
}
