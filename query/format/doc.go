// Package format prints CEP SQL in its canonical layout: keywords in upper
// case, a clause per line, MATCH_RECOGNIZE indented, comments where they were.
//
//	Script(text)  text -> parse -> print -> parse again, compare -> text
//
// The result means the same as the text, which Script verifies before it
// answers, and formatting it again changes nothing.
//
// A clause stays on its line while it fits into 100 columns and no comment
// stands inside it; otherwise its items get a line each. A comment keeps its
// place among clauses and items; one inside an expression moves to the end of
// the expression's line.
package format
