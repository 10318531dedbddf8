package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestCompletion asks as a shell does.
func TestCompletion(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", limits)
	address, stop := testServer(t, "data")
	expect(t, "exit 0\nquery over runs\n", "query", "submit", "q.sql", "--server", address)
	for _, c := range []struct{ line, want string }{
		{"query status --server " + address, "over\n:4"},
		{"query submit --server " + address, "sql\n:8"},
		{"query replace over --server " + address, "sql\n:8"},
		{"table sample --server " + address, "alerts\nlimits\npayments\n:4"},
		{"parameters set --server " + address, "alerts\nlimits\npayments\n:4"},
		{"query status --server http://127.0.0.1:1", ":1"}, // nobody answers
	} {
		if out := cepd(append(append([]string{"__complete"}, strings.Fields(c.line)...), ""), ""); !strings.Contains(out, c.want) {
			t.Errorf("%s: got %q, want %q", c.line, out, c.want)
		}
	}
	stop()
}

func TestManualPages(t *testing.T) {
	t.Chdir(t.TempDir())
	expect(t, "exit 0\nstderr:\nmanual pages are in man\n", "man")
	for _, page := range []string{"cepd.1", "cepd-run.1", "cepd-query-submit.1"} {
		text, err := os.ReadFile(filepath.Join("man", page))
		if err != nil || !strings.Contains(string(text), ".SH SYNOPSIS") {
			t.Error(page, err, string(text))
		}
	}
}
