package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// bombs are texts that are small and ask for much.
func bombs() map[string]string {
	const table = "CREATE TABLE IF NOT EXISTS a (x BIGINT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\nCREATE TABLE IF NOT EXISTS b (x BIGINT) WITH ('connector' = 'blackhole');\n"
	match := func(pattern string) string {
		return table + "INSERT INTO b SELECT n FROM a MATCH_RECOGNIZE (ORDER BY ts MEASURES COUNT(*) AS n PATTERN (" + pattern + ") WITHIN INTERVAL '1' HOUR DEFINE A AS A.x < 10);"
	}
	const million = 1_000_000
	views := table + "CREATE VIEW v0 AS SELECT x FROM a;\n"
	for i := range 30 { // each twice the one before
		views += fmt.Sprintf("CREATE VIEW v%d AS SELECT x FROM v%d UNION ALL SELECT x FROM v%d;\n", i+1, i, i)
	}
	with := table + "INSERT INTO b WITH v0 AS (SELECT x FROM a)"
	for i := range 30 {
		with += fmt.Sprintf(", v%d AS (SELECT x FROM v%d UNION ALL SELECT x FROM v%d)", i+1, i, i)
	}
	return map[string]string{
		"parentheses":          "SELECT " + strings.Repeat("(", million/2-100) + "1",
		"operators":            table + "INSERT INTO b SELECT " + strings.Repeat("1+", 100_000) + "1 FROM a",
		"unary":                table + "INSERT INTO b SELECT " + strings.Repeat("- ", 100_000) + "1 FROM a",
		"case":                 table + "INSERT INTO b SELECT " + strings.Repeat("CASE WHEN TRUE THEN ", 10_000) + "1",
		"long name":            "SELECT " + strings.Repeat("x", million-100),
		"long string":          "SELECT '" + strings.Repeat("''", million/2-100) + "'",
		"many columns":         "CREATE TABLE w (" + strings.Repeat("x INT,", 100_000) + "y INT) WITH ('connector' = 'blackhole')",
		"many statements":      strings.Repeat("SHOW TABLES;", 80_000),
		"comments":             strings.Repeat("/*", million/2-100),
		"quantifier":           match("A{1000000000}"),
		"quantifiers":          match("((((A{1000}){1000}){1000}){1000}){1000}"),
		"nested stars":         match(strings.Repeat("(", 150) + "A" + strings.Repeat(")*", 150)),
		"permute":              match("PERMUTE(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P)"),
		"alternation":          match(strings.Repeat("A | ", 50_000) + "A"),
		"regular expression":   table + "INSERT INTO b SELECT x FROM a WHERE REGEXP(s, '((((a{1,100}){1,100}){1,100}){1,100}){1,100}')",
		"regular expression 2": table + "INSERT INTO b SELECT x FROM a WHERE REGEXP(s, '" + strings.Repeat("(a|", 100_000) + strings.Repeat(")", 100_000) + "')",
		"doubling views":       views + "INSERT INTO b SELECT x FROM v30;",
		"doubling with":        with + " SELECT x FROM v30;",
		"repeat":               table + "INSERT INTO b SELECT CHAR_LENGTH(REPEAT('x', 2000000000)) FROM a",
		"padding":              table + "INSERT INTO b SELECT CHAR_LENGTH(LPAD('x', 2000000000, 'y')) FROM a",
		"huge number":          table + "INSERT INTO b SELECT " + strings.Repeat("9", million/2) + " FROM a",
		"decimal":              "CREATE TABLE d (x DECIMAL(2000000000, 2000000000)) WITH ('connector' = 'blackhole')",
		"row type":             "CREATE TABLE d (x " + strings.Repeat("ARRAY<", 50_000) + "INT) WITH ('connector' = 'blackhole')",
		"shards":               "SET 'cepd.shards' = '2000000000';" + match("A"),
		"interval":             match("A") + " SELECT INTERVAL '999999999999999999999' DAY",
		"protobuf":             table + "CREATE TABLE p (x INT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '127.0.0.1:1', 'format' = 'protobuf', 'protobuf.schema' = 'syntax = \"proto3\"; " + strings.Repeat("message M {", 50_000) + "'); INSERT INTO p VALUES (1)",
		"avro":                 table + "CREATE TABLE p (x INT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '127.0.0.1:1', 'format' = 'avro', 'avro.schema' = '" + strings.Repeat(`{"type":"array","items":`, 20_000) + "'); INSERT INTO p SELECT x FROM a",
	}
}

// TestBombs has each answered with an error that names a limit, or without one,
// within bounded memory; the server goes on.
func TestBombs(t *testing.T) {
	h := newServer(t)
	for name, sql := range bombs() {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]string{"sql": sql})
			if err != nil {
				t.Fatal(err)
			}
			before := allocated()
			code := answer(t, h, http.MethodPost, "/v1/validate", "application/json", body)
			if used := allocated() - before; used > 4<<30 {
				t.Errorf("%d MiB for a text of %d KiB", used>>20, len(sql)>>10)
			}
			t.Logf("%d, %d MiB", code, (allocated()-before)>>20)
		})
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if rec.Code != http.StatusOK {
		t.Errorf("%d", rec.Code)
	}
}

// allocated is what was ever allocated, in bytes.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
