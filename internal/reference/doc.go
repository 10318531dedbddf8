// Package reference is MATCH_RECOGNIZE as the standard's text reads, written to
// be believed and not to be fast: it exists so that the matcher of
// operators/pattern can be checked against something that shares no code with
// it.
//
//	rows of a partition, sorted          r0 r1 r2 r3 r4 …
//	for each start row                      ^
//	  try the pattern in preference order   A  B  B        (backtracking)
//	  the first that fits is the match      measures over the list [A B B]
//	go on where AFTER MATCH SKIP says
//
// Everything is a list that is walked from its beginning: there is no
// automaton, no incremental aggregate and no state between two start rows.
package reference
