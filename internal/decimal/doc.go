// Package decimal is exact DECIMAL arithmetic up to 38 digits.
//
// A value is an unscaled 128-bit two's complement integer; its scale is in its
// type and passed to the operations that need it:
//
//	DECIMAL(12, 2)  12.50  =  Int{Hi: 0, Lo: 1250}, scale 2
//
// Rounding is HALF_UP, away from zero, as in Flink SQL. Most values fit 64
// bits; those take paths without 128-bit divisions, and only products and
// dividends above 128 bits use math/big.
package decimal
