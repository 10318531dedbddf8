package ast

import (
	"testing"

	"github.com/cepd/cepd/internal/diag"
)

func TestEqual(t *testing.T) {
	ref := func(name string, at int) Expr {
		r := &Ref{Parts: []Ident{{Name: name}}}
		r.Span = diag.Span{Start: at, End: at + len(name)}
		return r
	}
	loop := func(text string, low int) Node {
		return &PatQuant{Item: &PatEmpty{}, Min: low, Max: low, Text: text}
	}
	for name, c := range map[string]struct {
		a, b Node
		want bool
	}{
		"other place":       {ref("a", 0), ref("a", 7), true},
		"other name":        {ref("a", 0), ref("b", 0), false},
		"other node":        {ref("a", 0), &Param{Name: "a"}, false},
		"missing part":      {&Unary{Op: "-", X: ref("a", 0)}, &Unary{Op: "-"}, false},
		"longer list":       {&Row{Items: []Expr{ref("a", 0)}}, &Row{}, false},
		"comments":          {&Script{Comments: []Comment{{Text: "--"}}}, &Script{}, true},
		"loop spelling":     {loop("{1}", 1), loop("{01}", 1), true},
		"loop out of range": {loop("{99999999999}", -2), loop("{99999999998}", -2), false},
		"nothing":           {nil, nil, true},
		"one nothing":       {ref("a", 0), nil, false},
	} {
		if got := Equal(c.a, c.b); got != c.want {
			t.Errorf("%s: Equal is %v", name, got)
		}
	}
}
