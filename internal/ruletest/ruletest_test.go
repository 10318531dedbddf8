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
