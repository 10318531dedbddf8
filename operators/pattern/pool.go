package pattern

const (
	poolBits = 9
	poolPage = 1 << poolBits
)

// pool hands out items by number, in pages that never move. Items given back
// are re-used.
type pool[T any] struct {
	pages [][]T
	free  []int32
	next  int32
}

func (p *pool[T]) at(i int32) *T { return &p.pages[i>>poolBits][i&(poolPage-1)] }

// take finds a free item; it has the content that it was given back with.
func (p *pool[T]) take() int32 {
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		return i
	}
	if int(p.next) == len(p.pages)*poolPage {
		p.pages = append(p.pages, make([]T, poolPage))
	}
	p.next++
	return p.next - 1
}

func (p *pool[T]) give(i int32) { p.free = append(p.free, i) }

// used is the number of items that are taken.
func (p *pool[T]) used() int { return int(p.next) - len(p.free) }
