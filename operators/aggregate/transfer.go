package aggregate

import "encoding/binary"

// Transfer carries encoded states of some calls over to other calls.
type Transfer struct {
	from  *States // of one slot
	empty [][]byte
	At    []int // by new call: the old one with its states; -1: it has none
	known []bool
	spans [][]byte // of the old calls in what is being read
}

// NewTransfer carries states over to calls, at has for each the one of from that
// has the same states, or -1.
func NewTransfer(from, to []Call, at []int, o Options) *Transfer {
	t := &Transfer{from: NewStates(from, o), At: at, spans: make([][]byte, len(from))}
	t.from.Resize(1)
	empty := NewStates(to, o)
	empty.Resize(1)
	for i, c := range empty.Cols {
		t.empty = append(t.empty, c.Append(nil, 0))
		t.known = append(t.known, to[i].CountsAll())
	}
	return t
}

// Unknown are the calls that begin with no rows. Counted says that groups are known
// to have so many rows, so that COUNT(*) is.
func (t *Transfer) Unknown(counted bool) (calls []int) {
	for i, at := range t.At {
		if at < 0 && !(counted && t.known[i]) {
			calls = append(calls, i)
		}
	}
	return calls
}

// Append appends the new states of the old ones that src begins with, those of so
// many rows (-1: nobody knows how many), and gives what follows them.
func (t *Transfer) Append(dst, src []byte, rows int64) (out, rest []byte, err error) {
	one := []int32{0}
	for i, c := range t.from.Cols {
		c.Clear(one)
		rest, err := c.Read(src, 0)
		if err != nil {
			return nil, nil, err
		}
		t.spans[i], src = src[:len(src)-len(rest)], rest
	}
	for i, at := range t.At {
		switch {
		case at >= 0:
			dst = append(dst, t.spans[at]...)
		case t.known[i] && rows >= 0:
			dst = binary.AppendVarint(dst, rows)
		default:
			dst = append(dst, t.empty[i]...)
		}
	}
	return dst, src, nil
}

// State names the states of a call: those of SUM and AVG are the same.
func (c *Call) State() string {
	if c.Fn.Name == "AVG" && !c.Distinct && len(c.OrderBy) == 0 {
		switch numeric(c).(type) {
		case *exact, *floatSum:
			return "SUM" + c.Fn.Version
		}
	}
	return c.Fn.Name + c.Fn.Version
}
