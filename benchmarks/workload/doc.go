// Package workload makes the events that all systems are measured on. They are
// defined to the bit, so that results can be compared across systems and
// machines: one xorshift64* generator per stream, seed 42.
//
//	{"ts":1700002800000,"card":60119,"amount":147.44,"country":"FR","kind":"auth"}
//	{"ts":1700002800000,"symbol":"AMAT","price":60.18,"volume":769}
//
// Events come as structs, as columns, as JSON, and as a source for the engine.
package workload
