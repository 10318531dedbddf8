package kafka

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/rawproduce"

	"github.com/cepd/cepd/internal/access"
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
	var endpoint *endpointError
	if errors.As(err, &endpoint) {
		return endpoint.transient()
	}
	if errors.Is(err, access.ErrRefused) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) { // a file with a token
		return false
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
	kafka.SASLAuthenticationFailed:           "the broker knows no such user, or it has another password; check 'properties.sasl.username' and 'properties.sasl.password', or 'properties.sasl.jaas.config'",
	kafka.UnsupportedSASLMechanism:           "the listener has other mechanisms; check 'properties.sasl.mechanism'",
	kafka.UnknownMemberId:                    othersGroup,
	kafka.IllegalGeneration:                  othersGroup,
	kafka.FencedInstanceID:                   othersGroup,
}

const othersGroup = "the group has members: other consumers use it; give the table that is read a 'properties.group.id' of its own"

// explain adds the remedy to an error that has one.
func explain(err error) error {
	var code kafka.Error
	remedy := ofCertificate(err)
	if errors.As(err, &code) {
		remedy = remedies[code]
	}
	if remedy == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, remedy)
}

// ofCertificate is the remedy for the certificates of the two sides.
func ofCertificate(err error) string {
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var op *net.OpError
	switch {
	case errors.As(err, &name):
		return "name the broker in 'properties.bootstrap.servers' and in its advertised.listeners as its certificate does"
	case errors.As(err, &unknown):
		return "put the certificate that signed the broker's into the file of 'properties.ssl.truststore.location'"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker needs a new certificate, or a clock is wrong"
	case errors.As(err, &op) && op.Op == "remote error":
		return "the broker refuses the client's certificate, or wants one: check 'properties.ssl.keystore.location'"
	}
	return ""
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
