package rises

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// noiseValue is above and below every reading in turn, so that a reader that
// takes noise for readings finds rises that are none, and misses others.
var noiseValue = [2]int64{-1, 1000}

// Noise writes readings into the topic in transactions that are aborted, until
// the context ends: readers of committed records see none of them.
func (w *World) Noise(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var c *kgo.Client
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if c == nil {
			c = w.liar()
		}
		if c != nil && w.lie(ctx, c) != nil { // brokers are away: begin anew
			c.Close()
			c = nil
		}
	}
}

// lieTimeout bounds how long readers wait behind a transaction whose producer
// is cut off.
const lieTimeout = 2 * time.Second

func (w *World) liar() *kgo.Client {
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(w.bootstrap, ",")...), kgo.TransactionalID(w.topic+"-noise"),
		kgo.TransactionTimeout(lieTimeout), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(w.topic))
	if err != nil {
		return nil
	}
	return c
}

// lie writes a reading of every meter and takes it back.
func (w *World) lie(ctx context.Context, c *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, lieTimeout)
	defer cancel()
	if err := c.BeginTransaction(); err != nil {
		return err
	}
	n := w.Readings()
	var records []*kgo.Record
	for meter := range int64(meters) {
		r := reading{Meter: meter, N: -n, V: noiseValue[n%2], TS: timeOf(n)}
		records = append(records, &kgo.Record{Partition: int32(meter % Partitions), Value: r.encode()})
	}
	if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("noise: %w", err)
	}
	return c.EndTransaction(ctx, kgo.TryAbort)
}
