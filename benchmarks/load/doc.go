// Package load runs queries under a load and measures them: cepd bench.
//
//	script --compile--> queries; their tables' connectors are wrapped:
//
//	source (recorded, generated) -> reader: gate, schedule, limits -> engine -> sink: counts, latencies
//
// Flat out, a reader gives what the engine asks for. At a rate, row i is due at
// start + i/rate, whether or not the engine is ready for it: a latency is taken
// from when the row that let a detection leave was due, not from when the engine
// came to it, so that a stall counts for every row that it delays (no coordinated
// omission). Which row that was is known beforehand (index.go).
package load
