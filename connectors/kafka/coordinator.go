package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"

	"github.com/cepd/cepd/connectors"
)

// The kinds of coordinators.
const (
	groupCoordinator       int8 = 0
	transactionCoordinator int8 = 1
)

// concurrentBackoff is the first wait for a coordinator that is still writing
// the markers of the transaction before: a matter of milliseconds.
const concurrentBackoff = 2 * time.Millisecond

// coordinator is the broker that keeps a group or a transactional id. Used by
// one goroutine at a time.
type coordinator struct {
	client *client
	kind   int8
	key    string
	broker int32
	known  bool
}

func newCoordinator(c *client, kind int8, key string) *coordinator {
	return &coordinator{client: c, kind: kind, key: key}
}

// find asks any broker for the coordinator, unless it is known.
func (c *coordinator) find(ctx context.Context) (int32, error) {
	if c.known {
		return c.broker, nil
	}
	m, err := c.client.roundTrip(ctx, &findcoordinator.Request{Key: c.key, KeyType: c.kind}, 0)
	if err != nil {
		return 0, err
	}
	r := m.(*findcoordinator.Response)
	if err := check(r.ErrorCode); err != nil {
		return 0, err
	}
	c.broker, c.known = r.NodeID, true
	return c.broker, nil
}

// ask has a request answered: ask sends it to the broker it is given and
// returns the answer's error. What may pass is tried again, for callBudget;
// the error then is in doubt.
func (c *coordinator) ask(ctx context.Context, what string, api protocol.ApiKey, ask func(ctx context.Context, broker int32) error) error {
	begin := time.Now()
	var trouble outage
	for wait := time.Duration(0); ; {
		broker, err := c.find(ctx)
		if err == nil {
			err = ask(ctx, broker)
		}
		v := judge(api, err)
		switch {
		case v == fine:
			trouble.over(c.client.log, what)
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("kafka: %s: %w", what, ctx.Err())
		case v == elsewhere:
			c.known = false
		}
		if v != again && v != elsewhere || time.Since(begin) > callBudget {
			return c.failure(what, v, err)
		}
		if wait = nextWait(wait, err); wait >= maxBackoff {
			trouble.failed(c.client.log, what, err)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func nextWait(wait time.Duration, err error) time.Duration {
	least := minBackoff
	if errors.Is(err, kafka.ConcurrentTransactions) {
		least = concurrentBackoff
	}
	return min(max(2*wait, least), maxBackoff)
}

func (c *coordinator) failure(what string, v verdict, err error) error {
	err = fmt.Errorf("kafka: %s for %q at %s: %w", what, c.key, c.client.addr, explain(err))
	switch v {
	case fenced:
		return fmt.Errorf("%w: %w", connectors.ErrFenced, err)
	case fatal:
		return err
	}
	return fmt.Errorf("%w: %w", connectors.ErrInDoubt, err)
}

// fetchOffsets is what the group has committed for partitions of a topic. A
// stable answer waits for transactions that may change it.
func (c *coordinator) fetchOffsets(ctx context.Context, topic string, parts []int32, stable bool) (offsets []fetchedOffset, err error) {
	err = c.ask(ctx, "fetch group offsets", protocol.OffsetFetch, func(ctx context.Context, broker int32) error {
		m, err := c.client.roundTrip(ctx, &offsetFetchRequest{toBroker: toBroker{broker}, GroupID: c.key, RequireStable: stable,
			Topics: []offsetFetchTopic{{Name: topic, Partitions: parts}}}, 0)
		if err != nil {
			return err
		}
		r := m.(*offsetFetchResponse)
		if offsets = nil; kafka.Error(r.ErrorCode) == kafka.GroupIdNotFound {
			return nil
		}
		err = check(r.ErrorCode)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				if offsets = append(offsets, p); err == nil {
					err = check(p.ErrorCode)
				}
			}
		}
		return err
	})
	return offsets, err
}
