package conformance

import (
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// dispute is a case whose expectation is wrong by the corpus' own rules, and
// what is right.
type dispute struct {
	Name     string  `yaml:"name"`
	Rule     string  `yaml:"rule"`
	Matches  [][]any `yaml:"matches"`
	Timeouts [][]any `yaml:"timeouts"`
}

func disputes(t *testing.T) map[string]dispute {
	t.Helper()
	text, err := os.ReadFile("testdata/disputed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list []dispute
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	byName := map[string]dispute{}
	for _, d := range list {
		byName["cep: "+d.Name] = d
	}
	return byName
}

// settled is the corpus with the disputed expectations set right.
func settled(t *testing.T, dir string) []Case {
	t.Helper()
	cases, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	wrong := disputes(t)
	for i := range cases {
		if d, ok := wrong[cases[i].ID()]; ok {
			cases[i].Expected.Matches, cases[i].Expected.Timeouts = d.Matches, d.Timeouts
		}
	}
	return cases
}

// TestDisputed pins that each dispute still is one, and that those over a
// match's time are over nothing else.
func TestDisputed(t *testing.T) {
	wrong := disputes(t)
	cases, err := Load(corpus + "/cep")
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		c := &cases[i]
		d, ok := wrong[c.ID()]
		if !ok {
			continue
		}
		delete(wrong, c.ID())
		if o := Check(c, Direct{}); o.Failure == "" {
			t.Errorf("%s passes: it is no longer disputed", c.ID())
		}
		if d.Rule == "absence" || d.Rule == "held" {
			if want, got := untimed(c.Expected.Matches), untimed(d.Matches); !slices.Equal(want, got) {
				t.Errorf("%s differs in more than the time: %v, %v", c.ID(), want, got)
			}
			if want, got := expected(c.Expected.Timeouts), expected(d.Timeouts); !slices.Equal(want, got) {
				t.Errorf("%s differs in its time-outs: %v, %v", c.ID(), want, got)
			}
		}
	}
	for id := range wrong {
		t.Errorf("%s is disputed, but there is no such case", id)
	}
}

// untimed is matches as texts without their time.
func untimed(matches [][]any) []string {
	var out [][]any
	for _, m := range matches {
		out = append(out, m[:len(m)-1])
	}
	return expected(out)
}
