// Package broker runs a Kafka-protocol broker inside the process: for the
// demo, which needs nothing installed, and for tests of what a real broker
// does not do on demand. It keeps everything in memory and serves localhost
// only; it is no place for data.
package broker

import (
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

const (
	// partitionBytes is what a partition keeps: older records go. That bounds
	// the memory; a reader further behind finds its offset out of range.
	partitionBytes    = "67108864"
	retentionInterval = 5 * time.Second
)

// Start runs a broker with the topics, each of the given number of
// partitions, on a free port of localhost. addr goes into
// 'properties.bootstrap.servers'; stop ends the broker.
func Start(topics []string, partitions int) (addr string, stop func(), err error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(int32(partitions), topics...),
		kfake.BrokerConfigs(map[string]string{"log.retention.bytes": partitionBytes, "log.retention.ms": "-1"}))
	if err != nil {
		return "", nil, fmt.Errorf("embedded broker: %w", err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { keepSmall(cluster, done) })
	var once sync.Once
	return cluster.ListenAddrs()[0], func() {
		once.Do(func() {
			close(done)
			wg.Wait()
			cluster.Close()
		})
	}, nil
}

func keepSmall(c *kfake.Cluster, done <-chan struct{}) {
	tick := time.NewTicker(retentionInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.ApplyRetention()
		case <-done:
			return
		}
	}
}
