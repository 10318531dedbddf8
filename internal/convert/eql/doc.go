// Package eql converts sequences of EQL, Elasticsearch's Event Query Language, to cepd's
// SQL.
//
//	sequence by user with maxspan=5m     PARTITION BY user
//	  [process where a == 1]             PATTERN (E1 -> NOT U -> E2) WITHIN …
//	  [network where true]               AFTER MATCH SELECT LAST
//	until [process where b == 2]
//
// A sequence query is a state machine: one pending sequence in each state, for each
// value of the keys, and a later one takes the place of an earlier one. In cepd every
// first event begins a partial match, each waits for the first event that fits its next
// step, and two that wait for the same step complete at the same event; SELECT LAST
// leaves the one that began last. That is the one EQL has kept.
package eql
