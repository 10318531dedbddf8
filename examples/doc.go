// Package examples is queries to start from, a folder each: statements and the
// rule tests that show what they find.
package examples
