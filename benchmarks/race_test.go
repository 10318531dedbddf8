//go:build race

package benchmarks

// The race detector makes an event some twenty times dearer, and what runs here
// is single-threaded: make test runs these tests once more without it.
func init() { small = true }
