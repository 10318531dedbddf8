// Package aggregate keeps the states of aggregates as columns: one Column per
// call, one state per slot. What a slot is, its user decides: a group of a
// window, a session, a key.
//
//	slots      0        1        2
//	COUNT(*)   3        1        7
//	SUM(x)     41.50    3.00     9.99
//	MAX(x)     40.00    3.00     5.00
//
// A Column works on a batch at a time, in loops over typed columns; only what
// is rare goes through an expr.Accumulator, row by row.
package aggregate
