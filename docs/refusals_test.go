package docs

import (
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// refusalTables is what the refused statements read.
const refusalTables = `
CREATE TABLE a (x INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 'a', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
CREATE TABLE b (x INT, k STRING, ts TIMESTAMP(3), proc AS PROCTIME(), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 'b', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
CREATE TABLE u (x INT, k STRING, ts TIMESTAMP(3), PRIMARY KEY (k) NOT ENFORCED, WATERMARK FOR ts AS ts)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'u', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
CREATE TABLE f (k STRING, y INT) WITH ('connector' = 'file', 'path' = 'f.csv', 'format' = 'csv');
`

// TestRefusals checks that what language.md says is not supported is refused: the first
// line of each case is what the page says, the output the first error.
func TestRefusals(t *testing.T) {
	text, err := os.ReadFile("language.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.Join(strings.Fields(string(text)), " ")
	datadriven.RunTest(t, "testdata/refusals", func(t *testing.T, d *datadriven.TestData) string {
		said, statement, _ := strings.Cut(d.Input, "\n")
		if said = strings.TrimPrefix(said, "-- "); !strings.Contains(page, said) {
			d.Fatalf(t, "language.md does not say %q", said)
		}
		return firstError(t, refusalTables+statement)
	})
}

// firstError is the first error of a text, without its place.
func firstError(t *testing.T, sql string) string {
	t.Helper()
	script, err := parse.Parse("refused", sql)
	if err == nil {
		_, err = query.Compile(catalog.New(), script, query.Options{File: "refused", Text: sql})
	}
	list, ok := err.(*diag.List)
	if !ok || !list.HasErrors() {
		return "it is not refused\n"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	_, line, _ = strings.Cut(line, "error")
	return line + "\n"
}
