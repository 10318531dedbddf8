package kafka_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/kafkatest"
)

// upsertTable is a table of upserts by user.
func upsertTable(bootstrap, topic string) connectors.Table {
	tab := table(bootstrap, topic, "connector", "upsert-kafka", "key.format", "string", "scan.bounded.mode", "latest-offset")
	tab.Columns, tab.Key = sinkColumns, []string{"user"}
	return tab
}

// upsertRecords reads the records of a partition, from the beginning.
func upsertRecords(t testing.TB, bootstrap, topic string) (out []string) {
	t.Helper()
	s, err := kafka.NewUpsert(newLines).Source(upsertTable(bootstrap, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p := openPartition(t, s, 0, connectors.Start)
	var raw connectors.RawBatch
	for {
		if err := p.r.Poll(100, -1, &raw); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		for i := range raw.N() {
			text := func(s event.Span) string { return string(raw.Buf[s.Off : s.Off+s.Len]) }
			value := text(raw.Value[i])
			if raw.Flags[i]&connectors.NullValue != 0 {
				value = "none"
			}
			out = append(out, text(raw.Key[i])+"="+value)
		}
		if raw.N() == 0 {
			<-p.ready
		}
	}
}

// TestUpserts writes changes: of the rows of a key in one batch the last is written,
// and one that is taken back has no value.
func TestUpserts(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		s, err := kafka.NewUpsert(newLines).Sink(upsertTable(b.bootstrap, topic))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		if err := s.Open(testContext(t)); err != nil {
			t.Fatal(err)
		}
		for _, changes := range [][]event.Change{
			{event.Insert, event.Insert, event.UpdateBefore, event.UpdateAfter}, // of users 0, 1, 2, 3
			{event.UpdateBefore, event.Delete},
		} {
			batch := rows(0, len(changes))
			for i, c := range changes {
				batch.SetChange(i, c)
			}
			if err := s.Write(testContext(t), batch); err != nil {
				t.Fatal(err)
			}
		}
		twice := rows(0, 12) // users 0 and 1 come twice
		twice.SetChange(0, event.UpdateBefore)
		twice.SetChange(10, event.UpdateAfter)
		if err := s.Write(testContext(t), twice); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(testContext(t)); err != nil {
			t.Fatal(err)
		}
		want := []string{"user-0=user-0,0", "user-1=user-1,1", "user-2=none", "user-3=user-3,3", "user-0=none", "user-1=none"}
		for n := 2; n < 12; n++ {
			want = append(want, fmt.Sprintf("user-%d=user-%d,%d", n%10, n%10, n))
		}
		if diff := cmp.Diff(want, upsertRecords(t, b.bootstrap, topic)); diff != "" {
			t.Error(diff)
		}
	})
}

// writeUpserts writes changes until done is closed; check says
// whether the last value of each key is that of its last change.
func writeUpserts(t *testing.T, b *kafkatest.Kafka, done <-chan struct{}) (check func()) {
	t.Helper()
	topic := b.Topic(t, 1)
	s, err := kafka.NewUpsert(newLines).Sink(upsertTable(b.Bootstrap, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Open(testContext(t)); err != nil {
		t.Fatal(err)
	}
	n, written := 0, make(chan error, 1)
	go func() {
		for {
			if err := errors.Join(s.Write(t.Context(), rows(n, n+100)), s.Flush(t.Context())); err != nil {
				written <- err
				return
			}
			n += 100
			select {
			case <-done:
				written <- nil
				return
			default:
			}
		}
	}()
	return func() {
		t.Helper()
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		last := map[string]string{}
		for _, record := range upsertRecords(t, b.Bootstrap, topic) {
			key, value, _ := strings.Cut(record, "=")
			last[key] = value
		}
		for i := n - 10; i < n; i++ {
			if user := fmt.Sprintf("user-%d", i%10); last[user] != fmt.Sprintf("%s,%d", user, i) {
				t.Errorf("%s is %s at the end, of %d", user, last[user], n)
			}
		}
	}
}

func TestUpsertOptions(t *testing.T) {
	names := map[string]bool{}
	for _, o := range kafka.NewUpsert(newLines).Options() {
		names[o.Name] = true
		if o.Name == "key.format" && !o.Required {
			t.Error("key.format is needed")
		}
	}
	for _, gone := range []string{"key.fields", "scan.startup.mode", "properties.group.id"} {
		if names[gone] {
			t.Errorf("'%s' is settled by the table's key", gone)
		}
	}
	if !slices.ContainsFunc(kafka.NewUpsert(newLines).Metadata(), func(m connectors.MetadataSpec) bool { return m.Key == "timestamp" }) {
		t.Error("the timestamp says when a row was deleted")
	}
}
