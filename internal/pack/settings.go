package pack

import (
	"strings"

	"github.com/cepd/cepd/internal/convert"
)

// settings are what the manifest says of a rule, as settings of its query: they go where
// the query goes.
func (m *Manifest) settings(r *Rule) string {
	var b strings.Builder
	for _, s := range []struct{ key, value string }{
		{"rule.pack", m.Name + " " + m.Version},
		{"rule.severity", r.Severity},
		{"rule.owner", r.Owner},
		{"rule.runbook", r.Runbook},
		{"rule.tags", strings.Join(r.Tags, ",")},
	} {
		if s.value != "" {
			b.WriteString("SET '" + s.key + "' = " + convert.Text(s.value) + ";\n")
		}
	}
	return b.String()
}
