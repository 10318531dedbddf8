// Package suppress is SUPPRESS BY key FOR interval: of the detections of one
// key the first passes, those that follow it in less than the interval are
// withheld and counted, and when the interval is over the last of them comes
// out with their number, as the summary.
//
//	detections of a key   1    2  3 4        |   5          |
//	                      ├──────── for ─────┤   ├── for ───┤
//	out                   1 FIRST            4 SUMMARY (3)
//	                                             5 FIRST
//
// The interval is one for all keys and rows come in the order of time, so open
// windows end in the order in which they began: a queue serves as their timers.
// A window that has ended leaves nothing behind.
package suppress
