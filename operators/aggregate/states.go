package aggregate

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
)

// States is the Columns of several calls over the same slots.
type States struct {
	calls []Call
	Cols  []Column
	slots []int32 // scratch: what a FILTER lets through
	rows  []int32
}

// NewStates makes empty Columns.
func NewStates(calls []Call, o Options) *States {
	s := &States{calls: calls, Cols: make([]Column, len(calls))}
	for i := range calls {
		s.Cols[i] = New(&calls[i], o)
	}
	return s
}

// Resize makes each Column n states.
func (s *States) Resize(n int) {
	for _, c := range s.Cols {
		c.Resize(n)
	}
}

// Clear empties states.
func (s *States) Clear(slots []int32) {
	for _, c := range s.Cols {
		c.Clear(slots)
	}
}

// Add takes row rows[i] of b into slots[i].
func (s *States) Add(slots, rows []int32, b *event.Batch) error {
	for i, c := range s.Cols {
		at, of := slots, rows
		if f := s.calls[i].Filter; f >= 0 {
			at, of = s.filter(&b.Cols[f], slots, rows)
		}
		if err := c.Add(at, of, b); err != nil {
			return err
		}
	}
	return nil
}

func (s *States) filter(v *event.Vec, slots, rows []int32) (at, of []int32) {
	s.slots, s.rows = s.slots[:0], s.rows[:0]
	for i, r := range rows {
		if v.I64[r] != 0 && !v.Null(int(r)) {
			s.slots, s.rows = append(s.slots, slots[i]), append(s.rows, r)
		}
	}
	return s.slots, s.rows
}

// Merge takes the rows of from's other[i], as later ones, into slots[i].
func (s *States) Merge(slots []int32, from *States, other []int32) error {
	for i, c := range s.Cols {
		if err := c.Merge(slots, from.Cols[i], other); err != nil {
			return err
		}
	}
	return nil
}

// Append encodes the states of a slot; Read is its inverse.
func (s *States) Append(dst []byte, slot int32) []byte {
	for _, c := range s.Cols {
		dst = c.Append(dst, slot)
	}
	return dst
}

// Read decodes what Append made and gives what follows.
func (s *States) Read(src []byte, slot int32) ([]byte, error) {
	for _, c := range s.Cols {
		var err error
		if src, err = c.Read(src, slot); err != nil {
			return nil, err
		}
	}
	return src, nil
}

// Bytes is the memory held, roughly.
func (s *States) Bytes() (n int64) {
	for _, c := range s.Cols {
		n += c.Bytes()
	}
	return n
}

// resize gives s n entries, in the memory it has where that is enough; new ones
// are zero.
func resize[T any](s []T, n int) []T {
	old := len(s)
	if n <= old {
		return s[:n]
	}
	s = slices.Grow(s, n-old)[:n]
	clear(s[old:])
	return s
}
