package plan

import (
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// Suppress is SUPPRESS BY … FOR …: of the rows of one key the first passes;
// those less than For after it are withheld, and then the last of them comes
// with their number.
type Suppress struct {
	Input Node
	By    []expr.Expr // over Input; NULL is a value like others
	For   int64       // µs
	// Proctime: For is of processing time, as the time of Input is.
	Proctime bool
	Columns  []int // per output column: of Input, SuppressCount or SuppressStatus
	Out      *event.Schema
}

// What a column of Suppress may be beside one of its input.
const (
	SuppressCount  = -1 // BIGINT: rows withheld; 0 on the first
	SuppressStatus = -2 // STRING: 'FIRST' or 'SUMMARY'
)

// Schema is the output.
func (n *Suppress) Schema() *event.Schema { return n.Out }

// Inputs is the one input.
func (n *Suppress) Inputs() []Node { return []Node{n.Input} }

// pruneSuppress drops columns that neither its reader nor the key reads.
func pruneSuppress(n *Suppress, need []bool) (Node, []int) {
	below := make([]bool, len(n.Input.Schema().Fields))
	for _, e := range n.By {
		MarkColumns(e, below)
	}
	for i, c := range n.Columns {
		if need[i] && c >= 0 {
			below[c] = true
		}
	}
	c := &Suppress{For: n.For, Proctime: n.Proctime}
	var at, moved []int
	c.Out, at = keep(n.Out, need)
	c.Input, moved = pruneTo(n.Input, below)
	for i, col := range n.Columns {
		switch {
		case !need[i]:
		case col >= 0:
			c.Columns = append(c.Columns, moved[col])
		default:
			c.Columns = append(c.Columns, col)
		}
	}
	for _, e := range n.By {
		c.By = append(c.By, Remap(e, moved))
	}
	return c, at
}

func describeSuppress(n *Suppress) (title string, details []string) {
	keys := make([]string, len(n.By))
	for i, e := range n.By {
		keys[i] = ExprString(e, n.Input.Schema())
	}
	details = []string{"for: " + function.Format(event.TDay, event.IntValue(n.For))}
	for i, c := range n.Columns {
		switch c {
		case SuppressCount:
			details = append(details, n.Out.Fields[i].Name+" = rows withheld")
		case SuppressStatus:
			details = append(details, n.Out.Fields[i].Name+" = 'FIRST' or 'SUMMARY'")
		}
	}
	return "Suppress(" + strings.Join(keys, ", ") + ")", details
}
