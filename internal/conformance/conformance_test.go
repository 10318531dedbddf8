package conformance

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var (
	rewrite = flag.Bool("rewrite", false, "write the list of known failures anew")
	long    = flag.Bool("long", false, "run every case in every variant")
)

const knownFailures = "testdata/known_failures.txt"

// TestCorpus pins which cases fail and why. A case that newly passes or newly
// fails is an error until the list says so.
func TestCorpus(t *testing.T) {
	cases, err := Load(corpus)
	if err != nil {
		t.Fatal(err)
	}
	report := Run(cases, Direct{})
	var b strings.Builder
	b.WriteString("# Cases of testdata/conformance that fail, each with its reason; written by: go test ./internal/conformance -run TestCorpus -rewrite\n")
	for _, o := range report.Failed() {
		fmt.Fprintf(&b, "%s | %s\n", o.Case.ID(), o.Reason)
	}
	if *rewrite {
		if err := os.WriteFile(knownFailures, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(knownFailures)
	if err != nil {
		t.Fatal(err)
	}
	diffLines(t, string(want), b.String())
	for _, o := range report.Outcomes {
		if o.Note != "" {
			t.Logf("%s: %s", o.Case.ID(), o.Note)
		}
	}
}

func diffLines(t *testing.T, want, got string) {
	t.Helper()
	known, now := lineSet(want), lineSet(got)
	for line := range strings.Lines(want) {
		if !now[line] {
			t.Errorf("no longer fails (rewrite the list): %s", line)
		}
	}
	for line := range strings.Lines(got) {
		if !known[line] {
			t.Errorf("newly fails: %s", line)
		}
	}
}

func lineSet(text string) map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(text) {
		set[line] = true
	}
	return set
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
}

// TestVariants runs the cases with other batch sizes, an earlier watermark, and
// snapshot and restore at batch boundaries; without -long, every fifth case in
// each variant.
func TestVariants(t *testing.T) {
	for _, area := range []string{"matchrecognize", "streaming", "errors"} {
		cases, err := Load(corpus + "/" + area)
		if err != nil {
			t.Fatal(err)
		}
		for v, d := range variants {
			for i := range cases {
				if !*long && (i+v)%5 != 0 {
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
