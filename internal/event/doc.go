// Package event holds what flows through cepd: types, values, columns, batches.
//
// A batch is columnar. A filter shrinks Sel and copies nothing; columns are
// typed slices without pointers, so the garbage collector does not look into
// them.
//
//	         Cols[0] BIGINT   Cols[1] STRING            Time      ID
//	row 0    I64[0]           Str[0] -> Buf[0:2]        Time[0]   (partition, offset)
//	row 1    I64[1]           Str[1] -> Buf[2:9]        Time[1]
//	...
//	Sel = [1 4 5]             only these rows are live; nil means all of N
//
// A batch belongs to who made it and is valid only during the call that
// received it: what must outlive the call is copied.
package event
