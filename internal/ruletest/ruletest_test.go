package ruletest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/ruletest"
)

// The commands of testdata:
//
//	file NAME     writes a file
//	test NAME     runs a file of tests; args: rewrite
//	show NAME     prints a file
func TestFiles(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		dir := t.TempDir()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			name := filepath.Join(dir, d.CmdArgs[0].Key)
			switch d.Cmd {
			case "file":
				if err := os.WriteFile(name, []byte(d.Input+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return ""
			case "show":
				text, err := os.ReadFile(name)
				if err != nil {
					return err.Error() + "\n"
				}
				return string(text)
			}
			o := ruletest.Options{Clock: &clock.Manual{}, Rewrite: d.HasArg("rewrite")}
			plain := runFile(name, o)
			o.Cover = true
			if covered := runFile(name, o); covered != plain && !o.Rewrite {
				t.Errorf("counting coverage changes the outcome:\n%s\nwithout:\n%s", covered, plain)
			}
			return strings.ReplaceAll(plain, dir+"/", "")
		})
	})
}

func runFile(name string, o ruletest.Options) string {
	f, err := ruletest.Load(name)
	if err != nil {
		return "cannot read: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, r := range f.Run(context.Background(), func(string) bool { return true }, o) {
		verdict := "ok"
		if r.Failed() {
			verdict = "FAIL"
		}
		fmt.Fprintf(&b, "%s %s\n", verdict, r.Test.Name)
		for _, text := range r.Failures {
			fmt.Fprintf(&b, "  %s\n", text)
		}
	}
	return b.String()
}

// TestParse: tests and statements as texts do as those in files do, but reach no
// file.
func TestParse(t *testing.T) {
	const statements = `CREATE TABLE t (a BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='stdin', 'format'='json');
CREATE TABLE o (a BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT a FROM t WHERE a > 1;`
	const input = "tests:\n  - name: one\n    input: {t: [{a: 1, ts: 0s}, {a: 2, ts: 1s}]}\n    expect: "
	for _, c := range []struct{ tests, sql, want string }{
		{input + "{o: [{a: 2}]}", statements, ""},
		{input + "{o: none}", statements, `not expected: {"a":2}`},
		{input + "{o: {golden: /etc/passwd}}", statements, "a golden file cannot be compared with here"},
		{input + "{o: [{a: 2}]}", "CREATE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM USING FILE '/etc/passwd';" + statements, "cannot be read here"},
		{input + "{o: [{a: 2}]}", "SELECT", "statements:1:"},
	} {
		f, err := ruletest.Parse("x.yaml", c.tests, c.sql)
		if err != nil {
			t.Fatal(err)
		}
		got := f.Run(context.Background(), func(string) bool { return true }, ruletest.Options{Clock: &clock.Manual{}})[0].Failures
		if all := strings.Join(got, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("%s: %q, want %q", c.tests, all, c.want)
		}
	}
	if _, err := ruletest.Parse("x.yaml", "tests: {", ""); err == nil || !strings.HasPrefix(err.Error(), "x.yaml: ") {
		t.Errorf("no YAML: %v", err)
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	err := ruletest.WriteJUnit(&b, []ruletest.Result{
		{File: "a_test.yaml", Test: &ruletest.Test{Name: "one"}},
		{File: "a_test.yaml", Test: &ruletest.Test{Name: "two"}, Failures: []string{"a_test.yaml:3: o: <missing>"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`<testsuite name="a_test.yaml" tests="2" failures="1"`, `<testcase name="one"`, `message="a_test.yaml:3: o: &lt;missing&gt;"`} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%s\nhas no %s", b.String(), part)
		}
	}
}
