package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

const logins = `CREATE TABLE logins (account STRING, ok BOOLEAN, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'http', 'format' = 'json', 'scan.watermark.idle-timeout' = '0 ms');
CREATE TABLE alerts (account STRING, tries BIGINT) WITH ('connector' = 'file', 'path' = 'alerts.jsonl', 'format' = 'json');
INSERT INTO alerts /*+ NAME('brute_force') */ SELECT account, tries FROM logins MATCH_RECOGNIZE (PARTITION BY account ORDER BY ts
  MEASURES COUNT(F.ok) AS tries PATTERN (F -> S) WITHIN INTERVAL '10' MINUTE DEFINE F AS NOT F.ok, S AS S.ok);`

// post posts events; the answer is its status and body.
func post(t *testing.T, url, body string, header ...string) (int, map[string]any, http.Header) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	text, _ := io.ReadAll(resp.Body)
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%d %s: %v", resp.StatusCode, text, err)
	}
	return resp.StatusCode, out, resp.Header
}

// TestPostedEvents posts events to a query and follows them, over a restart.
func TestPostedEvents(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", logins)
	address, stop := testServer(t, "data")
	expect(t, "exit 0\nquery brute_force runs\n", "query", "submit", "q.sql", "--server", address)
	url := address + "/v1/tables/logins/events"
	code, out, header := post(t, url, `[{"account":"ann","ok":false,"ts":"2026-01-01 10:00:00"},{"account":"bob","ok":true,"ts":"2026-01-01 10:00:01"}]`, "Idempotency-Key", "one")
	if code != http.StatusAccepted || header.Get("Location") != "/v1/tables/logins/events/0-0" || out["count"] != 2.0 {
		t.Fatal(code, out, header)
	}
	code, out, header = post(t, url, `[{"account":"ann","ok":false,"ts":"2026-01-01 10:00:00"},{"account":"bob","ok":true,"ts":"2026-01-01 10:00:01"}]`, "Idempotency-Key", "one")
	if code != http.StatusAccepted || header.Get("Location") != "/v1/tables/logins/events/0-0" || header.Get("Idempotency-Replayed") != "true" {
		t.Error(code, out, header)
	}
	waitFor(t, func() bool {
		return strings.Contains(get(t, address+"/v1/tables/logins/events/0-0"), `"links":["/v1/queries/brute_force/instances/`)
	})
	if text := get(t, address+"/v1/tables/logins/events/0-1"); !strings.Contains(text, `"taken":true`) || strings.Contains(text, "instances") {
		t.Error(text)
	}
	code, out, _ = post(t, url, `{"account":"ann","ok":false,"ts":"2026-01-01 09:00:00"}`) // late
	if code != http.StatusAccepted {
		t.Error(code, out)
	}
	waitFor(t, func() bool {
		return strings.Contains(get(t, address+"/v1/tables/logins/events/0-2"), `"rejected":{"kind":"late","reason":"the watermark `)
	})
	stop()

	address, stop = testServer(t, "data")
	defer stop()
	url = address + "/v1/tables/logins/events"
	code, out, header = post(t, url, "{\"account\":\"ann\",\"ok\":true,\"ts\":\"2026-01-01 10:01:00\"}\n{\"account\":\"\",\"ok\":true,\"ts\":\"2026-01-01 10:02:00\"}", "Content-Type", "application/x-ndjson")
	if code != http.StatusAccepted || header.Get("Location") != "/v1/tables/logins/events/0-3" {
		t.Fatal(code, out)
	}
	waitFor(t, func() bool {
		text, _ := os.ReadFile("data/files/alerts.jsonl")
		return string(text) == "{\"account\":\"ann\",\"tries\":1}\n"
	})
	for body, want := range map[string]string{
		`{"account":7,"ok":"maybe"`:                 "nothing was taken: record 1: at byte",
		`[{"account":"a"},{"account":"a","ok":17}]`: "nothing was taken: record 2: field ok",
		"": "request body is required",
		`{"account":"a","ts":"2026-13-01 00:00:00"}`:       "field ts",
		strings.Repeat(`{"account":"a"}`, 10_001):          "at most 10000",
		`{"account":"` + strings.Repeat("x", 5<<20) + `"}`: "",
	} {
		code, out, _ := post(t, url, body)
		if detail, _ := out["detail"].(string); code < 400 || code >= 500 || !strings.Contains(detail, want) {
			t.Errorf("%.60s: %d %v", body, code, out)
		}
	}
	if code, out, _ := post(t, url, `{"account":"z"}`, "Idempotency-Key", "one"); code != http.StatusUnprocessableEntity {
		t.Error(code, out)
	}
	if code, out, _ := post(t, address+"/v1/tables/alerts/events", `{}`); code != http.StatusUnprocessableEntity || !strings.Contains(out["detail"].(string), "'connector' = 'http'") {
		t.Error(code, out)
	}
	if text := get(t, address+"/v1/tables/logins/events/0-99"); !strings.Contains(text, "keeps events 0 to 4") {
		t.Error(text)
	}
}

func TestRunRefusesPostedTables(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", logins)
	if out := cepd([]string{"run", "q.sql"}, ""); !strings.Contains(out, "run cepd serve and submit the query there") {
		t.Error(out)
	}
}
