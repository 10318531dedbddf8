// Package trace makes spans of OpenTelemetry and sends them to a collector, and
// reads and writes the header traceparent (W3C Trace Context). It alone knows the
// library.
//
//	Start … End ──▶ queue, bounded: what does not fit is dropped and counted ──▶ batches ──▶ OTLP over HTTP
//
// Traces are best effort: nothing waits for them, and nothing that goes wrong
// with them is an error of a query.
package trace
