package kafka_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
)

const source = `
CREATE TABLE tx (card BIGINT, amount DOUBLE, at TIMESTAMP_LTZ(3), WATERMARK FOR at AS at)
  WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '%[1]s', 'scan.startup.mode' = 'earliest-offset',
    'scan.bounded.mode' = 'latest-offset', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
`

const detections = `
INSERT INTO o SELECT card, amount FROM tx MATCH_RECOGNIZE (PARTITION BY card ORDER BY at MEASURES B.amount AS amount
  PATTERN (A B) DEFINE A AS A.amount < 10, B AS B.amount > 1000);
`

// binaryEvents writes detections in Avro, with attributes beside them.
const binaryEvents = source + `
CREATE TABLE o (card BIGINT, amount DOUBLE)
  WITH ('connector' = 'kafka', 'topic' = '%[3]s', 'properties.bootstrap.servers' = '%[1]s', 'format' = 'avro', 'key.fields' = 'card',
    'cloudevents.mode' = 'binary', 'cloudevents.type' = 'com.example.spent', 'cloudevents.subject' = '{card}');` + detections

// structuredEvents writes each as one JSON object.
const structuredEvents = source + `
CREATE TABLE o (card BIGINT, amount DOUBLE)
  WITH ('connector' = 'kafka', 'topic' = '%[3]s', 'properties.bootstrap.servers' = '%[1]s', 'format' = 'json',
    'cloudevents.mode' = 'structured', 'cloudevents.type' = 'com.example.spent', 'cloudevents.subject' = '{card}');` + detections

// readEvents reads both, as anybody would.
const readEvents = `
CREATE TABLE b (card BIGINT, amount DOUBLE, headers MAP<STRING, BYTES> METADATA VIRTUAL, type AS CAST(headers['ce_type'] AS STRING), subject AS CAST(headers['ce_subject'] AS STRING))
  WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '%[1]s', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'avro');
CREATE TABLE s (type STRING, subject STRING, data ROW<card BIGINT, amount DOUBLE>)
  WITH ('connector' = 'kafka', 'topic' = '%[3]s', 'properties.bootstrap.servers' = '%[1]s', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE seen (how STRING, type STRING, subject STRING, card BIGINT, amount DOUBLE)
  WITH ('connector' = 'kafka', 'topic' = '%[4]s', 'properties.bootstrap.servers' = '%[1]s', 'format' = 'csv');
INSERT INTO seen SELECT 'b', type, subject, card, amount FROM b UNION ALL SELECT 's', type, subject, data.card, data.amount FROM s;
`

// TestEvents runs the query twice over the same records: each time the events are
// the same, ids, sources and times included.
func TestEvents(t *testing.T) {
	forEachBroker(t, func(t *testing.T, to target) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		client, err := kgo.NewClient(kgo.SeedBrokers(to.bootstrap))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		tx, binary, structured, seen := to.topic(t, 1), to.topic(t, 1), to.topic(t, 1), to.topic(t, 1)
		for i, amount := range []int{5, 6, 5000, 7000} { // cards 1, 2, 1, 2
			r := &kgo.Record{Topic: tx, Value: fmt.Appendf(nil, `{"card":%d,"amount":%d,"at":"2026-03-02T09:00:0%dZ"}`, 1+i%2, amount, i)}
			if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			run(ctx, t, engine.Options{Registry: all.New()}, fmt.Sprintf(binaryEvents, to.bootstrap, tx, binary))
			run(ctx, t, engine.Options{Registry: all.New()}, fmt.Sprintf(structuredEvents, to.bootstrap, tx, structured))
		}
		for _, got := range [][]string{inBinary(t, to.bootstrap, binary), inStructured(t, to.bootstrap, structured)} {
			if got[0] != got[1] || got[2] != got[3] || got[0] == got[2] || !strings.Contains(got[0], "com.example.spent 1 2026-03-02T09:00:02") {
				t.Errorf("%q", got)
			}
		}
		run(ctx, t, engine.Options{Registry: all.New()}, fmt.Sprintf(readEvents, to.bootstrap, binary, structured, seen))
		var lines []string
		for _, r := range records(t, to.bootstrap, seen, 8) {
			lines = append(lines, string(r.Value))
		}
		slices.Sort(lines)
		lines = slices.Compact(lines)
		if want := []string{"b,com.example.spent,1,1,5000", "b,com.example.spent,2,2,7000", "s,com.example.spent,1,1,5000", "s,com.example.spent,2,2,7000"}; !slices.Equal(lines, want) {
			t.Errorf("%q", lines)
		}
	})
}

// inBinary are the attributes of the records, sorted.
func inBinary(t *testing.T, addr, topic string) (out []string) {
	for _, r := range records(t, addr, topic, 4) {
		h := map[string]string{}
		for _, x := range r.Headers {
			h[x.Key] = string(x.Value)
		}
		if h["ce_id"] != h["cepd-id"] || h["content-type"] != "application/avro" || h["ce_specversion"] != "1.0" || !strings.HasSuffix(h["ce_source"], "/o") {
			t.Errorf("%q", h)
		}
		out = append(out, fmt.Sprint(h["ce_source"], " ", h["ce_id"], " ", h["ce_type"], " ", h["ce_subject"], " ", h["ce_time"]))
	}
	return sorted(out)
}

// inStructured are those of the events, as the library reads them.
func inStructured(t *testing.T, addr, topic string) (out []string) {
	for _, r := range records(t, addr, topic, 4) {
		var e sdk.Event
		if err := e.UnmarshalJSON(r.Value); err != nil {
			t.Fatal(err)
		}
		if err := e.Validate(); err != nil {
			t.Error(err)
		}
		for _, x := range r.Headers {
			if x.Key == "cepd-id" && string(x.Value) != e.ID() || x.Key == "content-type" && string(x.Value) != "application/cloudevents+json; charset=UTF-8" {
				t.Errorf("header %s: %s", x.Key, x.Value)
			}
		}
		out = append(out, fmt.Sprint(e.Source(), " ", e.ID(), " ", e.Type(), " ", e.Subject(), " ", e.Time().Format("2006-01-02T15:04:05")))
	}
	return sorted(out)
}

// sorted has the events of one subject side by side.
func sorted(events []string) []string {
	slices.SortFunc(events, func(a, b string) int {
		return strings.Compare(strings.Fields(a)[3]+a, strings.Fields(b)[3]+b)
	})
	return events
}

func records(t *testing.T, addr, topic string, n int) (list []*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for len(list) < n {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		list = append(list, fetches.Records()...)
	}
	return list
}
