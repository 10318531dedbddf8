package kafka_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/kafkatest"
)

// target is a broker that a test runs against.
type target struct {
	bootstrap string
	topic     func(t testing.TB, partitions int) string
}

var fakeTopics atomic.Int64

// forEachBroker runs a test against the embedded broker and a real one.
func forEachBroker(t *testing.T, test func(*testing.T, target)) {
	t.Run("embedded", func(t *testing.T) {
		addr, stop, err := broker.Start(nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		test(t, target{addr, func(t testing.TB, n int) string {
			name := fmt.Sprintf("topic-%d", fakeTopics.Add(1))
			if err := kafka.CreateTopic(context.Background(), addr, name, n, nil); err != nil {
				t.Fatal(err)
			}
			return name
		}})
	})
	forReal(t, test)
}

// forReal runs a test against a real broker.
func forReal(t *testing.T, test func(*testing.T, target)) {
	t.Run("real", func(t *testing.T) {
		b := kafkatest.Broker(t)
		test(t, target{b.Bootstrap, func(t testing.TB, n int) string { return b.Topic(t, n) }})
	})
}
