package parse_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cepd/cepd/query/parse"
)

// sampleTexts is every well-formed text of the tests: conformance queries, the
// inputs of the golden files, and the sample files.
func sampleTexts(tb testing.TB) []string {
	tb.Helper()
	var texts []string
	for _, c := range corpus(tb) {
		if !c.malformed() {
			texts = append(texts, c.Query)
		}
	}
	files, err := filepath.Glob("testdata/*.sql")
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return append(texts, goldenInputs(tb)...)
}

// goldenInputs is the well-formed input of testdata/golden; an expression is
// made a query.
func goldenInputs(tb testing.TB) []string {
	files, err := filepath.Glob("testdata/golden/*")
	if err != nil {
		tb.Fatal(err)
	}
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n\n") {
			command, rest, _ := strings.Cut(block, "\n")
			input, _, _ := strings.Cut(rest, "\n----\n")
			if command == "expr" {
				input = "SELECT " + input
			}
			if _, err := parse.Parse("", input); err == nil {
				texts = append(texts, input)
			}
		}
	}
	return texts
}
