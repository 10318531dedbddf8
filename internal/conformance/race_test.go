//go:build race

package conformance

// The race detector makes a case some ten times dearer.
func init() { defaultSeeds = 2_000 }
