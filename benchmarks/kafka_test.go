package benchmarks

import (
	"context"
	"os"
	"testing"

	"github.com/cepd/cepd/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// TestKafkaToKafka is Q2 end to end on a real broker: a topic of four
// partitions with JSON records, detections to another topic. Its answer is that
// of the hand-written loop.
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
	for _, dir := range []string{"", t.TempDir()} {
		r, err := EndToEnd(ctx, &Pipe{Bootstrap: k.Bootstrap, In: in, Out: k.Topic(t, 4), Events: events, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if want := HandQ2(NewTransactions(events)); r.Matches != want {
			t.Errorf("%s: %d detections, expected %d", r.Note, r.Matches, want)
		}
		t.Logf("%.0f events per CPU-second; %s", r.PerCPUSecond(), r.Note)
	}
}
