package examples

import (
	"context"
	"testing"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/ruletest"
)

// TestRules runs the rule tests of all examples.
func TestRules(t *testing.T) {
	files, err := ruletest.Find([]string{"."})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, name := range files {
		f, err := ruletest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range f.Run(context.Background(), func(string) bool { return true }, ruletest.Options{Clock: clock.Wall{}}) {
			t.Run(name+"/"+r.Test.Name, func(t *testing.T) {
				for _, text := range r.Failures {
					t.Error(text)
				}
			})
		}
	}
}
