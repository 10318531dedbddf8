package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cepd/cepd/connectors"
)

// Admin looks at the transactions of a cluster and ends them.
type Admin struct{ client *client }

// Transaction is what a coordinator says of a transactional id.
type Transaction struct {
	ID            string           `json:"id"`
	State         string           `json:"state"` // Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, …
	ProducerID    int64            `json:"producer_id"`
	Epoch         int16            `json:"epoch"`
	TimeoutMillis int32            `json:"timeout_ms"`
	Started       time.Time        `json:"started,omitzero"`    // zero: none is open
	Partitions    []TopicPartition `json:"partitions,omitzero"` // of the open one
	Coordinator   int32            `json:"coordinator"`         // broker; Describe tells it
}

// TopicPartition is a partition of a topic.
type TopicPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// Writer is a producer that a partition remembers.
type Writer struct {
	ProducerID       int64     `json:"producer_id"`
	Epoch            int32     `json:"epoch"`
	Last             time.Time `json:"last"`
	Open             int64     `json:"open_since_offset"` // first offset of its open transaction; -1: none
	coordinatorEpoch int32
}

// NewAdmin takes the options of a kafka table that say how to reach the
// cluster; relative paths in them start in dir.
func NewAdmin(values map[string]string, dir string, log *slog.Logger) (*Admin, error) {
	values = maps.Clone(values)
	values["topic"] = "none" // required of tables
	o := readOptions(values)
	c := o.common(connectors.Table{Dir: dir, Query: "admin"})
	if o.err != nil {
		return nil, o.err
	}
	c.topic = ""
	return &Admin{newClient(&c, log)}, nil
}

// Close ends its connections.
func (a *Admin) Close() { a.client.close() }

// List asks all brokers for their transactional ids; state "" for all.
func (a *Admin) List(ctx context.Context, state string) ([]Transaction, error) {
	brokers, err := a.client.brokers(ctx)
	if err != nil {
		return nil, err
	}
	var out []Transaction
	for _, id := range slices.Sorted(maps.Keys(brokers)) {
		req := kmsg.NewPtrListTransactionsRequest()
		if state != "" {
			req.StateFilters = []string{state}
		}
		m, err := a.client.exchange(ctx, brokers[id], req)
		if err != nil {
			return nil, fmt.Errorf("kafka: list transactions of broker %d: %w", id, err)
		}
		r := m.(*kmsg.ListTransactionsResponse)
		if err := check(r.ErrorCode); err != nil {
			return nil, fmt.Errorf("kafka: list transactions of broker %d: %w", id, err)
		}
		for _, t := range r.TransactionStates {
			out = append(out, Transaction{ID: t.TransactionalID, State: t.TransactionState, ProducerID: t.ProducerID})
		}
	}
	slices.SortFunc(out, func(x, y Transaction) int { return cmp.Compare(x.ID, y.ID) })
	return out, nil
}

// Describe asks the coordinator of a transactional id.
func (a *Admin) Describe(ctx context.Context, id string) (t Transaction, err error) {
	err = a.client.call(ctx, "describe transaction "+id, func(ctx context.Context) error {
		t, err = a.describe(ctx, id)
		return err
	})
	return t, err
}

func (a *Admin) describe(ctx context.Context, id string) (Transaction, error) {
	broker, err := newCoordinator(a.client, transactionCoordinator, id).find(ctx)
	if err != nil {
		return Transaction{}, err
	}
	address, err := a.address(ctx, broker)
	if err != nil {
		return Transaction{}, err
	}
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	m, err := a.client.exchange(ctx, address, req)
	if err != nil {
		return Transaction{}, err
	}
	states := m.(*kmsg.DescribeTransactionsResponse).TransactionStates
	if len(states) != 1 {
		return Transaction{}, kafka.TransactionalIDNotFound
	}
	t := describedTransaction(&states[0])
	t.Coordinator = broker
	return t, check(states[0].ErrorCode)
}

func describedTransaction(s *kmsg.DescribeTransactionsResponseTransactionState) Transaction {
	t := Transaction{ID: s.TransactionalID, State: s.State, ProducerID: s.ProducerID, Epoch: s.ProducerEpoch,
		TimeoutMillis: s.TimeoutMillis}
	if s.StartTimestamp >= 0 {
		t.Started = time.UnixMilli(s.StartTimestamp).UTC()
	}
	for _, topic := range s.Topics {
		for _, p := range topic.Partitions {
			t.Partitions = append(t.Partitions, TopicPartition{topic.Topic, p})
		}
	}
	return t
}

func (a *Admin) address(ctx context.Context, broker int32) (string, error) {
	brokers, err := a.client.brokers(ctx)
	if address, ok := brokers[broker]; ok || err != nil {
		return address, err
	}
	return "", kafka.BrokerNotAvailable
}

// Abort ends the open transaction of a transactional id, and the right of the
// process that holds the id to write: it is fenced.
func (a *Admin) Abort(ctx context.Context, id string) error {
	t, err := a.Describe(ctx, id) // an unknown id would be made
	if err != nil {
		return err
	}
	timeout := max(time.Duration(t.TimeoutMillis)*time.Millisecond, time.Second)
	_, err = newCoordinator(a.client, transactionCoordinator, id).begin(ctx, nobody, timeout)
	return err
}

// Writers asks the leader of a partition for its producers.
func (a *Admin) Writers(ctx context.Context, tp TopicPartition) (out []Writer, err error) {
	err = a.client.call(ctx, "describe producers", func(ctx context.Context) error {
		out, err = a.writers(ctx, tp)
		return err
	})
	return out, err
}

func (a *Admin) writers(ctx context.Context, tp TopicPartition) ([]Writer, error) {
	topic := kmsg.NewDescribeProducersRequestTopic()
	topic.Topic, topic.Partitions = tp.Topic, []int32{tp.Partition}
	req := kmsg.NewPtrDescribeProducersRequest()
	req.Topics = append(req.Topics, topic)
	m, err := a.askLeader(ctx, tp, req)
	if err != nil {
		return nil, err
	}
	var out []Writer
	for _, t := range m.(*kmsg.DescribeProducersResponse).Topics {
		for _, p := range t.Partitions {
			if err := check(p.ErrorCode); err != nil {
				return nil, err
			}
			for _, w := range p.ActiveProducers {
				out = append(out, Writer{w.ProducerID, w.ProducerEpoch, time.UnixMilli(w.LastTimestamp).UTC(), w.CurrentTxnStartOffset, w.CoordinatorEpoch})
			}
		}
	}
	return out, nil
}

func (a *Admin) askLeader(ctx context.Context, tp TopicPartition, req kmsg.Request) (kmsg.Response, error) {
	leaders, err := a.client.leadersOf(ctx, tp.Topic)
	if err != nil {
		return nil, err
	}
	leader, ok := leaders[tp.Partition]
	if !ok {
		return nil, kafka.UnknownTopicOrPartition
	}
	address, err := a.address(ctx, leader)
	if err != nil {
		return nil, err
	}
	return a.client.exchange(ctx, address, req)
}

// AbortWriter writes an abort marker for a producer's open transaction into a
// partition. It is for transactions that hang: which no coordinator knows any
// more, so that no time-out will end them.
func (a *Admin) AbortWriter(ctx context.Context, tp TopicPartition, producerID int64) error {
	writers, err := a.Writers(ctx, tp)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(writers, func(w Writer) bool { return w.ProducerID == producerID })
	if i < 0 || writers[i].Open < 0 {
		return fmt.Errorf("kafka: producer %d has no open transaction in partition %d of topic %q", producerID, tp.Partition, tp.Topic)
	}
	m, err := a.askLeader(ctx, tp, abortMarker(tp, writers[i]))
	if err != nil {
		return err
	}
	for _, marker := range m.(*kmsg.WriteTxnMarkersResponse).Markers {
		for _, t := range marker.Topics {
			for _, p := range t.Partitions {
				err = errors.Join(err, check(p.ErrorCode))
			}
		}
	}
	return err
}

func abortMarker(tp TopicPartition, w Writer) kmsg.Request {
	topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	topic.Topic, topic.Partitions = tp.Topic, []int32{tp.Partition}
	marker := kmsg.NewWriteTxnMarkersRequestMarker()
	marker.ProducerID, marker.ProducerEpoch = w.ProducerID, int16(w.Epoch)
	marker.CoordinatorEpoch = max(w.coordinatorEpoch, 0)
	marker.Topics = append(marker.Topics, topic)
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	req.Version = 1
	req.Markers = append(req.Markers, marker)
	return req
}

// Forget deletes the mark of a transactional id.
func (a *Admin) Forget(ctx context.Context, id string) error { return a.client.forget(ctx, id) }

// forget deletes the group that keeps a mark.
func (c *client) forget(ctx context.Context, id string) error {
	return c.call(ctx, "delete group "+id, func(ctx context.Context) error {
		library := kafka.Client{Addr: c.addr, Transport: c, Timeout: c.timeout}
		r, err := library.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{id}})
		if err == nil {
			err = r.Errors[id]
		}
		if errors.Is(err, kafka.GroupIdNotFound) {
			return nil
		}
		return err
	})
}
