// Package nats is the connector 'nats': streams of NATS JetStream, read and
// written.
//
//	stream ── ordered consumer from a sequence ──▶ queue ──▶ reader
//	          offset = the message's sequence in the stream
//
//	row ──▶ message with Nats-Msg-Id QUERY/TABLE/ID ── published, acknowledged ──▶ Flush
//
// A stream keeps its messages, so a query that starts again reads them again and
// no log of cepd's own is needed. What the stream's limits have dropped meanwhile
// is gone: the source says so and ends, or goes on where the stream begins, as
// 'scan.offset.reset' has it.
package nats
