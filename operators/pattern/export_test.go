package pattern

// SetSlices makes the numbers of keys that are learned, and loaded for their
// deadlines, at a time those of a test; the result undoes it.
func SetSlices(learn, wake int) (undo func()) {
	l, w := learnKeys, wakeKeys
	learnKeys, wakeKeys = learn, wake
	return func() { learnKeys, wakeKeys = l, w }
}
