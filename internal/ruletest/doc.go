// Package ruletest runs rule tests: rows in, detections out, in virtual time.
//
//	fraud_test.yaml ─┐              ┌─ rows ──▶ tables ──▶ queries ──▶ tables ─┐
//	fraud.sql ───────┴─▶ compile ──▶│  watermark, clock                        ├─▶ compare
//	                                └─ expect ─────────────────────────────────┘
//
// The statements run as they are, on the real engine, single-threaded. Only the
// connectors are others: every table is a list in memory, read and written in
// the table's own format, so that a record that would be rejected is rejected
// here. Time is that of the rows and of the test; nothing waits.
package ruletest
