// Package remote is what connectors to servers have in common: TLS options,
// waiting before another attempt, names made of a row's columns, and a bounded
// queue between the goroutine that receives and the reader that is polled.
//
//	connection ──▶ Queue (bytes bounded) ──▶ RawReader.Poll
package remote
