package conformance

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
)

// TestExplainCorpus explains, draws and samples the patterns of the corpus:
// each has a text and a drawing, and the samples are the same every time. Cases of
// one query, with other rows, have one pattern.
func TestExplainCorpus(t *testing.T) {
	cases, err := Load(corpus)
	if err != nil {
		t.Fatal(err)
	}
	step := every
	if testing.Short() {
		step = 10
	}
	sampled, seen := 0, map[string]bool{}
	for i := 0; i < len(cases); i += step {
		p := patternOf(&cases[i])
		query := fmt.Sprint(cases[i].Schema, cases[i].Query)
		if p == nil || seen[query] {
			continue
		}
		seen[query] = true
		if p.Explain() == "" {
			t.Errorf("%s: no text", cases[i].ID())
		}
		if _, err := p.Draw(); err != nil && len(p.Automaton().States) < 100 {
			t.Errorf("%s: %v", cases[i].ID(), err)
		}
		samples := p.Samples()
		if diff := cmp.Diff(samples, p.Samples()); diff != "" {
			t.Errorf("%s: other samples the second time: %s", cases[i].ID(), diff)
		}
		if samples != nil && len(samples.Accepts) > 0 {
			sampled++
		}
	}
	t.Logf("%d patterns with samples", sampled)
	if sampled == 0 {
		t.Error("no samples at all")
	}
}

// patternOf is the compiled pattern of a case; nil when it has none.
func patternOf(c *Case) *pattern.Program {
	if c.CEP != nil {
		var err error
		if c.Query, err = c.CEPQuery(); err != nil {
			return nil
		}
	}
	root, err := Compile(c)
	if err != nil {
		return nil
	}
	for n := plan.Node(root); len(n.Inputs()) > 0; n = n.Inputs()[0] {
		if m, ok := n.(*plan.Match); ok {
			p, err := pattern.Compile(m, pattern.Options{})
			if err != nil {
				return nil
			}
			return p
		}
	}
	return nil
}
