// Package filesystem writes tables as files into a folder or a bucket, and reads
// such files.
//
//	PATH/dt=2026-03-02/part-000000000007-0-….parquet   rows; there when committed, whole, never changed
//	PATH/_cepd/IDENTITY/staged/…                       files that are being written
//	PATH/_cepd/IDENTITY/log/000000000007               what was committed
//
// A transaction writes its files where nobody sees them: in a folder under
// another name, in a bucket as multipart uploads that are not completed. Then it
// puts an entry into the log, under the next number, that names them and says how
// far the table is. Only one writer can put an entry under a number: that is the
// commit, and what fences whoever wrote before. After it the files are published:
// renamed, or their uploads completed. A process that dies in between leaves that
// to the next, which first publishes the files of the last entry, then claims the
// number behind it, and then sweeps what else is staged.
//
//	stage, seal files ──▶ log entry n (if there is none) ──▶ publish files ──▶ stage …
//	                      └ decides            └ repeated until it is done
//
// Readers that know nothing of the log see committed files only, each as a whole;
// of a transaction that has several, for a moment some of them.
package filesystem
