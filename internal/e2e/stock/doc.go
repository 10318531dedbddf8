// Package stock checks pattern queries over a real stream, 224,473 stock
// trades of one day, against the naive matcher: in memory with several batch
// sizes, and as JSON through a real Kafka broker.
package stock
