// Package pushed is tables whose messages come by themselves and cannot be asked
// for again: what MQTT and syslog have in common.
//
//	outside ──▶ Receiver ──▶ Inbox ──▶ log (state/intake) ──▶ readers of queries
//	   ◀── acknowledged when the log has it ──┘
//
// A table is received while a query reads it, once for all queries, under one
// name towards the outside. What is in the log is read again after a crash, also
// by queries that come later.
package pushed
