package formats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

// totals writes what has been spent by card, with keys and values whose schemas
// are registered, and reads them.
const totals = `
CREATE TABLE tx (card BIGINT NOT NULL, amount DOUBLE) WITH ('connector' = 'kafka', 'topic' = 'tx', 'properties.bootstrap.servers' = '%[1]s',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE totals (card BIGINT NOT NULL, total %[4]s, PRIMARY KEY (card) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'totals', 'properties.bootstrap.servers' = '%[1]s', 'scan.bounded.mode' = 'latest-offset',
    'key.format' = '%[3]s', 'key.%[3]s.url' = '%[2]s', 'value.format' = '%[3]s', 'value.%[3]s.url' = '%[2]s');
CREATE TABLE seen (card BIGINT, total %[4]s, PRIMARY KEY (card) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'seen', 'properties.bootstrap.servers' = '%[1]s', 'key.format' = 'json', 'value.format' = 'json');
`

const (
	writeTotals = totals + "INSERT INTO totals SELECT card, CAST(SUM(amount) AS %[4]s) FROM tx GROUP BY card;"
	readTotals  = totals + "INSERT INTO seen SELECT card, total FROM totals;"
)

// compatible is the rule of a registry that lets old readers read.
func compatible(have []sr.Schema, s sr.Schema) error {
	last := have[len(have)-1]
	if s.Type != sr.TypeAvro {
		if s.Schema != last.Schema {
			return errors.New("a field has changed its type")
		}
		return nil
	}
	return avro.CheckCompatibility(avro.MustParse(last.Schema), avro.MustParse(s.Schema))
}

// settle reads a topic until the last values of its keys are those.
func settle(t *testing.T, addr, topic string, want map[string]string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for got := map[string]string{}; !maps.Equal(got, want); {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err, got)
		}
		fetches.EachRecord(func(r *kgo.Record) { got[string(r.Key)] = string(r.Value) })
	}
}

// TestRegisteredUpserts writes and reads a table whose schemas are registered, and
// has the registry refuse the one of a column that has become text. It fails every
// other time.
func TestRegisteredUpserts(t *testing.T) {
	for _, format := range []string{"avro-confluent", "protobuf-confluent"} {
		t.Run(format, func(t *testing.T) {
			addr, stop, err := broker.Start([]string{"tx", "totals", "seen"}, 1)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			registry := registrytest.New(t)
			registry.Flaky, registry.Check = true, compatible
			write(t, addr, []byte(`{"card":1,"amount":2.5}`), []byte(`{"card":2,"amount":1}`), []byte(`{"card":1,"amount":4}`))
			for range 2 { // the second time the schemas are there
				if err := start(t, fmt.Sprintf(writeTotals, addr, registry.URL, format, "DOUBLE")).Wait(); err != nil {
					t.Fatal(err)
				}
			}
			for _, subject := range []string{"totals-key", "totals-value"} {
				if v := registry.Versions(subject); len(v) != 1 {
					t.Errorf("%s: %v", subject, v)
				}
			}
			if err := start(t, fmt.Sprintf(readTotals, addr, registry.URL, format, "DOUBLE")).Wait(); err != nil {
				t.Fatal(err)
			}
			settle(t, addr, "seen", map[string]string{`{"card":1}`: `{"card":1,"total":6.5}`, `{"card":2}`: `{"card":2,"total":1}`})
			err = tryStart(t, fmt.Sprintf(writeTotals, addr, registry.URL, format, "STRING"))
			if err == nil || !strings.Contains(err.Error(), `register the schema of subject "totals-value": the registry refuses it, because it is not compatible`) {
				t.Error(err)
			}
		})
	}
}
