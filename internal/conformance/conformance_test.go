package conformance

import (
	"flag"
	"testing"
)

var long = flag.Bool("long", false, "run every case in every variant")

// TestCorpus checks every case.
func TestCorpus(t *testing.T) {
	for _, o := range Run(someOf(settled(t, corpus)), Direct{}).Outcomes {
		if o.Failure != "" {
			t.Errorf("%s: %s", o.Case.ID(), o.Failure)
		}
		if o.Note != "" {
			t.Logf("%s: %s", o.Case.ID(), o.Note)
		}
	}
}

// someOf is every case, or one in so many.
func someOf(cases []Case) (some []Case) {
	for i := 0; i < len(cases); i += every {
		some = append(some, cases[i])
	}
	return some
}

// variants are the ways to run a case that must not make a difference.
var variants = []Direct{
	{Batch: 1},
	{Batch: 3},
	{Batch: 1, Progress: true},
	{Batch: 3, Progress: true},
	{Batch: 1, Restore: 1},
	{Batch: 1, Restore: 1, Progress: true},
	{Batch: 3, Restore: 1, Progress: true},
	{Batch: 1, Spill: true, Progress: true},
	{Batch: 3, Spill: true, Progress: true},
	{Batch: 1, Spill: true, Restore: 2, Progress: true},
}

// TestVariants runs the cases with other batch sizes, an earlier watermark, and
// snapshot and restore at batch boundaries; without -long, every fifth case in
// each variant, and under the race detector every fiftieth.
func TestVariants(t *testing.T) {
	for _, area := range []string{"cep", "matchrecognize", "streaming", "errors"} {
		cases, err := Load(corpus + "/" + area)
		if err != nil {
			t.Fatal(err)
		}
		for v, d := range variants {
			for i := range cases {
				if !*long && (i+v)%(5*every) != 0 {
					continue
				}
				sameOutcome(t, &cases[i], d)
			}
		}
	}
}

func sameOutcome(t *testing.T, c *Case, d Direct) {
	t.Helper()
	want, wantErr := Direct{}.Run(c)
	got, gotErr := d.Run(c)
	switch {
	case (wantErr == nil) != (gotErr == nil):
		t.Errorf("%s with %+v: error %v, without: %v", c.ID(), d, gotErr, wantErr)
	case wantErr == nil && !equalRows(want.Rows, got.Rows, c.Ordered):
		t.Errorf("%s with %+v:\n%s    without:\n%s", c.ID(), d, show(got.Rows), show(want.Rows))
	}
}
