package parse_test

import (
	"reflect"
	"testing"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
)

// TestSpans: the text of a node's span, parsed alone, is that node.
func TestSpans(t *testing.T) {
	for i, text := range sampleTexts(t) {
		if i%5 > 0 && len(text) < 1000 { // the conformance queries are many and alike
			continue
		}
		script, err := parse.Parse("", text)
		if err != nil {
			t.Fatal(err)
		}
		walk(reflect.ValueOf(script), func(n ast.Node) { checkSpan(t, text, n) })
	}
}

func checkSpan(t *testing.T, text string, n ast.Node) {
	t.Helper()
	span := n.Pos()
	if span.Start < 0 || span.Start >= span.End || span.End > len(text) {
		t.Fatalf("%T has the span %v of %d bytes", n, span, len(text))
	}
	part := text[span.Start:span.End]
	switch n := n.(type) {
	case *ast.Keyword, *ast.TypeArg, *ast.NamedArg, *ast.TableArg, *ast.Descriptor, *ast.VarStar:
	case ast.Expr:
		if again, err := parse.Expr("", part); err != nil || !ast.Equal(n, again) {
			t.Errorf("%T: span is %q, node is %s (%v)", n, part, format.Expr(n), err)
		}
	case ast.Query:
		if again, err := parse.Query("", part); err != nil || !ast.Equal(n, again) {
			t.Errorf("%T: span is %q, node is %s (%v)", n, part, format.Query(n), err)
		}
	case ast.Statement:
		if again, err := parse.Parse("", part); err != nil || !ast.Equal(n, again.Statements[0]) {
			t.Errorf("%T: span is %q (%v)", n, part, err)
		}
	}
}

// walk calls visit on every node below v that is behind a pointer.
func walk(v reflect.Value, visit func(ast.Node)) {
	switch v.Kind() {
	case reflect.Interface:
		walk(v.Elem(), visit)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if n, ok := v.Interface().(ast.Node); ok {
			visit(n)
		}
		walk(v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Struct:
		if f, ok := v.Interface().(ast.TableFunction); ok { // its call has a syntax of its own
			walk(reflect.ValueOf(f.Call.Args), visit)
			return
		}
		for i := range v.NumField() {
			walk(v.Field(i), visit)
		}
	}
}
