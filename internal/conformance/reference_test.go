package conformance

import (
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/reference"
)

const corpus = "../../testdata/conformance"

// TestReference holds the naive matcher against the corpus: it is worth
// nothing as a judge unless it agrees with the engines that made the facts.
func TestReference(t *testing.T) {
	for _, area := range []string{"cep", "matchrecognize", "streaming", "errors"} {
		cases := someOf(settled(t, corpus+"/"+area))
		hopeless := 0
		for i := range cases {
			c := &cases[i]
			o := Check(c, Reference{reference.Options{Steps: 300_000, ContinueOnError: c.options().Pattern.ContinueOnError}})
			if strings.Contains(o.Failure, reference.ErrBudget.Error()) {
				hopeless++
				continue
			}
			if o.Failure != "" {
				t.Errorf("%s: %s\n%s", c.ID(), o.Failure, c.Query)
			}
		}
		t.Logf("%s: %d cases, %d beyond the step budget", area, len(cases), hopeless)
	}
}
