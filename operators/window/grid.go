package window

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/plan"
)

// grid is where panes and windows begin and end. All in µs; windows are half
// open.
type grid struct {
	kind   plan.WindowKind
	pane   int64
	size   int64
	slide  int64 // between the ends of windows
	offset int64
}

// oneMilli is by how much window_time lies before window_end.
const oneMilli = 1000

func newGrid(w *plan.Window) grid {
	g := grid{kind: w.Kind, size: w.Size, slide: w.Slide, offset: w.Offset}
	switch w.Kind {
	case plan.Tumble:
		g.slide, g.pane = w.Size, w.Size
	case plan.Hop:
		g.pane = gcd(w.Size, w.Slide)
	case plan.Cumulate:
		g.pane = w.Slide
	}
	return g
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// floor is the last multiple of step, moved by the offset, at t or before.
func (g *grid) floor(t, step int64) int64 {
	r := (t - g.offset) % step
	if r < 0 {
		r += step
	}
	return t - r
}

// paneEnd is the end of the pane of t.
func (g *grid) paneEnd(t event.Time) event.Time { return g.floor(t, g.pane) + g.pane }

// after is the first end of a window after t. The ends of HOP are those of
// windows that begin at multiples of slide.
func (g *grid) after(t event.Time) event.Time {
	if g.kind == plan.Hop {
		return g.floor(t-g.size, g.slide) + g.slide + g.size
	}
	return g.floor(t, g.slide) + g.slide
}

// firstEnd is the end of the first window that can hold a pane.
func (g *grid) firstEnd(paneEnd event.Time) event.Time { return g.after(paneEnd - 1) }

// start is where the window that ends at end begins.
func (g *grid) start(end event.Time) event.Time {
	if g.kind == plan.Cumulate {
		return g.floor(end-1, g.size)
	}
	return end - g.size
}

func (g *grid) describe() string {
	span := func(us int64) string { return function.Format(event.TDay, event.IntValue(us)) }
	switch g.kind {
	case plan.Hop, plan.Cumulate:
		return fmt.Sprintf("%s, panes of %s", g.kind, span(g.pane))
	case plan.Attached:
		return "as the rows say"
	}
	return g.kind.String()
}

// resize gives s n entries, new ones zero, in the memory it has where that is
// enough; old entries keep what they were.
func resize[T any](s []T, n int) []T {
	old := len(s)
	if n <= old {
		return s[:n]
	}
	s = slices.Grow(s, n-old)[:n]
	clear(s[old:])
	return s
}
