// Package intake is the logs of a server: one per table that events are posted
// to, in the store that has the state of the queries.
//
//	post ─┐                                          ┌─ reader of query a
//	post ─┼─▶ committer ─ one synced batch ─▶ store ─┤
//	post ─┘      │                                   └─ reader of query b
//	             └─▶ answers, each with its offsets
//
// All posts that wait are committed together, with one sync. A record is there
// when its post is answered, and stays until all queries are past it and the
// table's limits of bytes and age let it go: whole segments leave, the oldest
// first. A log that is full of what a query has not read refuses more.
//
// The keys of a table, behind 'i', the length of its name and the name:
//
//	m               meta: what is kept, and how far
//	p               the mark: how far the outside has been taken in
//	e | last offset a block: the records of a post
//	s | end offset  a segment: how much its blocks are, and how old
//	r | query       the offset from which a query may have to read again
//	k | key         an idempotency key: the sum of its body, and the answer
//	o | number      the keys in the order in which they came
//
// The store has the checksums, cuts off what a crash has left half written, and
// says what is damaged.
package intake
