// Package parse reads CEP SQL: text in, syntax tree (query/ast) or diagnostics
// (internal/diag) out. It alone knows ANTLR.
//
//	text -> lexer -> tokens -> nest, split, contextual -> parser -> builder -> ast
//	        (gen)              (tokens.go, context.go)    (gen)     (build*.go)
//
// # API
//
//	Parse(file, text)  a file of statements separated by semicolons
//	Query(file, text)  one query
//	Expr(file, text)   one expression
//
// Errors are a *diag.List with the first mistake of each statement. A text may
// have MaxTextBytes bytes, 200,000 words and signs up to a semicolon, and 200 levels of nesting.
//
// # Names and keywords
//
// Most keywords are names too. A word with two roles that its neighbours tell
// apart (OFFSET, FILTER, DATE, TO, …) is settled on the token list before
// parsing, which keeps the grammar free of ambiguity and nearly every decision
// at one token of lookahead; the reserved words are the last block of keywords
// in CEPLexer.g4.
//
// # The grammar
//
// CEPLexer.g4 and CEPParser.g4; scripts/generate.sh makes gen from them, and a
// test compares their hash with the one recorded there.
package parse
