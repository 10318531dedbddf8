// Package stream is tables that queries write and that people and programs follow
// as rows come, over HTTP.
//
//	query ──▶ Sink ──▶ log (state/intake) ──▶ Reader ──▶ browser, program
//	   ◀── acknowledged when the log has it ──┘
//
// The log is the one of what is posted to a server, the other way round: it is on
// the disk where the state is, keeps so much and so long, and lets the oldest go.
// Readers hold nothing back: one that is slower than the log lets go gets a gap.
package stream
