// Package sim runs the engine through faults that a seed chooses, in simulated
// time, and compares what it delivers with a run that had none.
//
//	Scenario (from a seed) --> records, faults, order of turns
//
//	          scheduler: one task at a time, the next by lot
//	   process 1: step  commit  deliver 0 ...  snapshot
//	   process 2: ...               (a process that was replaced may run on)
//	        |               |                 |
//	     broker          broker             disk: Pebble on a file system in memory
//	  (partitions)  (transactions, marks)   that forgets what was not synced
//
// A task gives its turn away wherever the engine meets the outside: a poll, a
// write to the store, each request of a sink. Between two such places nothing
// else runs, so a scenario determines the run: the same seed gives the same
// trace, byte for byte.
//
// What has to hold is in check.go. docs/simulation.md tells how to use it.
package sim
