package kafka

import (
	"math/bits"
	"sync"
)

const (
	minClass  = 12 // 4 KiB
	maxClass  = 24 // 16 MiB; larger buffers are not kept
	maxPooled = 64 << 20
)

// bufferPool keeps the memory of fetched record sets, at most maxPooled bytes
// for the whole process, in classes by power of two.
type bufferPool struct {
	mu    sync.Mutex
	free  [maxClass - minClass + 1][][]byte
	bytes int
}

var buffers bufferPool

func class(n int) int { return max(bits.Len(uint(max(n, 1)-1)), minClass) - minClass }

// get gives a buffer of n bytes with unspecified content.
func (p *bufferPool) get(n int) []byte {
	c := class(n)
	if c >= len(p.free) {
		return make([]byte, n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.free[c]
	if len(list) == 0 {
		return make([]byte, n, 1<<(c+minClass))
	}
	b := list[len(list)-1]
	p.free[c] = list[:len(list)-1]
	p.bytes -= cap(b)
	return b[:n]
}

// put takes a buffer of get back; nobody may look at it any more.
func (p *bufferPool) put(b []byte) {
	c := class(cap(b))
	if cap(b) == 0 || c >= len(p.free) || cap(b) != 1<<(c+minClass) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes+cap(b) <= maxPooled {
		p.free[c] = append(p.free[c], b)
		p.bytes += cap(b)
	}
}
