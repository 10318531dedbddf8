// Package wasm runs functions that users bring as WebAssembly modules: alone, with
// bounded memory and time, a batch of rows per call (docs/functions/wasm.md).
//
// A module imports nothing, so that it sees no clock, no randomness and no files. It
// exports its memory, cepd_alloc, and a function per SQL function:
//
//	cepd_alloc(size i32) -> i32          room for what cepd writes, at a multiple of 8
//	risk(rows i32, frame i32) -> i32     0, or anything else: no row could be computed
//
// A frame describes columns, first the arguments, then the result, each in 16 bytes:
//
//	values i32 | nulls i32 | bytes i32 | length i32
//
// values is the place of one number per row, 8 bytes each, little-endian: an i64 for
// BOOLEAN (0, 1), integers, DATE (days), TIME and TIMESTAMP (µs) and intervals, an f64
// for FLOAT and DOUBLE. Of STRING and BYTES it is rows + 1 offsets (u32) into bytes.
// nulls is a byte per row: 1 is NULL, and in the result 2 says that the row failed.
// The function writes values and nulls of the result where the frame says; for STRING
// and BYTES it also sets bytes and length to memory of its own, which has to stay as it
// is until the next call.
//
// An aggregate is three functions over a state of BYTES, which is NULL at first:
// f_add(state, arguments …) and f_merge(state, state) give a state, f_result(state)
// the result.
package wasm
