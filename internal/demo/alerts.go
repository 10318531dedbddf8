package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Detection is a row of the alerts table.
type Detection struct {
	ID      string // of the delivery: equal for repetitions of one detection
	Card    int64
	First   time.Time
	Last    time.Time
	Probes  int64
	Amount  json.Number
	Country string
}

// parseDetection reads the JSON of an alert.
func parseDetection(value []byte) (Detection, error) {
	var row struct {
		Card    int64       `json:"card"`
		Started string      `json:"started"`
		Ended   string      `json:"ended"`
		Probes  int64       `json:"probes"`
		Amount  json.Number `json:"amount"`
		Country string      `json:"country"`
	}
	if err := json.Unmarshal(value, &row); err != nil {
		return Detection{}, fmt.Errorf("alert %s: %w", value, err)
	}
	d := Detection{Card: row.Card, Probes: row.Probes, Amount: row.Amount, Country: row.Country}
	var err error
	if d.First, err = time.Parse(sqlTime, row.Started); err == nil {
		d.Last, err = time.Parse(sqlTime, row.Ended)
	}
	return d, err
}

// Alerts reads the alerts topic from its beginning.
type Alerts struct {
	client     *kgo.Client
	topic      string
	partitions int
	read       []int64 // next offset per partition
}

// NewAlerts reads a topic.
func NewAlerts(bootstrap, topic string, partitions int) (*Alerts, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return &Alerts{client: client, topic: topic, partitions: partitions, read: make([]int64, partitions)}, nil
}

// Close ends reading.
func (a *Alerts) Close() { a.client.Close() }

// Follow calls fn for each detection until the context ends.
func (a *Alerts) Follow(ctx context.Context, fn func(Detection)) error {
	for ctx.Err() == nil {
		if err := a.poll(ctx, fn); err != nil {
			return err
		}
	}
	return nil
}

// Rest calls fn for each detection up to the topic's present end.
func (a *Alerts) Rest(ctx context.Context, fn func(Detection)) error {
	ends, err := endOffsets(ctx, a.client, a.topic, a.partitions)
	if err != nil {
		return err
	}
	for !a.reached(ends) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("alerts: %w", err)
		}
		if err := a.poll(ctx, fn); err != nil {
			return err
		}
	}
	return nil
}

func (a *Alerts) reached(ends []int64) bool {
	for part, end := range ends {
		if a.read[part] < end {
			return false
		}
	}
	return true
}

func (a *Alerts) poll(ctx context.Context, fn func(Detection)) error {
	fetches := a.client.PollFetches(ctx)
	if err := fetches.Err(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("alerts: %w", err)
	}
	for _, r := range fetches.Records() {
		d, err := parseDetection(r.Value)
		if err != nil {
			return err
		}
		a.read[r.Partition] = r.Offset + 1
		d.ID = header(r, "cepd-id")
		fn(d)
	}
	return nil
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
