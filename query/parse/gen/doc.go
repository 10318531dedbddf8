// Package gen is the lexer and parser that ANTLR makes from CEPLexer.g4 and
// CEPParser.g4; scripts/generate.sh writes it. Only query/parse imports it.
package gen
