package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// check turns an error code of a response into an error.
func check(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}

// transient says whether an error may pass by itself: leaders move, brokers
// restart, networks break. Wrong passwords, certificates and permissions do
// not mend.
func transient(err error) bool {
	var code kafka.Error
	if errors.As(err, &code) {
		return transientCode(code)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" { // a TLS alert: we were refused
		return false
	}
	var network net.Error
	var routing *rawproduce.Error // no leader known, or it has just moved
	return errors.As(err, &network) || errors.As(err, &routing) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, protocol.ErrNoLeader) || errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition)
}

// remedies say what to do about codes that do not mend by themselves.
var remedies = map[kafka.Error]string{
	kafka.MessageSizeTooLarge: "lower 'properties.batch.size' and 'properties.max.request.size', or raise max.message.bytes of the topic",
	kafka.RecordListTooLarge:  "lower 'properties.batch.size' and 'properties.max.request.size', or raise max.message.bytes of the topic",

	kafka.InvalidTransactionTimeout:          "lower 'properties.transaction.timeout.ms', or raise transaction.max.timeout.ms of the brokers",
	kafka.TransactionalIDAuthorizationFailed: "the user needs WRITE and DESCRIBE on the transactional id",
	kafka.GroupAuthorizationFailed:           "the user needs READ on the group; exactly-once delivery has one of the transactional id's name",
	kafka.ClusterAuthorizationFailed:         "the user needs IDEMPOTENT_WRITE on the cluster; at-least-once delivery can do without: 'properties.enable.idempotence' = 'false'",
	kafka.UnknownMemberId:                    othersGroup,
	kafka.IllegalGeneration:                  othersGroup,
	kafka.FencedInstanceID:                   othersGroup,
}

const othersGroup = "the group has members: other consumers use it; give the table that is read a 'properties.group.id' of its own"

// explain adds the remedy to an error that has one.
func explain(err error) error {
	var code kafka.Error
	if errors.As(err, &code) && remedies[code] != "" {
		return fmt.Errorf("%w (%s)", err, remedies[code])
	}
	return err
}

func transientCode(code kafka.Error) bool {
	switch code {
	case kafka.UnknownTopicOrPartition, // not yet known to this broker
		kafka.InvalidMessage, // damaged on the way
		kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.RequestTimedOut,
		kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.NetworkException,
		kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup,
		kafka.NotEnoughReplicas, kafka.NotEnoughReplicasAfterAppend, kafka.KafkaStorageError,
		kafka.ListenerNotFound, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch,
		kafka.OffsetNotAvailable, kafka.PreferredLeaderNotAvailable, kafka.EligibleLeadersNotAvailable,
		kafka.UnstableOffsetCommit, kafka.ThrottlingQuotaExceeded, kafka.UnknownTopicID, kafka.InconsistentTopicID:
		return true
	}
	return false
}
