package function

import "github.com/cepd/cepd/internal/expr"

var stringFuncs, regexpFuncs, mathFuncs, timeFuncs, hashFuncs, jsonFuncs, collectionFuncs []*expr.Func

type LikePattern struct{}

func CompileLike(p []byte, esc rune) (*LikePattern, error) { return nil, nil }
func (*LikePattern) Match(s []byte) bool                   { return false }
