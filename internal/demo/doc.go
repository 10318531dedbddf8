// Package demo is the fraud demonstration: a made-up world of card payments
// with planted frauds, run through the real engine over a Kafka-protocol
// broker in the same process, and a count of what was found.
//
//	World --JSON--> broker: payments --> cepd: fraud.sql --> broker: alerts --> Report
//	  |                                                                           |
//	  +-- planted frauds and the last payments of each card ----------------------+
//
// The world is deterministic: a seed gives the same payments. Its time runs
// faster than the wall clock (ten minutes a second), so that a day's rhythm and
// ten-minute patterns are seen within minutes.
package demo
