// Package csv reads and writes records that are lines of separated fields.
//
//	1700002800000,60119,"O'Hara, ""Pat""",,147.44
//	│             │     │                 │└ by place: the n-th declared column
//	│             │     │                 └ empty: NULL, for STRING the empty text
//	│             │     └ quotes hold delimiters, line breaks, and "" for a quote
//
// Fields go by the place of the column in the table's declaration, whatever
// part of the columns a query reads. Times are as in SQL, or milliseconds.
package csv
