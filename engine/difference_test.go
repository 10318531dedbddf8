package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// runFile runs a query over a file of records to its end and gives its last status.
func runFile(t *testing.T, records, options string) (engine.Status, error) {
	t.Helper()
	return runTable(t, records, "id INT, r ROW<a INT>, never STRING", "'format' = 'json'"+options)
}

// runTable is runFile for other columns and another format.
func runTable(t *testing.T, records, columns, options string) (engine.Status, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(path, []byte(records), 0o600); err != nil {
		t.Fatal(err)
	}
	cat := catalog.New()
	c, err := query.CompileText(cat, "", fmt.Sprintf(`CREATE TABLE t (%s) WITH ('connector' = 'file', 'path' = '%s', %s);
CREATE TABLE o (id INT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT id FROM t`, columns, path, options), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Registry: all.New()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(t.Context()) })
	if err := e.Validate(c.Queries[0].Insert, cat); err != nil {
		return engine.Status{}, err
	}
	q, err := e.Start(t.Context(), c.Queries[0].Insert, cat)
	if err != nil {
		t.Fatal(err)
	}
	err = q.Wait()
	return q.Status(), err
}

// TestDifference tells of fields that are no column, and of columns that no record
// has, in the records that are looked at: here the first.
func TestDifference(t *testing.T) {
	s, err := runFile(t, `{"id": 1, "new": 5, "x\"y": {"a": [1]}, "r": {"a": 1, "b": 2}, "nothing": null}`+"\n"+`{"id": 2}`+"\n", "")
	if err != nil {
		t.Fatal(err)
	}
	const want = `fields that are no column: new BIGINT, nothing, x"y ROW; columns without a field: never (in 1 records looked at)`
	if d := s.Sources[0].Difference; d == nil || d.Text != want || d.Unknown[0] != (engine.FieldStatus{Name: "new", Type: "BIGINT", Records: 1}) {
		t.Errorf("%+v, want %s", d, want)
	}
	if s, err = runFile(t, `{"id": 1, "r": null, "never": ""}`+"\n", ""); err != nil || s.Sources[0].Difference != nil {
		t.Errorf("%+v, %v", s.Sources[0].Difference, err)
	}
}

// TestDifferenceIsBounded: of a million names a hundred are kept, and that there
// were more.
func TestDifferenceIsBounded(t *testing.T) {
	var names strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&names, `,"n%d":%d`, i, i)
	}
	s, err := runFile(t, "{"+names.String()[1:]+"}\n", "")
	if d := s.Sources[0].Difference; err != nil || d == nil || len(d.Unknown) != 100 || !d.More {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestEvolution: with fail a record with another field is rejected, and says which.
func TestEvolution(t *testing.T) {
	const records = `{"id": 1}` + "\n" + `{"id": 2, "new": 1}` + "\n"
	for options, want := range map[string]string{
		`, 'schema.evolution' = 'ignore'`:                                    "",
		`, 'schema.evolution' = 'fail'`:                                      "new",
		`, 'schema.evolution' = 'fail', 'scan.error-policy' = 'skip'`:        "",
		`, 'schema.evolution' = 'add'`:                                       "'add' is for a server",
		`, 'schema.evolution' = 'fail', 'json.ignore-parse-errors' = 'true'`: "exclude each other",
	} {
		s, err := runFile(t, records, options)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
		if strings.Contains(options, "skip") && s.Partitions[0].Rejects != 1 {
			t.Errorf("%s: %+v", options, s.Partitions)
		}
	}
	raw := connectors.Table{Options: map[string]string{"format": "raw", "schema.evolution": "fail"}}
	if _, err := formats.NewDecoder(raw); err == nil || !strings.Contains(err.Error(), "for formats with fields") {
		t.Errorf("raw: %v", err)
	}
}

// TestDifferenceOfFormats tells of it in other formats than JSON, and rejects where it
// is to.
func TestDifferenceOfFormats(t *testing.T) {
	const insert = `{"before": null, "after": {"id": 1, "note": "x", "new": 5}, "op": "c", "ts_ms": 1}`
	const others = "fields that are no column: new BIGINT; columns without a field: never (in 1 records looked at)"
	for _, test := range []struct{ name, records, columns, options, want string }{
		{"debezium", insert, "id INT, note STRING, never STRING", "'format' = 'debezium-json'", others},
		{"deleted", `{"before": {"id": 1, "note": "x", "new": 5}, "after": null, "op": "d"}`, "id INT, note STRING, never STRING, PRIMARY KEY (id) NOT ENFORCED",
			"'format' = 'debezium-json'", others},
		{"payload", `{"schema": {}, "payload": ` + insert + `}`, "id INT, note STRING, never STRING",
			"'format' = 'debezium-json', 'debezium-json.schema-include' = 'true'", others},
		{"no change", `[1]`, "id INT, note STRING", "'format' = 'debezium-json'", ""},
		{"more", "1,x,y", "id INT, note STRING", "'format' = 'csv'", "fields that are no column: field 3 STRING (in 1 records looked at)"},
		{"fewer", "1", "id INT, note STRING", "'format' = 'csv'", "columns without a field: note (in 1 records looked at)"},
		{"quoted", `1,"x,y"`, "id INT, note STRING", "'format' = 'csv'", ""},
	} {
		s, err := runTable(t, test.records+"\n", test.columns, test.options+", 'scan.error-policy' = 'skip'")
		if err != nil {
			t.Fatal(test.name, err)
		}
		got := ""
		if d := s.Sources[0].Difference; d != nil {
			got = d.Text
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	for _, test := range []struct{ name, records, columns, options, want string }{
		{"debezium", insert, "id INT, note STRING", "'format' = 'debezium-json'", "field after.new: no column takes it"},
		{"payload", `{"payload": ` + insert + `}`, "id INT, note STRING", "'format' = 'debezium-json', 'debezium-json.schema-include' = 'true'", "field payload.after.new: no column takes it"},
		{"unread", insert, "id INT, note STRING, `new` BIGINT", "'format' = 'debezium-json'", ""},
		{"inside", `{"after": {"id": 1, "r": {"a": 1, "b": 2}}, "op": "c"}`, "id INT, r ROW<a INT>", "'format' = 'debezium-json'", ""}, // r is not read
		{"csv", "1,x,y", "id INT, note STRING", "'format' = 'csv'", "more than 2 fields"},
		{"parquet", "", "id INT", "'format' = 'parquet'", "'schema.evolution'"},
	} {
		_, err := runTable(t, test.records+"\n", test.columns, test.options+", 'schema.evolution' = 'fail'")
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}
