package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/internal/broker"
)

// openTransaction leaves a transaction open, of another client.
func openTransaction(t *testing.T, bootstrap, id string) (producer int64) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic("alerts"), kgo.TransactionalID(id))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseAllowingRebalance)
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(context.Background(), kgo.StringRecord("x")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	producer, _, err = c.ProducerID(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return producer
}

func TestTransactionCommands(t *testing.T) {
	bootstrap, stop, err := broker.Start([]string{"alerts"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	file := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(file, []byte("# of tests\nclient.id = txn-test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	txn := func(args ...string) string {
		return cepd(append([]string{"txn", "--bootstrap", bootstrap, "--properties", file}, args...), "")
	}
	shows := func(out string, want ...string) {
		t.Helper()
		for _, w := range append(want, "exit 0") {
			if !strings.Contains(out, w) {
				t.Errorf("%q is not in\n%s", w, out)
			}
		}
	}
	one, two := openTransaction(t, bootstrap, "one"), openTransaction(t, bootstrap, "two")
	shows(txn("list"), "one", "two", "Ongoing", fmt.Sprint(one))
	shows(txn("list", "--state", "Ongoing", "--output", "json"), `"id": "one"`)
	shows(txn("describe", "one"), "one: Ongoing, producer "+fmt.Sprint(one), "open since", "alerts/0")
	shows(txn("describe", "--topic", "alerts"), "OPEN SINCE OFFSET", fmt.Sprint(two))
	shows(txn("abort", "one"))
	shows(txn("abort", "--topic", "alerts", "--producer", fmt.Sprint(two)))
	shows(txn("describe", "--topic", "alerts", "--output", "json"), `"open_since_offset"`)
	if out := txn("list", "--state", "Ongoing"); strings.Contains(out, "one") {
		t.Error(out)
	}
	shows(txn("forget", "one"))
	if out := txn("describe", "nobody"); !strings.Contains(out, "exit 1") || !strings.Contains(out, "Transactional ID Not Found") {
		t.Error(out)
	}
}
