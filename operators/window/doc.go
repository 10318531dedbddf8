// Package window aggregates the groups of windows.
//
// A row falls into one pane, a stretch of time that no window divides. A pane
// is a table from group keys to slots, and the states of the aggregates by slot
// (package aggregate). Windows are made of panes, so that a row costs the same
// however many windows it is in:
//
//	TUMBLE    one pane is one window
//	HOP       panes of gcd(size, slide). Per group a running total: a pane is
//	          added when the watermark passes it and taken out when windows no
//	          longer reach back to it
//	CUMULATE  panes of one step; the running total is emptied at the end of size
//	SESSION   no panes: a list of open sessions per key, which merge when a row
//	          comes between them
//
// Aggregates that can take a pane out again exactly (counts, sums of integers
// and DECIMAL, distinct values) do so. The others (MIN, sums of DOUBLE …) use
// two stacks, as in Tangwongsan, Hirzel, Schneider and Wu, "General incremental
// sliding-window aggregation" (VLDB 2015), with the panes' own states as the
// front stack: see running.
//
// Rows may come in any order. A window is reported when the watermark passes
// its end, its groups in the order of their slots, which is that of their
// first rows.
package window
