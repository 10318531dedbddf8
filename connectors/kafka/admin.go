package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// CreateTopic makes a topic with the settings given, replicated as the broker
// does by default, and returns when a broker knows of it. It is for tests and tools; tables never create topics.
func CreateTopic(ctx context.Context, bootstrap, topic string, partitions int, settings map[string]string) error {
	cl := newClient(&config{bootstrap: bootstrap, topic: topic, clientID: "cepd-admin", identity: fmt.Sprintf("admin%q%q", bootstrap, topic), requestTimeout: 30 * time.Second}, nil)
	defer cl.close()
	entries := make([]kafka.ConfigEntry, 0, len(settings))
	for name, value := range settings {
		entries = append(entries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	const brokerDefault = -1
	admin := kafka.Client{Addr: cl.addr, Transport: cl}
	r, err := admin.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: topic, NumPartitions: partitions, ReplicationFactor: brokerDefault, ConfigEntries: entries}}})
	if err == nil {
		err = r.Errors[topic]
	}
	if err != nil {
		return fmt.Errorf("kafka: create topic %q at %s: %w", topic, bootstrap, err)
	}
	// The controller has the topic; brokers hear of it a moment later.
	_, err = cl.partitions(ctx)
	return err
}
