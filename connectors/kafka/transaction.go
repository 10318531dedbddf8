package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
)

// transactionalSink writes a topic in transactions:
//
//	Recover  InitProducerID (fences), stable OffsetFetch of the mark
//	Write    AddPartitionsToTxn for partitions that are new to the transaction
//	Flush    Produce, and meanwhile AddOffsetsToTxn for the groups of last time
//	Commit   AddOffsetsToTxn for new groups, TxnOffsetCommit (mark; groups of sources), EndTxn
//
// Whatever goes wrong in between, Recover is the way back: a new epoch with
// sequences from 0, and the mark says what has been committed.
type transactionalSink struct {
	*sink
	producer producer // as begun last
	owner    string   // of the marks it writes
	before   string   // owner of the mark that it found
	co       *coordinator
	marks    *coordinator            // of the group that keeps the mark
	groups   map[string]*coordinator // of groups whose offsets are committed
	failing  time.Time               // first failure since the last commit
	open     bool                    // the coordinator may know of a transaction
	joined   []*coordinator          // groups that are part of the transaction
	last     []*coordinator          // groups of the last transaction
}

var _ connectors.Transactional = (*transactionalSink)(nil)

func newTransactionalSink(s *sink) *transactionalSink {
	id := s.config.transactionalID
	return &transactionalSink{sink: s, producer: nobody, owner: fmt.Sprintf("%016x", rand.Uint64()),
		co:    newCoordinator(s.client, transactionCoordinator, id),
		marks: newCoordinator(s.client, groupCoordinator, id), groups: map[string]*coordinator{}}
}

// Open implements connectors.Sink. What writes is made by Recover.
func (t *transactionalSink) Open(ctx context.Context) error { return t.prepare(ctx) }

// Identity implements connectors.Transactional: the transactional id.
func (t *transactionalSink) Identity() string { return t.config.transactionalID }

// Recover implements connectors.Transactional.
func (t *transactionalSink) Recover(ctx context.Context, state int64) (m connectors.Mark, found bool, err error) {
	if err := t.patience(); err != nil {
		return m, false, err
	}
	t.stopSender()
	last, found, err := t.lastMark(ctx)
	if err == nil {
		err = t.ours(last, found, state)
	}
	if err == nil {
		err = t.takeOver(ctx)
	}
	if err != nil {
		return m, false, err
	}
	t.sender = newSender(t.client, t.config, t.parts, t.producer)
	if last, found, err = t.mark(ctx, true); err == nil {
		err = t.ours(last, found, state)
	}
	if found {
		t.before = last.Owner
	}
	return connectors.Mark{State: last.State, Rows: last.Rows}, found, err
}

// takeOver gets a new epoch.
func (t *transactionalSink) takeOver(ctx context.Context) error {
	p, err := t.co.begin(ctx, t.producer, t.config.transactionTimeout)
	if errors.Is(err, connectors.ErrFenced) && t.producer != nobody {
		rival, mark := t.rival(ctx)
		if mark != nil || rival {
			return cmp.Or(mark, err)
		}
		t.client.log.Warn("fenced by nobody who writes: taking over again", "id", t.config.transactionalID)
		p, err = t.co.begin(ctx, nobody, t.config.transactionTimeout)
	}
	if err != nil {
		return err
	}
	t.producer, t.open, t.joined = p, false, nil
	return nil
}

// Forget implements connectors.Transactional.
func (t *transactionalSink) Forget(ctx context.Context) error {
	c := newClient(&t.config.config, t.client.log)
	defer c.close()
	return c.forget(ctx, t.config.transactionalID)
}

// patience ends attempts that have not led to a commit for too long.
func (t *transactionalSink) patience() error {
	now := time.Now()
	if t.failing.IsZero() {
		t.failing = now
	}
	if now.Sub(t.failing) > t.config.giveUp {
		return fmt.Errorf("kafka: topic %q: no transaction has been committed for %v ('properties.delivery.timeout.ms')", t.client.topic, t.config.giveUp)
	}
	return nil
}

// Write implements connectors.Sink.
func (t *transactionalSink) Write(ctx context.Context, b *event.Batch) error {
	if err := t.sink.Write(ctx, b); err != nil {
		return err
	}
	return t.enroll(ctx)
}

// enroll adds the partitions that have got batches to the transaction; the
// sender leaves them alone until then.
func (t *transactionalSink) enroll(ctx context.Context) error {
	parts := t.sender.strangers()
	if len(parts) == 0 {
		return nil
	}
	t.open = true
	err := t.co.ask(ctx, "add partitions to a transaction", protocol.AddPartitionsToTxn, func(ctx context.Context, broker int32) error {
		m, err := t.client.roundTrip(ctx, &addPartitionsRequest{toBroker: toBroker{broker}, TransactionalID: t.producer.txn,
			ProducerID: t.producer.id, Epoch: t.producer.epoch, Topics: []topicOfPartition{{Name: t.client.topic, Partitions: parts}}}, 0)
		if err != nil {
			return err
		}
		return outcome(m.(*addPartitionsResponse).Topics)
	})
	if err == nil {
		t.sender.enrolled(parts)
	}
	return err
}

// Flush implements connectors.Sink.
func (t *transactionalSink) Flush(ctx context.Context) error {
	joined := make(chan error, 1)
	go func() { joined <- panics.Call(func() error { return t.join(ctx, t.last) }) }()
	err := t.sink.Flush(ctx)
	return errors.Join(err, <-joined)
}

// join makes groups part of the transaction.
func (t *transactionalSink) join(ctx context.Context, groups []*coordinator) error {
	for _, g := range groups {
		if slices.Contains(t.joined, g) {
			continue
		}
		err := t.co.ask(ctx, "add offsets to a transaction", protocol.AddOffsetsToTxn, func(ctx context.Context, broker int32) error {
			m, err := t.client.roundTrip(ctx, &addOffsetsRequest{toBroker: toBroker{broker}, TransactionalID: t.producer.txn,
				ProducerID: t.producer.id, Epoch: t.producer.epoch, GroupID: g.key}, 0)
			if err != nil {
				return err
			}
			return check(m.(*addOffsetsResponse).ErrorCode)
		})
		if err != nil {
			return err
		}
		t.joined = append(t.joined, g)
	}
	return nil
}

// outcome is the error of the partitions; "not attempted" is never the reason.
func outcome(topics []topicOutcome) (err error) {
	const operationNotAttempted = 55
	for _, topic := range topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 && (err == nil || errors.Is(err, kafka.Error(operationNotAttempted))) {
				err = check(p.ErrorCode)
			}
		}
	}
	return err
}

// Commit implements connectors.Transactional.
func (t *transactionalSink) Commit(ctx context.Context, m connectors.Mark, read []connectors.Progress) error {
	t.open = true
	offsets := t.offsets(m, read)
	t.last = nil
	for _, o := range offsets {
		t.last = append(t.last, o.co)
	}
	if err := t.join(ctx, t.last); err != nil {
		return err
	}
	for _, o := range offsets {
		if err := t.commitOffsets(ctx, o); err != nil {
			return err
		}
	}
	if err := t.end(ctx, true); err != nil {
		return err
	}
	t.sender.newTransaction()
	t.failing, t.open, t.joined = time.Time{}, false, nil
	return nil
}

// groupOffsets is what a transaction commits of a group.
type groupOffsets struct {
	co     *coordinator
	topics []txnOffsetsTopic
}

// offsets is the mark, and how far sources with a group have been read.
func (t *transactionalSink) offsets(m connectors.Mark, read []connectors.Progress) []groupOffsets {
	text := t.formatMark(m)
	out := []groupOffsets{{co: t.marks, topics: []txnOffsetsTopic{{Name: t.client.topic,
		Partitions: []txnOffsetsPartition{{Partition: markPartition, Offset: int64(m.Rows), LeaderEpoch: -1, Metadata: text}}}}}}
	for _, p := range read {
		if s, ok := p.Source.(*source); ok && len(p.Offsets) > 0 && t.Carries(s) {
			out = t.merge(out, s.config, sourceOffsets(p.Offsets, text))
		}
	}
	return out
}

// merge adds a table's offsets to those of its group.
func (t *transactionalSink) merge(out []groupOffsets, c *sourceConfig, parts []txnOffsetsPartition) []groupOffsets {
	topic := txnOffsetsTopic{Name: c.topic, Partitions: parts}
	for i := range out {
		if out[i].co.key == c.group {
			out[i].topics = append(out[i].topics, topic)
			return out
		}
	}
	co := t.groups[c.group]
	if co == nil {
		co = newCoordinator(t.client, groupCoordinator, c.group)
		t.groups[c.group] = co
	}
	return append(out, groupOffsets{co: co, topics: []txnOffsetsTopic{topic}})
}

func sourceOffsets(offsets map[int32]int64, metadata string) []txnOffsetsPartition {
	parts := make([]txnOffsetsPartition, 0, len(offsets))
	for part, at := range offsets {
		parts = append(parts, txnOffsetsPartition{Partition: part, Offset: at, LeaderEpoch: -1, Metadata: metadata})
	}
	slices.SortFunc(parts, func(a, b txnOffsetsPartition) int { return int(a.Partition - b.Partition) })
	return parts
}

// Carries implements connectors.Transactional: the source must have a group,
// on the brokers that the sink writes to.
func (t *transactionalSink) Carries(s connectors.Source) bool {
	src, ok := s.(*source)
	return ok && src.config.group != "" && sameBrokers(src.config.bootstrap, t.config.bootstrap)
}

func sameBrokers(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func (t *transactionalSink) commitOffsets(ctx context.Context, o groupOffsets) error {
	return o.co.ask(ctx, "commit offsets in a transaction", protocol.TxnOffsetCommit, func(ctx context.Context, broker int32) error {
		m, err := t.client.roundTrip(ctx, &txnOffsetsRequest{toBroker: toBroker{broker}, TransactionalID: t.producer.txn, GroupID: o.co.key,
			ProducerID: t.producer.id, Epoch: t.producer.epoch, Generation: noGeneration, Topics: o.topics}, 0)
		if err != nil {
			return err
		}
		return outcome(m.(*txnOffsetsResponse).Topics)
	})
}

// end commits or aborts. It may be asked again: a coordinator that has done it
// says so.
func (t *transactionalSink) end(ctx context.Context, commit bool) error {
	return t.co.ask(ctx, "end a transaction", protocol.EndTxn, func(ctx context.Context, broker int32) error {
		m, err := t.client.roundTrip(ctx, &endTxnRequest{toBroker: toBroker{broker}, TransactionalID: t.producer.txn,
			ProducerID: t.producer.id, Epoch: t.producer.epoch, Commit: commit}, 0)
		if err != nil {
			return err
		}
		return check(m.(*endTxnResponse).ErrorCode)
	})
}

// closeTimeout is how long Close tries to abort.
const closeTimeout = 2 * time.Second

// Close implements connectors.Sink. A transaction that is still open is
// aborted, so that readers need not wait for its time-out; one that was being
// committed stays what its coordinator has made of it.
func (t *transactionalSink) Close() error {
	if t.open {
		t.stopSender()
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := t.end(ctx, false); err != nil {
			t.client.log.Info("open transaction not aborted", "id", t.producer.txn, "error", err)
		}
		t.open = false
	}
	return t.sink.Close()
}
