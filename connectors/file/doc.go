// Package file reads tables from files and appends tables to them.
//
//	'path' = 'events.jsonl'      one partition
//	'path' = 'logs/*.csv'        one per file, in the order of the names
//	'path' = 'archive'           a directory: one per file in it
//	'path' = 'events.jsonl.gz'   read by decompressing from the start
//	'path' = 'days/*.parquet'    with 'parquet.splits', several per file
//
// The offset of a record is the place of its first byte in the (decompressed)
// file, in Parquet the number of the row, so that reading goes on anywhere. Between two runs of a query files may
// grow, and new ones may come whose names sort after the others.
//
// With 'scan.reload-interval' a file is read as a whole, and again when it has
// changed: its rows are then those that joins look up from there on.
//
// The sink appends lines. What Flush has returned for is on disk; a line that a
// crash tore is closed before the next one.
package file
