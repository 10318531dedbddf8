//go:build race

package stock

// The race detector makes a match some thirty times dearer, and one shard is
// single-threaded: make test does all of it once more without it.
func init() { small = true }
