// Package differential compares cepd with Flink SQL, query by query.
//
//	seed --Generate--> queries --Flink SQL, by make flink-answers--> testdata/answers.jsonl
//	                                                                        |
//	                     testdata/differences.txt (argued) ---> test <------+------ cepd
//
// The answers are recorded, so that the test needs neither Java nor Flink. A
// difference that stays is a line of differences.txt with its reason; a line
// that is not needed any more fails the test.
package differential
