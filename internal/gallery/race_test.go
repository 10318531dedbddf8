//go:build race

package gallery

// The race detector makes a play some ten times dearer: make test plays with other
// seeds without it.
func init() { otherSeeds = false }
