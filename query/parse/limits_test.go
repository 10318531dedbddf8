package parse_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/parse"
)

// TestLimits: what is too large or too deep is refused before it can hurt.
func TestLimits(t *testing.T) {
	for name, text := range map[string]string{
		"text":           "SELECT '" + strings.Repeat("x", parse.MaxTextBytes) + "'",
		"tokens":         "SELECT " + strings.Repeat("1,", 150_000) + "1",
		"parentheses":    "SELECT " + strings.Repeat("(", 201) + "1" + strings.Repeat(")", 201),
		"open brackets":  "SELECT " + strings.Repeat("(", 100_000),
		"elements":       "SELECT " + strings.Repeat("a[", 201),
		"cases":          "SELECT " + strings.Repeat("CASE ", 201),
		"types":          "SELECT CAST(a AS " + strings.Repeat("ARRAY<", 201) + "INT" + strings.Repeat(">", 201) + ")",
		"NOT":            "SELECT " + strings.Repeat("NOT ", 201) + "a",
		"signs":          "SELECT " + strings.Repeat("- ", 201) + "1",
		"pattern groups": "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (" + strings.Repeat("(", 201) + "A",
		"sub-queries":    strings.Repeat("SELECT * FROM (", 201),
	} {
		_, err := parse.Parse("", text)
		list, ok := diag.As(err)
		if !ok || len(list.Items) != 1 || list.Items[0].Code != diag.Limit {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

// TestWithinLimits: a long flat text is no problem.
func TestWithinLimits(t *testing.T) {
	for name, text := range map[string]string{
		"nesting":    "SELECT " + strings.Repeat("(", 190) + "1" + strings.Repeat(")", 190),
		"chain":      "SELECT a" + strings.Repeat(" + a", 40_000),
		"conditions": "SELECT a FROM t WHERE x = 1" + strings.Repeat(" OR x = 1 AND NOT y", 10_000),
		"statements": strings.Repeat("SET;", 200_000),
	} {
		if _, err := parse.Parse("", text); err != nil {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

// TestEveryStatementIsChecked: one mistake does not hide those of the others.
func TestEveryStatementIsChecked(t *testing.T) {
	_, err := parse.Parse("", strings.Repeat("SELECT FROM t; SELECT 1;", 50))
	if list, ok := diag.As(err); !ok || len(list.Items) != 50 {
		t.Errorf("expected 50 errors: %v", err)
	}
}

// TestConcurrent: parsers share ANTLR's prediction caches.
func TestConcurrent(t *testing.T) {
	text := hundredLines(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := parse.Parse("", text); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
