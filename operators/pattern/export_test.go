package pattern

import "github.com/cepd/cepd/operators/cold"

// SetSlices makes the numbers of keys that are learned, and loaded for their
// deadlines, at a time those of a test; the result undoes it.
func SetSlices(learn, wake int) (undo func()) {
	l, w := cold.Learned, cold.Woken
	cold.Learned, cold.Woken = learn, wake
	return func() { cold.Learned, cold.Woken = l, w }
}
