package assist_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/assist"
	"github.com/cepd/cepd/internal/diag"
)

// FuzzAssist: whatever the text and the place, nothing panics, and spans lie in
// the text.
func FuzzAssist(f *testing.F) {
	for _, name := range []string{"complete", "subject", "diagnose"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n----\n") {
			part = part[strings.LastIndex(part, "\n\n")+1:]
			before, after, _ := strings.Cut(part, "¦")
			f.Add(before+after, len(before))
		}
	}
	tools := tools(f)
	f.Fuzz(func(t *testing.T, text string, at int) {
		check := func(s diag.Span) {
			if s.Start < 0 || s.End < s.Start || s.End > len(text) {
				t.Fatalf("%q at %d: span %v", text, at, s)
			}
		}
		c := tools.Complete("", text, at)
		if at >= 0 && at <= len(text) {
			check(c.Span)
		}
		if s := tools.Subject("", text, at); s != nil {
			check(s.Span)
			if h := s.Home; h != nil && (h.Span.Start < 0 || h.Span.End > len(h.Source) || h.Span.End < h.Span.Start) {
				t.Fatalf("%q at %d: home %v", text, at, h.Span)
			}
		}
		for _, d := range tools.Diagnose("", text) {
			check(d.Span)
		}
		for _, d := range assist.Symbols(text) {
			check(d.Span)
		}
	})
}

func TestUTF16(t *testing.T) {
	const text = "ä𝄞b\xffc"
	for offset, want := range map[int]int{0: 0, 2: 1, 6: 3, 7: 4, 8: 5, 9: 6, 99: 6, -1: 0} {
		if got := assist.UTF16(text, offset); got != want {
			t.Errorf("byte %d is unit %d, expected %d", offset, got, want)
		}
		if offset >= 0 && offset <= len(text) && assist.FromUTF16(text, want) != offset {
			t.Errorf("unit %d is byte %d, expected %d", want, assist.FromUTF16(text, want), offset)
		}
	}
	if !utf8.ValidString("ä𝄞") || assist.FromUTF16(text, 99) != len(text) {
		t.Error("behind the end is the end")
	}
}

// long is a text of a hundred lines.
func long() string {
	const table = "CREATE TABLE t% (card BIGINT, amount DECIMAL(12, 2), country STRING,\n  ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)\n  WITH ('connector' = 'stdin', 'format' = 'json');\nSELECT * FROM t% MATCH_RECOGNIZE (\n  PARTITION BY card ORDER BY ts\n  MEASURES COUNT(S.*) AS probes, L.amount AS amount, FIRST(S.ts) AS began\n  PATTERN (S{3} L) WITHIN INTERVAL '10' MINUTE\n  DEFINE S AS S.amount < 10 AND S.country = 'x',\n    L AS L.amount > AVG(S.amount) * 10\n);\n"
	var b strings.Builder
	for i := range 10 {
		b.WriteString(strings.ReplaceAll(table, "%", string(rune('a'+i))))
	}
	return b.String()
}

func BenchmarkDiagnose(b *testing.B) {
	text, tools := long(), tools(b)
	for b.Loop() {
		tools.Diagnose("", text)
	}
}

func BenchmarkComplete(b *testing.B) {
	text, tools := long(), tools(b)
	at := strings.LastIndex(text, "S.country") + 2
	for b.Loop() {
		tools.Complete("", text, at)
	}
}
