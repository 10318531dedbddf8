// Package cold is state of keys that is in the store only. What the operators
// with keyed state have in common in letting go of it:
//
//	memory           warm keys          which keys are cold       deadlines that are near
//	                 |         ^        (Keys: 32 bits each)      (Alarms: a heap)
//	        snapshot v         | Fetch                             ^
//	store            prefix key -> state                          time serial -> deadlines, keys
//
// Only snapshots write. A key can be let go of when the last snapshot has it as it
// is and is in the store, so that letting go writes nothing and a crash finds
// nothing but that snapshot (docs/decisions/0016-cold-state.md).
package cold
