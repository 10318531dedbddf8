package all_test

import (
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
)

// TestPast: what a connector can do is not lost on the way to the registry.
func TestPast(t *testing.T) {
	for _, name := range []string{"kafka", "upsert-kafka"} {
		c, _ := all.New().Lookup(name)
		if _, ok := c.(connectors.Historian); !ok {
			t.Errorf("what '%s' has given cannot be read again", name)
		}
		if _, ok := c.(connectors.Rewinder); !ok {
			t.Errorf("'%s' cannot be read from a time on", name)
		}
	}
}
