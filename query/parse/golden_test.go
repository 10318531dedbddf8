package parse_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse"
)

// TestGolden: "parse" shows the tree of a script, "expr" that of an expression;
// both show the errors instead where there are any.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "parse":
				script, err := parse.Parse("", d.Input)
				if err != nil {
					return err.Error()
				}
				var b strings.Builder
				for _, s := range script.Statements {
					dump(&b, reflect.ValueOf(s), 0)
				}
				return b.String()
			case "expr":
				e, err := parse.Expr("", d.Input)
				if err != nil {
					return err.Error()
				}
				var b strings.Builder
				dump(&b, reflect.ValueOf(e), 0)
				return b.String()
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

// dump writes what is not the zero value: a struct by its type and a line for
// each field, names in one line.
func dump(b *strings.Builder, v reflect.Value, depth int) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch n := v.Interface().(type) {
	case ast.Ident:
		fmt.Fprintf(b, "%s\n", identText(n))
		return
	case ast.Name:
		fmt.Fprintf(b, "%s\n", pathText(n.Parts))
		return
	case ast.Ref:
		fmt.Fprintf(b, "Ref %s\n", pathText(n.Parts))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		dumpStruct(b, v, depth)
	case reflect.Slice:
		b.WriteString("\n")
		for i := range v.Len() {
			fmt.Fprintf(b, "%s- ", strings.Repeat("  ", depth))
			dump(b, v.Index(i), depth+1)
		}
	case reflect.String:
		fmt.Fprintf(b, "%q\n", v.String())
	default:
		fmt.Fprintf(b, "%v\n", v.Interface())
	}
}

func dumpStruct(b *strings.Builder, v reflect.Value, depth int) {
	fmt.Fprintf(b, "%s\n", v.Type().Name())
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Anonymous || f.Type() == reflect.TypeFor[diag.Span]() || f.IsZero() {
			continue
		}
		fmt.Fprintf(b, "%s%s: ", strings.Repeat("  ", depth+1), v.Type().Field(i).Name)
		dump(b, f, depth+1)
	}
}

func identText(id ast.Ident) string {
	if id.Quoted {
		return "`" + id.Name + "`"
	}
	return id.Name
}

func pathText(parts []ast.Ident) string {
	var texts []string
	for _, id := range parts {
		texts = append(texts, identText(id))
	}
	return strings.Join(texts, ".")
}
