package docs

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestCounts checks the numbers of things that the README tells.
func TestCounts(t *testing.T) {
	readme := strings.Join(strings.Fields(readText(t, "../README.md")), " ")
	scalars, aggregates, ok := strings.Cut(readText(t, "functions.md"), "## Aggregates")
	if !ok {
		t.Fatal("functions.md has no section of aggregates")
	}
	stories, err := filepath.Glob("../examples/*/scenario.yaml")
	if err != nil {
		t.Fatal(err)
	}
	words := map[int]string{12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen"}
	for _, claim := range []string{
		fmt.Sprintf("%d scalar functions and %d aggregates", strings.Count(scalars, "\n| `"), strings.Count(aggregates, "\n| `")),
		fmt.Sprintf("lists %s stories", words[len(stories)]),
		fmt.Sprintf("of %s stories", words[len(stories)]),
	} {
		if !strings.Contains(readme, claim) {
			t.Errorf("README.md does not say %q", claim)
		}
	}
}

// TestBacktestFigures checks the table of backtest.md against what was measured.
func TestBacktestFigures(t *testing.T) {
	var runs []struct {
		System string  `json:"system"`
		Events float64 `json:"events"`
		Wall   float64 `json:"wall_seconds"`
		CPU    float64 `json:"cpu_seconds"`
	}
	if err := json.Unmarshal([]byte(readText(t, "../benchmarks/results/backtest.json")), &runs); err != nil {
		t.Fatal(err)
	}
	page := readText(t, "backtest.md")
	names := map[string]string{
		"serve-at-least-once": "`cepd serve`, at least once", "serve-exactly-once": "`cepd serve`, exactly once",
		"backtest-kafka": "`cepd backtest`, the topic", "backtest-json": "`cepd backtest`, JSON files", "backtest-parquet": "`cepd backtest`, Parquet",
	}
	for _, r := range runs {
		row := fmt.Sprintf("| %s | %.1f million | %.0f ns |", names[r.System], r.Events/r.Wall/1e6, r.CPU/r.Events*1e9)
		if names[r.System] == "" || !strings.Contains(page, row) {
			t.Errorf("%s: backtest.md does not have the row %s", r.System, row)
		}
	}
}
