// Package infer proposes the table that a sample of records is of.
//
//	records ──▶ guesses, joined field by field ──▶ types ──▶ CREATE TABLE
//
// The same sample gives the same text. A guess is what every value of the sample
// can be read as; what follows the sample may still be otherwise, and is then
// rejected with a reason.
package infer
