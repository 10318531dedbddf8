package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/ruletest"
)

func newTest(g *global) *cobra.Command {
	t := &testCommand{global: g}
	c := &cobra.Command{
		Use: "test [FILE|DIR]...", Short: "Run rule tests: rows in, detections out, in virtual time",
		Long: `test runs rule tests. A file of tests names a file of statements, and for each
test the rows that go in and those that must come out; nothing else is needed: no
broker, no waiting. Under a directory (default: this one) every *_test.yaml is run.

  sql: fraud.sql
  tests:
    - name: three probes, then a large amount
      input:
        payments: |
          ts   card  amount
          0s   7     1.20
          10s  7     2.30
          20s  7     0.90
          30s  7     812.50
      expect:
        alerts:
          - {card: 7, probes: 3, amount: 812.50}

0s is the start of the test, +10s ten seconds after the row before. A row names as
many columns as it likes; an expected row is met by one that agrees in those. Rows
that nobody expects fail the test. In place of input, steps send rows, move the
watermark or the clock, and say what has come so far:

      steps:
        - rows: {payments: [{ts: 0s, card: 7, amount: 1.20}]}
        - watermark: 15m
        - expect: {alerts: none}

Other keys: late and rejected (rows dropped, by table), error (a query fails with
this), ordered, params; {golden: FILE} in place of rows is a file that --rewrite
writes. _record in a row is a record as it is, _partition, _key and _timestamp are
its place.`,
		Example: `  cepd test
  cepd test rules/fraud_test.yaml --run 'large amount'
  cepd test rules --junit report.xml
  cepd test rules --coverage`,
		RunE: func(c *cobra.Command, args []string) error { return t.run(c.Context(), args) },
	}
	c.Flags().StringVar(&t.match, "run", "", "only the tests whose names match this regular expression")
	c.Flags().StringVar(&t.junit, "junit", "", "also write the results to this file, as JUnit XML")
	c.Flags().BoolVar(&t.rewrite, "rewrite", false, "write the golden files in place of comparing them")
	c.Flags().BoolVar(&t.coverage, "coverage", false, "also say which conditions and steps of the patterns no test shows")
	c.Flags().BoolVarP(&t.verbose, "verbose", "v", false, "name the tests that pass, too, and how long each took")
	outputFlag(c, &t.output)
	return c
}

type testCommand struct {
	*global
	match, junit, output string
	rewrite, verbose     bool
	coverage             bool
}

func (t *testCommand) run(ctx context.Context, paths []string) error {
	if err := checkOutput(t.output); err != nil {
		return err
	}
	if t.coverage && t.output != "text" {
		return usagef("--coverage is for --output text")
	}
	match, err := regexp.Compile(t.match)
	if err != nil {
		return usagef("--run: %w", err)
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	names, err := ruletest.Find(paths)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("there is no *_test.yaml under %v", paths)
	}
	results, broken := t.files(ctx, names, match)
	if t.coverage {
		showCoverage(t.std.out, results)
	}
	if err := t.report(results); err != nil {
		return err
	}
	return t.verdict(results, broken)
}

// files runs the files; one that cannot be read does not keep the others back.
func (t *testCommand) files(ctx context.Context, names []string, match *regexp.Regexp) (results []ruletest.Result, broken int) {
	for _, name := range names {
		f, err := ruletest.Load(name)
		if err != nil {
			fmt.Fprintln(t.std.err, err)
			broken++
			continue
		}
		list := f.Run(ctx, match.MatchString, ruletest.Options{Clock: clock.Wall{}, Rewrite: t.rewrite, Cover: t.coverage, Sample: takeSample})
		if t.output == "text" {
			t.show(name, list)
		}
		results = append(results, list...)
	}
	return results, broken
}

// show prints what became of a file's tests.
func (t *testCommand) show(name string, list []ruletest.Result) {
	var failed int
	for i := range list {
		if list[i].Failed() {
			failed++
		}
	}
	if len(list) == 0 {
		return
	}
	verdict := "ok  "
	if failed > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(t.std.out, "%s  %s  %d tests\n", verdict, name, len(list))
	for i := range list {
		switch r := &list[i]; {
		case r.Failed():
			fmt.Fprintf(t.std.out, "  FAIL  %s\n", r.Test.Name)
			for _, f := range r.Failures {
				fmt.Fprintf(t.std.out, "    %s\n", f)
			}
		case t.verbose:
			fmt.Fprintf(t.std.out, "  ok    %s  %s\n", r.Test.Name, r.Duration)
		}
	}
}

// testReport is a test's result for programs.
type testReport struct {
	File     string   `json:"file"`
	Test     string   `json:"test"`
	Passed   bool     `json:"passed"`
	Millis   float64  `json:"millis"`
	Failures []string `json:"failures,omitempty"`
}

func (t *testCommand) report(results []ruletest.Result) error {
	if t.output == "json" {
		list := []testReport{}
		for _, r := range results {
			list = append(list, testReport{r.File, r.Test.Name, !r.Failed(), float64(r.Duration.Microseconds()) / 1000, r.Failures})
		}
		if err := writeJSON(t.std.out, list); err != nil {
			return err
		}
	}
	if t.junit == "" {
		return nil
	}
	return writeFile(t.junit, func(w io.Writer) error { return ruletest.WriteJUnit(w, results) })
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

func (t *testCommand) verdict(results []ruletest.Result, broken int) error {
	failed := broken
	for i := range results {
		if results[i].Failed() {
			failed++
		}
	}
	if t.output == "text" {
		fmt.Fprintf(t.std.out, "%d passed, %d failed\n", len(results)+broken-failed, failed)
	}
	switch {
	case failed > 0:
		return silentError{errors.New("tests failed")}
	case len(results) == 0:
		return usagef("no test matches --run %s", t.match)
	}
	return nil
}
