// Package json reads and writes records that are JSON objects.
//
// The decoder is a single pass over the bytes that fills columns directly:
//
//	{"ts":1700002800000,"card":60119,"country":"FR","ref":"00"}
//	 ───▲ ─────────────  ────▲ ─────  ──────▲   ▲         ▲
//	    │       │            │              │   │         └ not a column: checked, passed over
//	    │       │            │              │   └ a view of the record's bytes
//	    │       └ digits straight into Vec.I64
//	    └ compared with the key seen at this place in the record before
//
// Keys are compared as whole words with what the previous record had at the
// same place; only a surprise is looked up. Nothing is allocated per record.
//
// What is not a column is still checked: the whole record has to be valid JSON
// (RFC 8259) in valid UTF-8, nested at most 64 deep. Of a key that occurs twice
// the last value counts. A \u escape of half a surrogate pair becomes U+FFFD.
package json
