// Package memory is tables inside the process, for tests and for programs that
// embed the engine.
//
//	program ─Append─▶ ┌────────────┐ ─▶ query ─▶ ┌────────────┐ ─Rows─▶ program
//	                  │ table "in" │             │ table "out"│
//	program ─Close──▶ └────────────┘             └────────────┘
//
// A table keeps every row, in order, up to the store's limit; the offset of a
// row is its number. Reading ends where the table has been closed. A table may
// be written by one query and read by others.
package memory
