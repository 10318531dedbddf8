package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestPackSubmit runs a pack on a server: what its manifest says of a rule is shown
// with the query and its detections, also after a restart.
func TestPackSubmit(t *testing.T) {
	defer goleak.VerifyNone(t)
	pack := "../../examples/packs/payments"
	tables := t.TempDir() + "/tables.sql"
	writeTestFile(t, tables, `CREATE TABLE payments (card STRING, amount DECIMAL(12, 2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'http', 'format' = 'json');
CREATE TABLE fraud_alerts (rule STRING, card STRING, at TIMESTAMP(3), detail STRING) WITH ('connector' = 'blackhole');`)
	data := t.TempDir()
	address, stop := testServer(t, data)
	expect(t, "exit 0\n", "query", "submit", tables, "--server", address)
	expect(t, "exit 0\nquery payments_card_testing runs\nquery payments_velocity runs\nquery payments_two_countries runs\n",
		"pack", "submit", pack, "--tables", tables, "--param", "probes=2", "--param", "patience=1 min", "--server", address)
	for _, ts := range []string{"00:00", "00:10", "00:20", "05:00"} { // the last one moves the watermark
		amount := "1.50"
		if ts == "00:20" {
			amount = "900"
		}
		post(t, address+"/v1/tables/payments/events", `{"card":"c1","amount":`+amount+`,"ts":"2026-01-01 10:`+ts+`"}`)
	}
	rule := `"rule":{"owner":"fraud-team@example.com","pack":"payments 1.2.0","runbook":"https://runbooks.example.com/card-testing","severity":"high","tags":"fraud,attack.t1657"}`
	var out string
	waitFor(t, func() bool {
		out = get(t, address+"/v1/queries/payments_card_testing/detections")
		return strings.Contains(out, "900.00 behind 2")
	})
	if !strings.Contains(out, rule) {
		t.Errorf("the detections do not have %s:\n%s", rule, out)
	}
	stop()
	address, stop = testServer(t, data)
	defer stop()
	for _, path := range []string{"", "/status"} {
		if out := get(t, address+"/v1/queries/payments_card_testing"+path); !strings.Contains(out, rule) {
			t.Errorf("the query does not have %s:\n%s", rule, out)
		}
	}
}
