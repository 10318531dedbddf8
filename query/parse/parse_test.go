package parse_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/cepd/cepd/query/parse"
)

// TestGeneratedIsCurrent needs no Java: scripts/generate.sh records the hash of
// the grammars it read.
func TestGeneratedIsCurrent(t *testing.T) {
	hash := sha256.New()
	for _, file := range []string{"CEPLexer.g4", "CEPParser.g4"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		hash.Write(text)
	}
	recorded, err := os.ReadFile("gen/grammar.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != strings.TrimSpace(string(recorded)) {
		t.Errorf("query/parse/gen was made from another grammar: run scripts/generate.sh")
	}
}

func hundredLines(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("testdata/hundred.sql")
	if err != nil {
		tb.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n != 100 {
		tb.Fatalf("testdata/hundred.sql has %d lines", n)
	}
	return string(text)
}

// TestParseCost keeps the cost of a usual file in count: the fast prediction
// suffices, and the allocations per line stay where they are.
func TestParseCost(t *testing.T) {
	text := hundredLines(t)
	if !parse.SLL(text) {
		t.Error("the fast prediction does not read the file")
	}
	allocs := testing.AllocsPerRun(10, func() {
		if _, err := parse.Parse("hundred.sql", text); err != nil {
			t.Fatal(err)
		}
	})
	const limit = 7_000
	if allocs > limit {
		t.Errorf("%.0f allocations for 100 lines, more than %d", allocs, limit)
	}
}

func BenchmarkParse(b *testing.B) {
	text := hundredLines(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := parse.Parse("hundred.sql", text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/100-lines")
}
