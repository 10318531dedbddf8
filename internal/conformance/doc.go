// Package conformance runs the cases of testdata/conformance: facts about
// pattern matching that were confirmed on other engines.
//
//	case.yaml -> CREATE TABLE events + query -> plan -> driver -> rows -> compare
//	                                                     |
//	             direct: the real operators, watermarks as the case says
//	             reference: the naive matcher of internal/reference
//
// A pattern given as CEP stages is translated to SQL text when it is loaded (cep.go).
//
// The format is described in testdata/conformance/README.md.
package conformance
