// Package over aggregates the rows before each row (OVER).
//
// A key keeps the rows that its longest frame reaches back to, once for all
// frames: time, neighbours, and per distinct aggregate the state of that row
// alone. A frame is a place in that list and a running state:
//
//	rows      r1   r2   r3   r4   r5 (now)
//	24 h      ^---------------------   running state: r1 … r5
//	1 h                 ^-----------   running state: r3 … r5
//
// A new row is merged into every frame; rows that fall out of one are taken out
// of its state where the aggregate can do that exactly, else the frame is two
// stacks (as in package window, with rows in place of panes). So a row costs the
// same whatever the frames' lengths.
//
// Rows come in the order of time. With RANGE a row sees those of its own time,
// too: the last time of a batch waits for the next batch or the watermark.
// Batches are worked on in rounds of rows with different keys, so that each step
// is one loop over columns.
package over
