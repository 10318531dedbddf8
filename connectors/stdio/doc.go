// Package stdio reads tables from the standard input and writes them to the
// standard output.
//
//	stdin ─▶ goroutine: cut into records ─▶ 4 blocks ─▶ Poll
//
// The offset of a record is its number. Input that has been read is gone: a
// query cannot go back in it.
package stdio
