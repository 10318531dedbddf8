package benchmarks

import (
	"context"
	"flag"
	"os"
	"testing"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/internal/kafkatest"
)

var (
	kafkaEvents  = flag.Int("kafka-events", 200_000, "events of TestKafkaToKafka")
	kafkaResults = flag.String("kafka-results", "", "result file to write")
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// TestKafkaToKafka is Q2 end to end on a real broker: a topic of four
// partitions with JSON records, detections to another topic. Its answer is that
// of the hand-written loop.
func TestKafkaToKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Kafka broker")
	}
	ctx := context.Background()
	k := kafkatest.Broker(t)
	in, out := k.Topic(t, 4), k.Topic(t, 4)
	bytes, err := FillTopic(ctx, k.Bootstrap, in, *kafkaEvents)
	if err != nil {
		t.Fatal(err)
	}
	r, err := EndToEnd(ctx, k.Bootstrap, in, out, t.TempDir(), *kafkaEvents)
	if err != nil {
		t.Fatal(err)
	}
	if want := HandQ2(NewTransactions(*kafkaEvents)); r.Matches != want {
		t.Errorf("%d detections, expected %d", r.Matches, want)
	}
	t.Logf("%d events of %.0f bytes: %.2f s, %.2f s of CPU, %.0f events per CPU-second, %d detections, %.0f MB; %s",
		r.Events, bytes, r.WallSeconds, r.CPUSeconds, r.PerCPUSecond(), r.Matches, r.RSSMB, r.Note)
	if *kafkaResults == "" {
		return
	}
	if err := measure.Write(*kafkaResults, []measure.Result{r}); err != nil {
		t.Fatal(err)
	}
}
