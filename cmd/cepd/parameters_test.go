package main

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

const limits = `CREATE TABLE payments (tenant STRING, amount DECIMAL(12, 2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'http', 'format' = 'json');
CREATE TABLE limits (tenant STRING, allowed DECIMAL(12, 2), since TIMESTAMP_LTZ(3) METADATA FROM 'valid-from' VIRTUAL, version BIGINT METADATA VIRTUAL,
  WATERMARK FOR since AS since, PRIMARY KEY (tenant) NOT ENFORCED) WITH ('connector' = 'parameters');
CREATE TABLE alerts (tenant STRING, amount DECIMAL(12, 2), version BIGINT) WITH ('connector' = 'file', 'path' = 'alerts.jsonl', 'format' = 'json');
INSERT INTO alerts /*+ NAME('over') */ SELECT p.tenant, p.amount, l.version FROM payments AS p
  LEFT JOIN limits FOR SYSTEM_TIME AS OF p.ts AS l ON l.tenant = p.tenant WHERE p.amount > COALESCE(l.allowed, 1000);`

// TestParameters changes a limit of a running query.
func TestParameters(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", limits)
	address, stop := testServer(t, "data")
	run := func(args ...string) string {
		return cepd(append([]string{"parameters"}, append(args, "--server", address)...), "")
	}
	pay := func(tenant, amount, ts string) {
		t.Helper()
		if code, out, _ := post(t, address+"/v1/tables/payments/events", `{"tenant":"`+tenant+`","amount":`+amount+`,"ts":"2026-01-01 `+ts+`"}`); code != http.StatusAccepted {
			t.Fatal(out)
		}
	}
	alerts := func(want string) {
		t.Helper()
		var text []byte
		waitFor(t, func() bool {
			text, _ = os.ReadFile("data/files/alerts.jsonl")
			return strings.HasSuffix(string(text), want+"\n")
		})
	}
	writeTestFile(t, "t.sql", limits[:strings.Index(limits, "INSERT")])
	expect(t, "exit 0\n", "query", "submit", "t.sql", "--server", address)
	if out := run("set", "limits", "acme", "allowed=100", "--valid-from", "2026-01-01T00:00:00Z"); out != "exit 0\nacme: version 1, valid from 2026-01-01T00:00:00Z\n" {
		t.Fatal(out)
	}
	writeTestFile(t, "i.sql", limits[strings.Index(limits, "INSERT"):])
	expect(t, "exit 0\nquery over runs\n", "query", "submit", "i.sql", "--server", address)
	pay("acme", "150", "10:00:00")
	pay("acme", "90", "10:00:01")
	pay("other", "1001", "10:00:02")
	alerts(`{"tenant":"acme","amount":150.00,"version":1}`)
	if out := run("set", "limits", "acme", "allowed=200", "--valid-from", "2026-01-01T11:00:00Z"); !strings.Contains(out, "version 2") {
		t.Fatal(out)
	}
	pay("acme", "160", "10:30:00") // before the change
	pay("acme", "170", "12:00:00")
	pay("acme", "250", "12:00:01")
	pay("x", "1", "12:00:02")
	alerts(`{"tenant":"acme","amount":160.00,"version":1}` + "\n" + `{"tenant":"acme","amount":250.00,"version":2}`)
	stop()

	address, stop = testServer(t, "data")
	defer stop()
	// The time of this one has passed: it is valid from now on, not late.
	if out := run("set", "limits", "acme", "allowed=10", "--valid-from", "2026-01-01T11:30:00Z"); !strings.Contains(out, "version 3") {
		t.Fatal(out)
	}
	waitFor(t, func() bool {
		return strings.Contains(get(t, address+"/v1/queries/over/status"), `"position":3`)
	})
	pay("acme", "20", "12:30:00")
	pay("x", "1", "12:30:02")
	alerts(`{"tenant":"acme","amount":20.00,"version":3}`)
	if out := run("list", "limits"); !strings.Contains(out, "acme") || !strings.Contains(out, "10") {
		t.Error(out)
	}
	for _, c := range [][]string{
		{"cannot be valid from before that", "set", "limits", "acme", "allowed=1", "--valid-from", "2026-01-01T10:00:00Z"},
		{"has been changed: it is version 3", "set", "limits", "acme", "allowed=1", "--if-version", "2"},
		{"field allowed", "set", "limits", "acme", "allowed=much"},
		{"has no column nothing", "set", "limits", "acme", "nothing=1"},
		{"has no parameter \"nobody\"", "delete", "limits", "nobody"},
		{"'connector' = 'parameters'", "set", "payments", "acme", "amount=1"},
		{"acme: deleted, version 4", "delete", "limits", "acme", "--if-version", "3"},
		{"(deleted)", "history", "limits", "acme"},
	} {
		if out := run(c[1:]...); !strings.Contains(out, c[0]) {
			t.Errorf("%v: %s", c[1:], out)
		}
	}
	writeTestFile(t, "seed.csv", "tenant,allowed\nacme,70\n\"b, c\",80\n")
	if out := run("load", "limits", "seed.csv"); !strings.Contains(out, "2 rows") {
		t.Error(out)
	}
	if out := run("list", "limits"); !strings.Contains(out, "b, c") || !strings.Contains(out, "70") {
		t.Error(out)
	}
}
