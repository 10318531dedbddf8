package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var metricName = regexp.MustCompile(`\bcepd_[a-z_]+`)

// declared are the metrics that the code makes, by the text of their names.
func declared(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for _, file := range []string{"../engine/metrics.go", "../engine/metrics_lookup.go", "../engine/metrics_traces.go", "../engine/metrics_calls.go", "../api/intake_metrics.go", "../api/follow_metrics.go", "../cmd/cepd/serve.go", "../cmd/cepd/backup.go"} {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(cepd_[a-z_]+)"`).FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}

// TestMetricsInventory checks that dashboard, rules and manual name metrics
// that exist, and that dashboard and manual name all of them.
func TestMetricsInventory(t *testing.T) {
	names := declared(t)
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	for file, all := range map[string]bool{"operations/grafana.json": true, "operations/alerts.yaml": false, "operations.md": true} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]bool{}
		for _, m := range metricName.FindAllString(string(text), -1) {
			m = suffix.ReplaceAllString(m, "")
			if used[m] = true; !names[m] {
				t.Errorf("%s names %s, which does not exist", file, m)
			}
		}
		for name := range names {
			if all && !used[name] {
				t.Errorf("%s does not show %s", file, name)
			}
		}
	}
}
