//go:build race

package conformance

// The race detector makes a case some ten times dearer: make test runs all of them
// once more without it.
func init() { defaultSeeds, crashEvery = 2_000, 10 }
