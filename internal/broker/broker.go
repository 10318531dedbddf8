// Package broker runs a Kafka-protocol broker inside the process: for the
// demo, which needs nothing installed, and for tests of what a real broker
// does not do on demand. It keeps everything in memory and serves localhost
// only; it is no place for data.
package broker

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Start runs a broker with the topics, each of the given number of
// partitions, on a free port of localhost. addr goes into
// 'properties.bootstrap.servers'; close ends the broker.
func Start(topics []string, partitions int) (addr string, close func(), err error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(int32(partitions), topics...))
	if err != nil {
		return "", nil, fmt.Errorf("embedded broker: %w", err)
	}
	return cluster.ListenAddrs()[0], cluster.Close, nil
}
