package kafka

import (
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	// Their registration has to come before ours.
	_ "github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	_ "github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	_ "github.com/segmentio/kafka-go/protocol/endtxn"
	_ "github.com/segmentio/kafka-go/protocol/initproducerid"
	_ "github.com/segmentio/kafka-go/protocol/offsetfetch"
	_ "github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
)

// The messages of producers and transactions. They are not the library's
// because it asks for the coordinator before each of them, overlooks it when
// that fails, and knows no stable OffsetFetch. The newest versions named here
// are those of transactions before KIP-890: partitions are added explicitly,
// and the epoch changes with InitProducerID alone.
func init() {
	protocol.Register(&initProducerRequest{}, &initProducerResponse{})
	protocol.Register(&addPartitionsRequest{}, &addPartitionsResponse{})
	protocol.Register(&addOffsetsRequest{}, &addOffsetsResponse{})
	protocol.Register(&endTxnRequest{}, &endTxnResponse{})
	protocol.Register(&txnOffsetsRequest{}, &txnOffsetsResponse{})
	protocol.Register(&offsetFetchRequest{}, &offsetFetchResponse{})
}

// anyBroker as the broker of a request leaves the choice to the library.
const anyBroker = -1

// toBroker routes a request by the id of a broker.
type toBroker struct{ id int32 }

// Broker is for the library's routing.
func (t toBroker) Broker(c protocol.Cluster) (protocol.Broker, error) {
	if t.id == anyBroker {
		return protocol.Broker{ID: anyBroker}, nil
	}
	b, ok := c.Brokers[t.id]
	if !ok {
		return protocol.Broker{ID: anyBroker}, kafka.BrokerNotAvailable
	}
	return b, nil
}

type initProducerRequest struct {
	toBroker
	_               struct{} `kafka:"min=v2,max=v4,tag"`
	TransactionalID string   `kafka:"min=v0,max=v4,nullable"` // "": a producer without transactions
	TimeoutMs       int32    `kafka:"min=v0,max=v4"`
	ProducerID      int64    `kafka:"min=v3,max=v4"` // of the producer to continue, or -1
	Epoch           int16    `kafka:"min=v3,max=v4"`
}

type initProducerResponse struct {
	_              struct{} `kafka:"min=v2,max=v4,tag"`
	ThrottleTimeMs int32    `kafka:"min=v0,max=v4"`
	ErrorCode      int16    `kafka:"min=v0,max=v4"`
	ProducerID     int64    `kafka:"min=v0,max=v4"`
	Epoch          int16    `kafka:"min=v0,max=v4"`
}

func (*initProducerRequest) ApiKey() protocol.ApiKey  { return protocol.InitProducerId }
func (*initProducerResponse) ApiKey() protocol.ApiKey { return protocol.InitProducerId }

type addPartitionsRequest struct {
	toBroker
	_               struct{}           `kafka:"min=v3,max=v3,tag"`
	TransactionalID string             `kafka:"min=v0,max=v3"`
	ProducerID      int64              `kafka:"min=v0,max=v3"`
	Epoch           int16              `kafka:"min=v0,max=v3"`
	Topics          []topicOfPartition `kafka:"min=v0,max=v3"`
}

type topicOfPartition struct {
	_          struct{} `kafka:"min=v3,max=v3,tag"`
	Name       string   `kafka:"min=v0,max=v3"`
	Partitions []int32  `kafka:"min=v0,max=v3"`
}

type addPartitionsResponse struct {
	_              struct{}       `kafka:"min=v3,max=v3,tag"`
	ThrottleTimeMs int32          `kafka:"min=v0,max=v3"`
	Topics         []topicOutcome `kafka:"min=v0,max=v3"`
}

// topicOutcome is how a request went for each partition of a topic.
type topicOutcome struct {
	_          struct{}           `kafka:"min=v3,max=v3,tag"`
	Name       string             `kafka:"min=v0,max=v3"`
	Partitions []partitionOutcome `kafka:"min=v0,max=v3"`
}

type partitionOutcome struct {
	_         struct{} `kafka:"min=v3,max=v3,tag"`
	Partition int32    `kafka:"min=v0,max=v3"`
	ErrorCode int16    `kafka:"min=v0,max=v3"`
}

func (*addPartitionsRequest) ApiKey() protocol.ApiKey  { return protocol.AddPartitionsToTxn }
func (*addPartitionsResponse) ApiKey() protocol.ApiKey { return protocol.AddPartitionsToTxn }

type addOffsetsRequest struct {
	toBroker
	_               struct{} `kafka:"min=v3,max=v3,tag"`
	TransactionalID string   `kafka:"min=v0,max=v3"`
	ProducerID      int64    `kafka:"min=v0,max=v3"`
	Epoch           int16    `kafka:"min=v0,max=v3"`
	GroupID         string   `kafka:"min=v0,max=v3"`
}

type addOffsetsResponse struct {
	_              struct{} `kafka:"min=v3,max=v3,tag"`
	ThrottleTimeMs int32    `kafka:"min=v0,max=v3"`
	ErrorCode      int16    `kafka:"min=v0,max=v3"`
}

func (*addOffsetsRequest) ApiKey() protocol.ApiKey  { return protocol.AddOffsetsToTxn }
func (*addOffsetsResponse) ApiKey() protocol.ApiKey { return protocol.AddOffsetsToTxn }

type endTxnRequest struct {
	toBroker
	_               struct{} `kafka:"min=v3,max=v3,tag"`
	TransactionalID string   `kafka:"min=v0,max=v3"`
	ProducerID      int64    `kafka:"min=v0,max=v3"`
	Epoch           int16    `kafka:"min=v0,max=v3"`
	Commit          bool     `kafka:"min=v0,max=v3"`
}

type endTxnResponse struct {
	_              struct{} `kafka:"min=v3,max=v3,tag"`
	ThrottleTimeMs int32    `kafka:"min=v0,max=v3"`
	ErrorCode      int16    `kafka:"min=v0,max=v3"`
}

func (*endTxnRequest) ApiKey() protocol.ApiKey  { return protocol.EndTxn }
func (*endTxnResponse) ApiKey() protocol.ApiKey { return protocol.EndTxn }

// noGeneration is of who commits offsets without being a member of the group.
const noGeneration = -1

type txnOffsetsRequest struct {
	toBroker
	_               struct{}          `kafka:"min=v3,max=v3,tag"`
	TransactionalID string            `kafka:"min=v0,max=v3"`
	GroupID         string            `kafka:"min=v0,max=v3"`
	ProducerID      int64             `kafka:"min=v0,max=v3"`
	Epoch           int16             `kafka:"min=v0,max=v3"`
	Generation      int32             `kafka:"min=v3,max=v3"`
	MemberID        string            `kafka:"min=v3,max=v3"`
	InstanceID      string            `kafka:"min=v3,max=v3,nullable"`
	Topics          []txnOffsetsTopic `kafka:"min=v0,max=v3"`
}

type txnOffsetsTopic struct {
	_          struct{}              `kafka:"min=v3,max=v3,tag"`
	Name       string                `kafka:"min=v0,max=v3"`
	Partitions []txnOffsetsPartition `kafka:"min=v0,max=v3"`
}

type txnOffsetsPartition struct {
	_           struct{} `kafka:"min=v3,max=v3,tag"`
	Partition   int32    `kafka:"min=v0,max=v3"`
	Offset      int64    `kafka:"min=v0,max=v3"`
	LeaderEpoch int32    `kafka:"min=v2,max=v3"`
	Metadata    string   `kafka:"min=v0,max=v3,nullable"`
}

type txnOffsetsResponse struct {
	_              struct{}       `kafka:"min=v3,max=v3,tag"`
	ThrottleTimeMs int32          `kafka:"min=v0,max=v3"`
	Topics         []topicOutcome `kafka:"min=v0,max=v3"`
}

func (*txnOffsetsRequest) ApiKey() protocol.ApiKey  { return protocol.TxnOffsetCommit }
func (*txnOffsetsResponse) ApiKey() protocol.ApiKey { return protocol.TxnOffsetCommit }

type offsetFetchRequest struct {
	toBroker
	_             struct{}           `kafka:"min=v6,max=v7,tag"`
	GroupID       string             `kafka:"min=v1,max=v7"`
	Topics        []offsetFetchTopic `kafka:"min=v1,max=v7,nullable"`
	RequireStable bool               `kafka:"min=v7,max=v7"` // refuse while a transaction may change the offset
}

type offsetFetchTopic struct {
	_          struct{} `kafka:"min=v6,max=v7,tag"`
	Name       string   `kafka:"min=v1,max=v7"`
	Partitions []int32  `kafka:"min=v1,max=v7"`
}

type offsetFetchResponse struct {
	_              struct{}       `kafka:"min=v6,max=v7,tag"`
	ThrottleTimeMs int32          `kafka:"min=v3,max=v7"`
	Topics         []fetchedGroup `kafka:"min=v1,max=v7"`
	ErrorCode      int16          `kafka:"min=v2,max=v7"`
}

type fetchedGroup struct {
	_          struct{}        `kafka:"min=v6,max=v7,tag"`
	Name       string          `kafka:"min=v1,max=v7"`
	Partitions []fetchedOffset `kafka:"min=v1,max=v7"`
}

type fetchedOffset struct {
	_           struct{} `kafka:"min=v6,max=v7,tag"`
	Partition   int32    `kafka:"min=v1,max=v7"`
	Offset      int64    `kafka:"min=v1,max=v7"` // -1: none
	LeaderEpoch int32    `kafka:"min=v5,max=v7"`
	Metadata    string   `kafka:"min=v1,max=v7,nullable"`
	ErrorCode   int16    `kafka:"min=v1,max=v7"`
}

func (*offsetFetchRequest) ApiKey() protocol.ApiKey  { return protocol.OffsetFetch }
func (*offsetFetchResponse) ApiKey() protocol.ApiKey { return protocol.OffsetFetch }
