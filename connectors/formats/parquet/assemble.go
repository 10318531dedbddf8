package parquet

import (
	"strconv"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// read puts the field's next occurrence into row i of v; the result is the reason
// why it cannot be, or "". It panics with damage.
func (n *node) read(v *event.Vec, i int) string {
	switch {
	case len(n.leaves) == 0:
		cell.SetNull(v, i)
		return ""
	case n.set != nil:
		return n.readValue(v, i)
	case n.typ.Kind == event.Row:
		return n.readRow(v, i)
	}
	return n.readElements(v, i)
}

func (n *node) readValue(v *event.Vec, i int) string {
	l := n.leaves[0]
	if l.text != nil && l.ready() && l.rest > 0 {
		fits := l.text.put(v, i, l.from)
		if l.take(1); !fits {
			return n.unfit()
		}
		return ""
	}
	x := l.next()
	switch {
	case x.IsNull():
		cell.SetNull(v, i)
		return ""
	case !n.set(v, i, *x):
		return n.unfit()
	}
	return ""
}

func (n *node) unfit() string { return n.name + ": the value does not fit " + n.typ.String() }

// depth is the definition level of what comes next.
func (n *node) depth() int {
	x, ok := n.leaves[0].peek()
	if !ok {
		n.leaves[0].next() // tells why
	}
	return x.DefinitionLevel()
}

// pass takes an occurrence without reading it.
func (n *node) pass() {
	for _, l := range n.leaves {
		l.pass(n.level)
	}
}

func (n *node) readRow(v *event.Vec, i int) (reason string) {
	if n.depth() < n.def {
		n.pass()
		cell.SetNull(v, i)
		return ""
	}
	if n.guide != nil {
		n.guide.pass(n.level)
	}
	for k, kid := range n.kids {
		if why := kid.read(&v.Kids[k], i); why != "" && reason == "" {
			reason = n.name + "." + why
		}
	}
	return reason
}

// maxElements is how many elements an array or map has at most.
const maxElements = 1 << 20

// readElements reads an array or map. Of a repeated key all values are kept, the
// last last: reading by key takes the last.
func (n *node) readElements(v *event.Vec, i int) (reason string) {
	from := v.Kids[0].Rows()
	depth := n.depth()
	if depth < n.item {
		n.pass()
		if depth < n.def {
			cell.SetNull(v, i)
		} else {
			v.Str[i] = event.Span{Off: uint32(from)}
		}
		return ""
	}
	for more := true; more; more = n.leaves[0].more(n.kids[0].level) {
		at := v.Kids[0].Rows()
		if at-from == maxElements {
			reason = n.name + ": it has more than " + strconv.Itoa(maxElements) + " elements"
			n.kids[0].pass()
			if len(n.kids) > 1 {
				n.kids[1].pass()
			}
			continue
		}
		for k, kid := range n.kids {
			v.Kids[k].Grow(at + 1)
			if why := kid.read(&v.Kids[k], at); why != "" && reason == "" {
				reason = n.name + "." + why
			}
		}
	}
	v.Str[i] = event.Span{Off: uint32(from), Len: uint32(v.Kids[0].Rows() - from)}
	return reason
}
