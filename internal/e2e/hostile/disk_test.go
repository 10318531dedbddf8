package hostile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/internal/kafkatest"
)

// TestDamagedDisk changes a byte in the log of a real broker: the batch it is in
// is kept with its place and reason, those around it are read.
func TestDamagedDisk(t *testing.T) {
	broker := kafkatest.Broker(t)
	if broker.DataDir() == "" {
		t.Skip("the broker is not the test's own: its disk cannot be damaged")
	}
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.ZstdCompression()} {
		topic := broker.Topic(t, 1)
		b := newBed(t, "json")
		records := b.good(t, 9)
		writeBatches(t, broker.Bootstrap, topic, codec, records)
		damage(t, broker, topic)

		options := readAll(broker.Bootstrap, topic)
		options["format"] = "json"
		q, err := b.start(t, "kafka", options)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Wait(); err != nil {
			t.Fatal(err)
		}
		_, seen := b.store.Table("seen").Rows()
		var texts []string
		for _, row := range seen {
			texts = append(texts, string(row[2].S))
		}
		if want := []string{neighbour(0), neighbour(1), neighbour(2), neighbour(6), neighbour(7), neighbour(8)}; !slices.Equal(texts, want) {
			t.Errorf("rows %q", texts)
		}
		_, dead := b.store.Table("dead").Rows()
		if len(dead) != 1 {
			t.Fatalf("%d rejects", len(dead))
		}
		reason := string(dead[0][1].S)
		if dead[0][2].I != 3 || !strings.Contains(reason, "checksum") || !strings.Contains(reason, "offsets 3 to 5 are passed over") {
			t.Errorf("offset %d: %s", dead[0][2].I, reason)
		}
	}
}

// writeBatches writes batches of three records.
func writeBatches(t *testing.T, addr, topic string, codec kgo.CompressionCodec, records [][]byte) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(codec), kgo.ManualFlushing())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	failed := make(chan error, len(records))
	for batch := range slices.Chunk(records, 3) {
		for _, r := range batch {
			client.Produce(t.Context(), &kgo.Record{Value: r}, func(_ *kgo.Record, err error) { failed <- err })
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range records {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}

// damage changes a byte of the second batch of the topic's only partition.
func damage(t *testing.T, broker *kafkatest.Kafka, topic string) {
	t.Helper()
	path := fmt.Sprintf("%s/%s-0/%020d.log", broker.DataDir(), topic, 0)
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const lengthStart = 12
	first := lengthStart + int(log[8])<<24 + int(log[9])<<16 + int(log[10])<<8 + int(log[11])
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const inRecords = 70
	at := first + inRecords
	if _, err := file.WriteAt([]byte{log[at] ^ 0x55}, int64(at)); err != nil {
		t.Fatal(err)
	}
}
