package conformance

import (
	"testing"

	"github.com/cepd/cepd/internal/reference"
)

// TestOwnCases runs the cases of what cepd alone has, in all variants, and the
// naive matcher on them: their expectations were worked out by hand.
func TestOwnCases(t *testing.T) {
	cases, err := Load("testdata/selection")
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		c := &cases[i]
		for _, d := range append([]Direct{{}}, variants...) {
			if o := Check(c, d); o.Failure != "" {
				t.Errorf("%s with %+v: %s", c.Name, d, o.Failure)
				break
			}
		}
		if o := Check(c, Reference{reference.Options{}}); o.Failure != "" {
			t.Errorf("%s, naive: %s", c.Name, o.Failure)
		}
	}
}
