// Package rises is a load with a known truth, for tests that break things:
// meters give readings, and a rise is two readings of a meter in a row of which
// the second is higher. A World plays readings and knows every rise in them, a
// Reader collects the rises that were found, with a client that is not cepd's.
package rises
