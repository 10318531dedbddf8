// Package cell converts between the text of one value and its column, for
// every format that carries values as text.
//
//	"2024-01-02 03:04:05.123"  --Set-->     TIMESTAMP(3)   1704164645123000
//	"12.345"                   --Set-->     DECIMAL(9, 2)  1235
//	DECIMAL(9, 2) 1235         --Append-->  12.35
//
// Conversions are exact: integers are checked for their range, decimals are
// taken from the digits, doubles are the nearest to the digits.
package cell
