package kafka_test

import (
	"encoding/binary"
	"errors"
	"flag"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cepd/cepd/connectors"
)

var (
	faultSeed   = flag.Uint64("faults.seed", uint64(time.Now().UnixNano()), "seed of TestRandomTransactionFaults")
	faultRounds = flag.Int("faults.rounds", 40, "transactions of TestRandomTransactionFaults")
)

// deliverAll delivers rows in transactions of some, as an outbox does: what is
// in doubt, the mark decides.
func deliverAll(t testing.TB, s connectors.Transactional, from, to, some int) (doubts int, err error) {
	ctx := testContext(t)
	for from < to {
		next := min(from+some, to)
		err := s.Write(ctx, rows(from, next))
		if err == nil {
			err = s.Flush(ctx)
		}
		if err == nil {
			err = s.Commit(ctx, mark(next), nil)
		}
		for errors.Is(err, connectors.ErrInDoubt) {
			doubts++
			var m connectors.Mark
			var found bool
			if m, found, err = s.Recover(ctx, testState); err == nil {
				next = 0
				if found {
					next = int(m.Rows)
				}
			}
		}
		if err != nil {
			return doubts, err
		}
		from = next
	}
	return doubts, nil
}

var transactionKeys = []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.OffsetFetch}

// Codes that pass: the request is repeated and nothing is in doubt.
func TestTransientTransactionErrors(t *testing.T) {
	for _, key := range transactionKeys {
		codes := []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.RequestTimedOut}
		switch key {
		case kmsg.Produce:
			codes = []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.ConcurrentTransactions}
		case kmsg.OffsetFetch:
			codes = append(codes, kerr.UnstableOffsetCommit)
		default:
			codes = append(codes, kerr.ConcurrentTransactions, kerr.TransactionCoordinatorFenced)
		}
		for _, code := range codes {
			c, addr := faultyCluster(t, 1, 1)
			s := exactly(t, addr, faultyTopic, "")
			fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: code, Count: 3})
			recovered(t, s)
			doubts, err := deliverAll(t, s, 0, 30, 10)
			if err != nil || doubts > 0 || fault.Hits() < 3 {
				t.Errorf("%s, %v: %d doubts, %d faults, error %v", kmsg.NameForKey(key.Int16()), code, doubts, fault.Hits(), err)
			}
			wantCommitted(t, addr, faultyTopic, 1, 30)
		}
	}
}

// Codes that cost the transaction: it is in doubt, and delivered again when the
// mark says so.
func TestLostTransactions(t *testing.T) {
	old := []*kerr.Error{kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.UnknownProducerID, kerr.TransactionAbortable}
	for _, key := range []kmsg.Key{kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		codes := old
		if key == kmsg.Produce {
			codes = append(slices.Clone(old), kerr.OutOfOrderSequenceNumber)
		}
		for _, code := range codes {
			c, addr := faultyCluster(t, 1, 1)
			s := exactly(t, addr, faultyTopic, "")
			recovered(t, s)
			deliver(t, s, 0, 10)
			c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: code})
			doubts, err := deliverAll(t, s, 10, 40, 10)
			if err != nil || doubts != 1 {
				t.Errorf("%s, %v: %d doubts, error %v", kmsg.NameForKey(key.Int16()), code, doubts, err)
			}
			wantCommitted(t, addr, faultyTopic, 1, 40)
		}
	}
}

// Codes that nothing mends end it, after one try.
func TestFinalTransactionErrors(t *testing.T) {
	for _, c := range []struct {
		key  kmsg.Key
		code *kerr.Error
		want string
	}{
		{kmsg.InitProducerID, kerr.TransactionalIDAuthorizationFailed, "WRITE and DESCRIBE"},
		{kmsg.InitProducerID, kerr.InvalidTransactionTimeout, "properties.transaction.timeout.ms"},
		{kmsg.InitProducerID, kerr.ProducerFenced, "fenced"},
		{kmsg.AddPartitionsToTxn, kerr.TopicAuthorizationFailed, "Topic Authorization Failed"},
		{kmsg.Produce, kerr.MessageTooLarge, "properties.max.request.size"},
		{kmsg.AddOffsetsToTxn, kerr.GroupAuthorizationFailed, "READ on the group"},
		{kmsg.TxnOffsetCommit, kerr.UnknownMemberID, "properties.group.id"},
		{kmsg.TxnOffsetCommit, kerr.OffsetMetadataTooLarge, "Offset Metadata"},
		{kmsg.EndTxn, kerr.UnsupportedVersion, "Unsupported Version"},
		{kmsg.OffsetFetch, kerr.GroupAuthorizationFailed, "READ on the group"},
	} {
		cluster, addr := faultyCluster(t, 1, 1)
		s := exactly(t, addr, faultyTopic, "")
		fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.code, Count: -1})
		_, _, err := s.Recover(testContext(t), testState)
		if err == nil {
			_, err = deliverAll(t, s, 0, 10, 10)
		}
		if err == nil || errors.Is(err, connectors.ErrInDoubt) || !strings.Contains(err.Error(), c.want) || fault.Hits() != 1 {
			t.Errorf("%s, %v: %d requests, error %v", kmsg.NameForKey(c.key.Int16()), c.code, fault.Hits(), err)
		}
	}
}

// lossyListener loses answers of a broker: the request has been carried out,
// and then the connection ends.
type lossyListener struct {
	net.Listener
	lose func(key int16) bool
}

func (l *lossyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lossyConn{Conn: c, lose: l.lose, keys: map[int32]int16{}}, nil
}

// lossyConn is the broker's end of a connection.
type lossyConn struct {
	net.Conn
	lose func(key int16) bool
	in   []byte // of the request being read

	mu   sync.Mutex
	keys map[int32]int16 // by correlation id
}

// Read notes what is asked for.
func (c *lossyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in = append(c.in, p[:n]...)
	for len(c.in) >= 12 {
		size := int(binary.BigEndian.Uint32(c.in)) + 4
		if len(c.in) < size {
			break
		}
		c.keys[int32(binary.BigEndian.Uint32(c.in[8:]))] = int16(binary.BigEndian.Uint16(c.in[4:]))
		c.in = c.in[size:]
	}
	return n, err
}

// Write is of whole answers.
func (c *lossyConn) Write(p []byte) (int, error) {
	if len(p) < 8 {
		return c.Conn.Write(p)
	}
	c.mu.Lock()
	id := int32(binary.BigEndian.Uint32(p[4:]))
	key, known := c.keys[id]
	delete(c.keys, id)
	c.mu.Unlock()
	if known && c.lose(key) {
		return 0, errors.Join(errors.New("answer lost"), c.Close())
	}
	return c.Conn.Write(p)
}

func lossyCluster(t *testing.T, brokers, partitions int, lose func(key int16) bool) (*kfake.Cluster, string) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(int32(partitions), faultyTopic),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			return &lossyListener{l, lose}, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, strings.Join(c.ListenAddrs(), ",")
}

// A request whose answer is lost is repeated: brokers know a batch that comes
// again, and coordinators what has been done.
func TestLostAnswers(t *testing.T) {
	for _, key := range transactionKeys {
		var mu sync.Mutex
		lost := 0
		_, addr := lossyCluster(t, 1, 1, func(k int16) bool {
			mu.Lock()
			defer mu.Unlock()
			if k != key.Int16() || lost == 2 {
				return false
			}
			lost++
			return true
		})
		s := exactly(t, addr, faultyTopic, "")
		recovered(t, s)
		doubts, err := deliverAll(t, s, 0, 30, 10)
		mu.Lock()
		if err != nil || doubts > 0 || lost != 2 {
			t.Errorf("%s: %d doubts, %d answers lost, error %v", kmsg.NameForKey(key.Int16()), doubts, lost, err)
		}
		mu.Unlock()
		wantCommitted(t, addr, faultyTopic, 1, 30)
	}
}

// Without transactions, too, a batch whose answer is lost is written once.
func TestLostAnswersAtLeastOnce(t *testing.T) {
	var mu sync.Mutex
	lost := 0
	_, addr := lossyCluster(t, 1, 1, func(k int16) bool {
		mu.Lock()
		defer mu.Unlock()
		lost++
		return k == kmsg.Produce.Int16() && lost%3 == 0
	})
	s := openSink(t, addr, faultyTopic)
	for i := range 20 {
		writeRows(t, s, 10*i, 10*i+10)
	}
	wantCommitted(t, addr, faultyTopic, 1, 200)
}

// When a broker has forgotten the sequence, writing goes on under another
// producer id.
func TestSequenceLost(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping} {
		for _, codec := range []string{"none", "lz4"} {
			c, addr := faultyCluster(t, 1, 2)
			watch := watchSequences(t, c)
			s := openSink(t, addr, faultyTopic, "properties.compression.type", codec, "key.fields", "user")
			writeRows(t, s, 0, 50)
			fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: code})
			writeRows(t, s, 50, 150)
			if ids := watch.producers(); fault.Hits() != 1 || ids != 2 {
				t.Errorf("%v, %s: %d faults, %d producer ids", code, codec, fault.Hits(), ids)
			}
			wantCommitted(t, addr, faultyTopic, 2, 150)
		}
	}
}

// sequences checks that each producer's batches follow one another in each
// partition, from 0 on.
type sequences struct {
	t    *testing.T
	mu   sync.Mutex
	next map[sequencePlace]int32
}

type sequencePlace struct {
	producer int64
	part     int32
}

func watchSequences(t *testing.T, c *kfake.Cluster) *sequences {
	s := &sequences{t: t, next: map[sequencePlace]int32{}}
	c.ControlKey(kmsg.Produce.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		for _, topic := range req.(*kmsg.ProduceRequest).Topics {
			for _, p := range topic.Partitions {
				s.see(p.Partition, p.Records)
			}
		}
		return nil, nil, false
	})
	return s
}

func (s *sequences) see(part int32, records []byte) {
	var b kmsg.RecordBatch
	if err := b.ReadFrom(records); err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	place := sequencePlace{b.ProducerID, part}
	next := s.next[place]
	if b.FirstSequence != next && b.FirstSequence+b.NumRecords != next { // nor the last one again
		s.t.Errorf("producer %d, partition %d: sequence %d, want %d", b.ProducerID, part, b.FirstSequence, next)
	}
	s.next[place] = b.FirstSequence + b.NumRecords
}

func (s *sequences) producers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[int64]bool{}
	for p := range s.next {
		ids[p.producer] = true
	}
	return len(ids)
}

// Coordinators and leaders move, answers are lost, and requests fail, at
// random; what is committed is right all the same.
func TestRandomTransactionFaults(t *testing.T) {
	t.Logf("repeat with -faults.seed=%d", *faultSeed)
	rng := rand.New(rand.NewPCG(*faultSeed, 1))
	var mu sync.Mutex // of rng
	chance := func(n int) bool {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n) == 0
	}
	const brokers, partitions = 3, 4
	calm := true
	c, addr := lossyCluster(t, brokers, partitions, func(key int16) bool {
		return slices.ContainsFunc(transactionKeys, func(k kmsg.Key) bool { return k.Int16() == key }) && !calmly(&mu, &calm) && chance(12)
	})
	s := exactly(t, addr, faultyTopic, "", "key.fields", "user")
	recovered(t, s)
	codes := []*kerr.Error{kerr.NotCoordinator, kerr.ConcurrentTransactions, kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.RequestTimedOut, kerr.OutOfOrderSequenceNumber, kerr.NotLeaderForPartition}
	doubts := 0
	setCalm(&mu, &calm, false)
	for i := range *faultRounds {
		if chance(2) {
			mu.Lock()
			key, code := transactionKeys[1+rng.IntN(len(transactionKeys)-2)], codes[rng.IntN(len(codes))]
			mu.Unlock()
			if key == kmsg.Produce || code != kerr.OutOfOrderSequenceNumber && code != kerr.NotLeaderForPartition {
				c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: code, Count: 1 + i%2})
			}
		}
		if chance(3) {
			c.ShufflePartitionLeaders()
		}
		if chance(4) {
			c.RehashCoordinators()
		}
		n, err := deliverAll(t, s, 50*i, 50*i+50, 25)
		if err != nil {
			t.Fatalf("transaction %d: %v", i, err)
		}
		doubts += n
	}
	setCalm(&mu, &calm, true)
	t.Logf("%d transactions were in doubt", doubts)
	wantCommitted(t, addr, faultyTopic, partitions, 50**faultRounds)
}

func calmly(mu *sync.Mutex, calm *bool) bool {
	mu.Lock()
	defer mu.Unlock()
	return *calm
}

func setCalm(mu *sync.Mutex, calm *bool, to bool) {
	mu.Lock()
	defer mu.Unlock()
	*calm = to
}
