package all

import (
	"testing"

	"github.com/cepd/cepd/connectors"
)

// TestTopicsCanBeReadAgain: what the connectors of Kafka can do is not hidden by what
// is put around them. Why, back-tests and shadows read a topic again.
func TestTopicsCanBeReadAgain(t *testing.T) {
	r := New()
	for _, name := range []string{"kafka", "upsert-kafka"} {
		c, ok := r.Lookup(name)
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		if _, ok := c.(connectors.Historian); !ok {
			t.Errorf("%s is no Historian", name)
		}
		if _, ok := c.(connectors.Rewinder); !ok {
			t.Errorf("%s is no Rewinder", name)
		}
	}
}
