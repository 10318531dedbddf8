//go:build race

package cepdtest

// Raced says that the race detector is on, which makes a case some ten times dearer.
// Tests of many cases run few of them with it; make test runs all once more without it.
const Raced = true
