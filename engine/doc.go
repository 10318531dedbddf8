// Package engine runs queries: it owns execution, time, durability and the
// life of a query.
//
//	            poll, decode, scan, filter, prepare        order, match, project
//	partition 0 --> unit 0 --+                    +--> shard 0 --+
//	partition 1 --> unit 1 --+--> watermark ------+--> shard 1 --+--> outbox --> sink
//	partition 2 --> unit 2 --+    late rows       +--> shard 2 --+      ^
//	                                                                    | durable
//	                              journal ---------------------------> Pebble
//
// A Pipeline advances one query in bulk-synchronous steps (docs/decisions/
// 0002-steps-and-journal.md): between two steps nothing is in flight, so every
// step boundary is a consistent cut. A Pipeline starts no goroutine but the
// workers of its steps: a simulator calls Step, Commit, Deliver and Snapshot in
// the order it likes. A Query is a Pipeline with the goroutines of production
// around it:
//
//	run        Step in a loop; waits when there is nothing to do
//	commit     journal -> Pebble, synced
//	snapshot   captured state -> Pebble, one at a time
//	deliver    one per sink: outbox -> Sink
//
// Locks: each Outbox and the journal have one of their own; neither is held
// while the other is taken, and none during I/O.
package engine
