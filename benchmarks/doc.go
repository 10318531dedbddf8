// Package benchmarks measures cepd on the workload of docs/benchmarks: what
// `make bench` prints and writes to benchmarks/results, and the counts that
// budgets.txt allows.
//
//	workload (seeded) -> columns in memory -> operators of the query -> count      memory.json
//	                  -> hand-written loop over the same columns     -> count      memory.json
//	workload -> JSON in Kafka -> engine -> Kafka                                   kafka.json
package benchmarks
