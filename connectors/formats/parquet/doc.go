// Package parquet reads Parquet files into columns.
//
//	file ──▶ row groups ──▶ leaves: values with their levels ──▶ columns
//
// A leaf's values come with the levels of Dremel (Melnik et al., VLDB 2010): how
// deep the value is there, and which repetition begins with it. A field of the
// table is a tree over leaves, and a row is assembled by asking each leaf for what
// is next.
//
// The offset of a row is its number in the file. Row groups can be dealt out to
// several readers. Damage ends a row group: its next row is rejected with the
// reason, and reading goes on with the group behind it.
package parquet
