package infer_test

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/infer"
)

func newSampler(t *testing.T) infer.Sampler {
	e, err := engine.New(engine.Options{Registry: all.New(), NewDecoder: formats.NewDecoder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	return infer.Sampler{Engine: e}
}

// TestTopic infers from a topic whose other partitions are empty: the first records,
// the last, and none.
func TestTopic(t *testing.T) {
	addr, stop, err := broker.Start([]string{"in", "empty"}, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, value := range []string{`{"id": 1}`, `{"id": 2, "note": "x"}`, ``, `{"id": 3.5, "more": [1]}`} {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Partition: 2, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := newSampler(t)
	options := map[string]string{"connector": "kafka", "topic": "in", "properties.bootstrap.servers": addr, "scan.startup.mode": "latest-offset"}
	for _, test := range []struct {
		rows int
		last bool
		want string
	}{
		{1000, false, "id DOUBLE,note STRING,more ARRAY<BIGINT>"},
		{4, false, "id BIGINT,note STRING"}, // two for each partition that is left
		{2, true, "id DOUBLE,more ARRAY<BIGINT>"},
	} {
		got, err := s.Infer(t.Context(), infer.Request{Name: "t", Options: options, Rows: test.rows, Last: test.last})
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for _, c := range got.Columns {
			columns = append(columns, c.Name+" "+c.Type.String())
		}
		if s := strings.Join(columns, ","); s != test.want {
			t.Errorf("%d, last %v: %s, want %s", test.rows, test.last, s, test.want)
		}
	}
	options["topic"] = "empty"
	if _, err := s.Infer(t.Context(), infer.Request{Name: "t", Options: options}); err == nil || !strings.Contains(err.Error(), "no records yet") {
		t.Errorf("an empty topic: %v", err)
	}
}
