// Package convert is what the converters of other languages' rules share: names,
// texts and durations as cepd's SQL writes them. Package eql reads EQL, package sigma
// reads Sigma rules.
//
//	text ──parse──▶ rule ──refuse by name──▶ SQL text ──query/format──▶ statements
//
// A converter translates what means the same in both languages. The rest it refuses,
// at its place and with the reason; it never gives a rule that finds something else.
package convert
