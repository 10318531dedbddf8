package parse_test

import (
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
)

// FuzzParse: no panic, no defect reported, errors inside the text, and what
// parses is printed as a text that parses to the same.
func FuzzParse(f *testing.F) {
	for i, text := range sampleTexts(f) {
		if i%20 == 0 || len(text) > 1000 {
			f.Add(text)
		}
	}
	for _, text := range []string{"", ";;", "SELECT", "'", "(", "a\x00b", "\xff", "/*+", "SELECT 'ä' AS ä -- ö", "SELECT - -a, INTERVAL - :x DAY"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		script, err := parse.Parse("", text)
		if err != nil {
			checkErrors(t, text, err)
			return
		}
		out := format.Print(text, script)
		again, err := parse.Parse("", out)
		if err != nil {
			t.Fatalf("printed %q: %v", out, err)
		}
		if !ast.Equal(script, again) {
			t.Fatalf("printed %q as %q, which is another script", text, out)
		}
		if len(script.Comments) != len(again.Comments) {
			t.Fatalf("printed %q as %q, which has lost comments", text, out)
		}
		if twice := format.Print(out, again); twice != out {
			t.Fatalf("printed %q as %q, and that as %q", text, out, twice)
		}
	})
}

func checkErrors(t *testing.T, text string, err error) {
	t.Helper()
	list, ok := diag.As(err)
	if !ok || len(list.Items) == 0 {
		t.Fatalf("not a list of errors: %v", err)
	}
	for _, d := range list.Items {
		if d.Span.Start < 0 || d.Span.End < d.Span.Start || d.Span.End > len(text) || strings.Contains(d.Message, "defect") {
			t.Fatalf("%q: %+v", text, d)
		}
	}
	_ = list.Error()
}
