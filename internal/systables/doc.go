// Package systables answers a SELECT over what a server knows of itself: its
// queries, their open matches, partitions, operators and sinks, its tables.
//
//	SELECT ─parse, bind─▶ plan ─▶ the tables it names ─▶ rows of this moment,
//	                                                     in memory
//	answer ◀─ORDER BY, LIMIT── rows that stand ◀─ the operators of any query
//
// The rows are read once, so that the SELECT ends; a query that goes on cannot
// name a system table.
package systables
