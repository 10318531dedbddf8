// Package lookup joins rows with a table that is asked for the rows of a key, over
// the network or in a database (FOR SYSTEM_TIME AS OF the processing time).
//
//	batch -> keys -> known in this step? -> in the cache? -> ask for the rest, at once
//	                                                            |
//	rows <------------- left rows in order, with their partners <+
//
// What is asked is answered by the engine (operators.Answerer), which keeps the
// answers of a step in its journal. The cache is state: it changes only between two
// steps, by the processing time of steps and the order of rows, so that a replay
// asks for exactly what was asked for. See docs/decisions/0027-lookups.md.
package lookup
