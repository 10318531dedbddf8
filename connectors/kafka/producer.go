package kafka

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go/protocol"

	"github.com/cepd/cepd/connectors/kafka/recordbatch"
)

// producer is who writes batches: with an id and an epoch, brokers know a
// batch that comes twice by its sequence number.
type producer struct {
	id    int64
	epoch int16
	txn   string // transactional id, or ""
}

// nobody is a producer without idempotence, and one that has no id yet.
var nobody = producer{id: -1, epoch: -1}

// batch describes a batch that begins at a sequence number.
func (p producer) batch(sequence int32) recordbatch.Producer {
	if p.id < 0 {
		return recordbatch.Plain
	}
	return recordbatch.Producer{ID: p.id, Epoch: p.epoch, Sequence: sequence, Transactional: p.txn != ""}
}

// nextSequence is the number after n records; it goes around at 2^31.
func nextSequence(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) & 0x7fffffff)
}

// initialize gets an id without transactions from a broker.
func (c *client) initialize(ctx context.Context) (p producer, err error) {
	err = c.call(ctx, "get a producer id", func(ctx context.Context) error {
		p, err = c.requestProducer(ctx, &initProducerRequest{toBroker: toBroker{anyBroker}, ProducerID: -1, Epoch: -1})
		return err
	})
	return p, err
}

func (c *client) requestProducer(ctx context.Context, req *initProducerRequest) (producer, error) {
	m, err := c.roundTrip(ctx, req, 0)
	if err != nil {
		return nobody, err
	}
	r := m.(*initProducerResponse)
	return producer{id: r.ProducerID, epoch: r.Epoch, txn: req.TransactionalID}, check(r.ErrorCode)
}

// begin gets a new epoch for a transactional id. The coordinator fences every
// other holder, and answers when the transaction they left is completed. old
// is the producer to continue: it is refused when there has been another
// since; nobody continues none.
func (c *coordinator) begin(ctx context.Context, old producer, timeout time.Duration) (p producer, err error) {
	err = c.ask(ctx, "begin", protocol.InitProducerId, func(ctx context.Context, broker int32) error {
		p, err = c.client.requestProducer(ctx, &initProducerRequest{toBroker: toBroker{broker}, TransactionalID: c.key,
			TimeoutMs: int32(timeout.Milliseconds()), ProducerID: old.id, Epoch: old.epoch})
		return err
	})
	return p, err
}
