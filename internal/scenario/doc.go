// Package scenario makes events up from a description: ordinary traffic, stories
// that a rule should find planted among it, and others that only look like them.
// What was planted is told beside the events, so that what a rule found can be
// counted.
//
//	traffic:   purchases of cards, 2,000 an hour, with a day's rhythm
//	scenarios: three small payments, then a large one  -> label: card_testing
//	           two small payments, then a large one    -> decoy
//
// All of it is a story: entities that take part, a start (so many in all, so many
// an hour, or each entity every so often), and steps, which are events with times
// between them. Values are constants, references, and distributions.
//
// Events come in the order of their arrival. The same file and seed give the same
// bytes: each story draws from a random stream of its own.
package scenario
