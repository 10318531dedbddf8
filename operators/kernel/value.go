package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// Format is a value as an SQL literal.
func Format(t event.Type, v event.Value) string { return function.Format(t, v) }

// Compare orders values of type t: NULL first, NaN last.
func Compare(t event.Type, a, b event.Value) int { return function.Compare(t, a, b) }

// Equal says whether Compare gives 0.
func Equal(t event.Type, a, b event.Value) bool { return function.Equal(t, a, b) }

// Hash is the same for Equal values, in every process.
func Hash(t event.Type, v event.Value) uint64 { return function.Hash(t, v) }

func b2i(b bool) int64 {
	var i int64
	if b {
		i = 1
	}
	return i
}
