package benchmarks

import (
	"context"
	"os"
	"testing"

	"github.com/cepd/cepd/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// TestKafkaToKafka is Q1 and Q2 end to end on a real broker: a topic of four
// partitions with JSON records, detections to another topic. Their answers are
// those of the hand-written loops.
func TestKafkaToKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Kafka broker")
	}
	const events = 200_000
	ctx := context.Background()
	k := kafkatest.Broker(t)
	in := k.Topic(t, 4)
	if _, err := FillTopic(ctx, k.Bootstrap, in, events); err != nil {
		t.Fatal(err)
	}
	for _, p := range []Pipe{{Query: "Q1", Guarantee: "none"}, {Query: "Q2", Guarantee: "at-least-once", Dir: t.TempDir()}} {
		p.Bootstrap, p.In, p.Out, p.Events = k.Bootstrap, in, k.Topic(t, 4), events
		r, err := EndToEnd(ctx, &p)
		if err != nil {
			t.Fatal(err)
		}
		want := HandQ2(NewTransactions(events))
		if p.Query == "Q1" {
			want = HandQ1(NewTransactions(events))
		}
		if r.Matches != want {
			t.Errorf("%s, %s: %d detections, expected %d", p.Query, r.Note, r.Matches, want)
		}
		t.Logf("%.0f events per CPU-second; %s", r.PerCPUSecond(), r.Note)
	}
}
