package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	_ "github.com/segmentio/kafka-go/protocol/fetch" // its registration has to come before ours

	"github.com/cepd/cepd/connectors/kafka/recordbatch"
)

// The library decodes a Fetch response record by record into pages of its own.
// Registering our own pair for the same API keeps its connections, TLS, SASL,
// version negotiation and routing, and hands the batches over as they came.
// Its own Client.Fetch cannot be used in the same process.
func init() { protocol.Register(&fetchRequest{}, &fetchResponse{}) }

type fetchRequest struct {
	ReplicaID       int32            `kafka:"min=v4,max=v11"`
	MaxWaitTime     int32            `kafka:"min=v4,max=v11"`
	MinBytes        int32            `kafka:"min=v4,max=v11"`
	MaxBytes        int32            `kafka:"min=v4,max=v11"`
	IsolationLevel  int8             `kafka:"min=v4,max=v11"`
	SessionID       int32            `kafka:"min=v7,max=v11"`
	SessionEpoch    int32            `kafka:"min=v7,max=v11"`
	Topics          []fetchTopic     `kafka:"min=v4,max=v11"`
	ForgottenTopics []fetchForgotten `kafka:"min=v7,max=v11"`
	RackID          string           `kafka:"min=v11,max=v11"`

	leader int32 `kafka:"-"` // broker to ask
}

type fetchTopic struct {
	Topic      string           `kafka:"min=v4,max=v11"`
	Partitions []fetchPartition `kafka:"min=v4,max=v11"`
}

type fetchPartition struct {
	Partition          int32 `kafka:"min=v4,max=v11"`
	CurrentLeaderEpoch int32 `kafka:"min=v9,max=v11"`
	FetchOffset        int64 `kafka:"min=v4,max=v11"`
	LogStartOffset     int64 `kafka:"min=v5,max=v11"`
	PartitionMaxBytes  int32 `kafka:"min=v4,max=v11"`
}

type fetchForgotten struct {
	Topic      string  `kafka:"min=v7,max=v11"`
	Partitions []int32 `kafka:"min=v7,max=v11"`
}

func (r *fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker is for the library's routing.
func (r *fetchRequest) Broker(c protocol.Cluster) (protocol.Broker, error) {
	b, ok := c.Brokers[r.leader]
	if !ok {
		return protocol.Broker{ID: -1}, kafka.LeaderNotAvailable
	}
	return b, nil
}

type fetchResponse struct {
	ThrottleTimeMs int32           `kafka:"min=v4,max=v11"`
	ErrorCode      int16           `kafka:"min=v7,max=v11"`
	SessionID      int32           `kafka:"min=v7,max=v11"`
	Topics         []fetchedTopics `kafka:"min=v4,max=v11"`
}

type fetchedTopics struct {
	Topic      string             `kafka:"min=v4,max=v11"`
	Partitions []fetchedPartition `kafka:"min=v4,max=v11"`
}

type fetchedPartition struct {
	Partition            int32            `kafka:"min=v4,max=v11"`
	ErrorCode            int16            `kafka:"min=v4,max=v11"`
	HighWatermark        int64            `kafka:"min=v4,max=v11"`
	LastStableOffset     int64            `kafka:"min=v4,max=v11"`
	LogStartOffset       int64            `kafka:"min=v5,max=v11"`
	AbortedTransactions  []fetchedAborted `kafka:"min=v4,max=v11"`
	PreferredReadReplica int32            `kafka:"min=v11,max=v11"`
	Records              rawRecords       `kafka:"min=v4,max=v11"`
}

type fetchedAborted struct {
	ProducerID  int64 `kafka:"min=v4,max=v11"`
	FirstOffset int64 `kafka:"min=v4,max=v11"`
}

func (r *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

func (p *fetchedPartition) aborted() []recordbatch.Aborted {
	out := make([]recordbatch.Aborted, len(p.AbortedTransactions))
	for i, a := range p.AbortedTransactions {
		out[i] = recordbatch.Aborted{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset}
	}
	return out
}

// maxRecordSet is beyond what a broker sends: a limit for damaged lengths.
const maxRecordSet = 1 << 30

// rawRecords is the record batches of a partition as they came, in a buffer of
// the pool.
type rawRecords struct{ set []byte }

// ReadFrom is called by the library's decoder.
func (r *rawRecords) ReadFrom(rd io.Reader) (int64, error) {
	var size [4]byte
	if _, err := io.ReadFull(rd, size[:]); err != nil {
		return 0, err
	}
	n := int(int32(binary.BigEndian.Uint32(size[:])))
	if n <= 0 {
		return 4, nil
	}
	if n > maxRecordSet {
		return 4, fmt.Errorf("record set of %d bytes", n)
	}
	r.set = buffers.get(n)
	m, err := io.ReadFull(rd, r.set)
	return int64(4 + m), err
}

// WriteTo is there because the library wants fields it can also write.
func (r *rawRecords) WriteTo(io.Writer) (int64, error) {
	return 0, errors.New("fetch responses are only read")
}
