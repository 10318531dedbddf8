package systables_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/systables"
)

// rows are those of two system tables.
func rows(_ context.Context, table string, most int) (list []any, more bool, err error) {
	switch table {
	case "instances":
		for i := range 6 {
			row := map[string]any{"query": fmt.Sprint("q", i%2), "id": fmt.Sprint(i), "stage": 0, "key": fmt.Sprintf(`{"card":%d}`, i), "since": fmt.Sprintf("2026-01-01 00:00:0%d", i), "waits_for": "B", "rows": i}
			if i == 3 {
				row["expires"] = "2026-01-02 00:00:00"
			}
			list = append(list, row)
		}
		return list, most < 6, nil
	case "queries":
		return []any{map[string]any{"name": "q0", "state": "running"}, map[string]any{"name": "q1", "state": "failed"}}, false, nil
	case "sinks":
		return nil, false, errors.New("no sinks today")
	}
	return nil, false, nil
}

// TestSelect: the commands of testdata are SELECTs.
func TestSelect(t *testing.T) {
	datadriven.RunTest(t, "testdata/select", func(t *testing.T, d *datadriven.TestData) string {
		a, err := systables.Select(context.Background(), "", d.Input, rows)
		if list, ok := diag.As(err); ok {
			return list.Error() + "\n"
		}
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		var b strings.Builder
		for _, c := range a.Columns {
			fmt.Fprintf(&b, "%s %s, ", c.Name, c.Type)
		}
		b.WriteString("\n")
		for _, row := range a.Rows {
			text, _ := json.Marshal(row)
			fmt.Fprintf(&b, "%s\n", text)
		}
		return b.String()
	})
}
