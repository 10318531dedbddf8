// Package assist is what an editor asks while a text is being written: what is
// wrong, what may come next, what a word means, where it is defined.
//
//	text ──▶ parse.Partial, query.CompileDraft ──▶ findings, catalog
//	text, place ──▶ site (words, grammar, scope) ──▶ items, hover, definition
//
// A place is looked at by its words and brackets, which is possible however
// broken the text is; what the grammar would take there is asked of the parser,
// and the columns in scope of the checker, which binds the tables of FROM one by
// one. Nothing is connected to, and no file read but through Tools.ReadFile.
package assist
