// Package kafka reads and writes Kafka topics. It is the only package that
// imports the client library, of which it uses the wire layer alone
// (connections, TLS, SASL, versions, routing): record batches, fetching,
// filtering of aborted transactions and producing are its own, because the
// library's Reader hands out aborted records and copies each one, and its
// Writer cannot take part in transactions.
//
//	            one request per leader in flight
//	broker ---> fetcher ---> reader of a partition ---> Poll: spans of the
//	            (fills every  (queue of record sets,     fetched bytes, or of
//	            reader that   at most its share of       the opened ones
//	            has room)     'scan.fetch.max-bytes')
//
//	Write ---> batch being filled, per partition ---> sender, one request per
//	           (full, lingered or flushed: sealed)    leader in flight, retried
//
// Back-pressure is not fetching: a reader whose queue is full is left out of
// the requests. Write blocks while 'properties.buffer.memory' is used up.
package kafka
