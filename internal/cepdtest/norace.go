//go:build !race

package cepdtest

// Raced says that the race detector is on; see race.go.
const Raced = false
