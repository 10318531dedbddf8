package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestCommandLine runs testdata/*: `file NAME` writes a file, `cepd ARGS` runs a
// command line with the files' folder as working directory; the answer is exit
// code, stdout and stderr.
func TestCommandLine(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	datadriven.Walk(t, filepath.Join(wd, "testdata"), func(t *testing.T, path string) {
		t.Chdir(t.TempDir())
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				writeTestFile(t, d.CmdArgs[0].Key, d.Input+"\n")
				return ""
			case "cat":
				text, err := os.ReadFile(d.CmdArgs[0].Key)
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			case "cepd":
				return cepd(commandLine(d), d.Input)
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

// commandLine is the words after the command.
func commandLine(d *datadriven.TestData) []string {
	args := []string{} // nil would be those of the process
	for _, a := range d.CmdArgs {
		args = append(args, strings.Fields(a.String())...)
	}
	return args
}

func writeTestFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func cepd(args []string, in string) string {
	var out, errs bytes.Buffer
	code := execute(context.Background(), args, stdio{in: strings.NewReader(in), out: &out, err: &errs})
	answer := fmt.Sprintf("exit %d\n%s", code, &out)
	if errs.Len() > 0 {
		answer += "stderr:\n" + errs.String()
	}
	return answer
}

// TestHelp checks that every command says what it does, with an example where
// it has arguments.
func TestHelp(t *testing.T) {
	root := newRoot(stdio{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}})
	for _, c := range root.Commands() {
		if c.Short == "" {
			t.Errorf("%s: no description", c.Name())
		}
		if strings.Contains(c.Use, " ") && (c.Long == "" || c.Example == "") {
			t.Errorf("%s: wants a longer description and an example", c.Name())
		}
	}
}
