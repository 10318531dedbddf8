// Package constraint decides, where that is cheap, whether conditions can hold
// together: it is what stands behind advice such as "this can never be true".
//
//	price > 5 AND price < 3      price: (5, ∞) ∩ (-∞, 3) = ∅       impossible
//	kind = 'a' OR kind = 'b'     two cases, each {kind: 'a'} or {'b'}
//
// What is known is kept per term, a part of a condition that is not looked
// into: an interval with exceptions, or a finite set, in the exact order of the
// term's type, and whether the term may be NULL or NaN. Two terms may also
// stand in an order to each other, which is carried on from one to the next
// (Vilain and Kautz, Constraint propagation algorithms for temporal reasoning,
// AAAI 1986). Differences of times are terms of their own. Logic is
// three-valued.
//
// The answer "impossible" is a proof, "possible" is not: what is not understood
// counts as possible, and so does what would take too long.
package constraint
