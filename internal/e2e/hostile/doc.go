// Package hostile sends records that want to do harm through every connector in
// every format, and damages the disk of a broker.
package hostile
