// Package exactlyonce kills and stops cepd, and its broker, while it delivers
// exactly once, and compares what a reader of committed records sees with an
// oracle.
package exactlyonce
