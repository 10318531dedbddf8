package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cepd/cepd/connectors"
)

func number(low, high int64) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < low || n > high {
			return fmt.Errorf("must be a whole number from %d to %d", low, high)
		}
		return nil
	}
}

func refuse(why string) func(string) error {
	return func(string) error { return errors.New(why) }
}

func checkTopic(v string) error {
	if v == "" || strings.ContainsAny(v, ";, ") {
		return errors.New("must name one topic; lists of topics are not supported yet: make a table per topic and UNION ALL them")
	}
	return nil
}

func checkPrefix(v string) error {
	if v == "" {
		return errors.New("must not be empty")
	}
	return nil
}

const (
	maxMillis = 24 * 3600 * 1000
	maxBytes  = 1 << 30
)

var optionSpecs = slices.Concat(commonSpecs, securitySpecs, sourceSpecs, sinkSpecs)

var commonSpecs = []connectors.OptionSpec{
	{Name: "topic", Required: true, Check: checkTopic, Doc: "Topic to read or write."},
	{Name: "topic-pattern", Check: refuse("is not supported yet; name one 'topic'"), Doc: "Not supported yet."},
	{Name: "properties.bootstrap.servers", Required: true, Doc: "Brokers to ask first: host:port, separated by commas."},
	{Name: "properties.client.id", Doc: "Name of this client in the broker's logs and quotas. Default: cepd."},
	{Name: "properties.request.timeout.ms", Default: "30000", Check: number(100, maxMillis), Doc: "How long one request may take, in ms."},
}

var securitySpecs = []connectors.OptionSpec{
	{Name: "properties.security.protocol", Default: "PLAINTEXT", Values: []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, Doc: "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."},
	{Name: "properties.ssl.truststore.location", Doc: "PEM file of the certificates to trust. Default: the system's."},
	{Name: "properties.ssl.truststore.type", Default: "PEM", Values: []string{"PEM"}, Doc: "PEM; Java key stores are not read."},
	{Name: "properties.ssl.truststore.certificates", Doc: "Certificates to trust, as PEM text."},
	{Name: "properties.ssl.ca", Doc: "Same as properties.ssl.truststore.location."},
	{Name: "properties.ssl.keystore.location", Doc: "PEM file of the client's certificate chain and key."},
	{Name: "properties.ssl.keystore.type", Default: "PEM", Values: []string{"PEM"}, Doc: "PEM; Java key stores are not read."},
	{Name: "properties.ssl.keystore.certificate.chain", Doc: "The client's certificate chain, as PEM text."},
	{Name: "properties.ssl.keystore.key", Secret: true, Doc: "The client's private key, as PEM text, not encrypted."},
	{Name: "properties.ssl.endpoint.identification.algorithm", Default: "https", Values: []string{"https", ""}, Doc: "Empty: the broker's name is not compared with its certificate."},
	{Name: "properties.sasl.mechanism", Default: "PLAIN", Values: []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", mechanismBearer}, Doc: "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER."},
	{Name: optJAAS, Secret: true, Doc: `Credentials as Java writes them: org.apache.kafka…LoginModule required username="…" password="…";`},
	{Name: "properties.sasl.username", Doc: "User name, if not in properties.sasl.jaas.config."},
	{Name: "properties.sasl.password", Secret: true, Doc: "Password, if not in properties.sasl.jaas.config."},
	{Name: "properties.sasl.oauthbearer.token.endpoint.url", Doc: "With OAUTHBEARER: where tokens come from, https://… or file:///…; the file is read again for each connection."},
	{Name: "properties.sasl.oauthbearer.client.credentials.client.id", Doc: "Client id for the token endpoint, if not clientId in properties.sasl.jaas.config."},
	{Name: "properties.sasl.oauthbearer.client.credentials.client.secret", Secret: true, Doc: "Client secret for the token endpoint, if not clientSecret in properties.sasl.jaas.config."},
	{Name: "properties.sasl.oauthbearer.scope", Doc: "Scopes to ask for, separated by blanks."},
}

var sourceSpecs = []connectors.OptionSpec{
	{Name: "properties.group.id", Doc: "Consumer group that offsets are committed to, for lag tools, and read from in mode group-offsets."},
	{Name: "properties.isolation.level", Default: "read_committed", Values: []string{"read_committed", "read_uncommitted"}, Doc: "read_committed leaves out what aborted transactions wrote, and waits for open ones."},
	{Name: "properties.auto.offset.reset", Values: []string{"earliest", "latest", "none"}, Doc: "Where to go on when the offset to read is gone. Default: fail. In mode group-offsets also where to start without a committed offset; there the default is earliest."},
	{Name: "properties.fetch.min.bytes", Default: "1", Check: number(1, maxBytes), Doc: "Bytes a broker waits for before it answers a fetch."},
	{Name: "properties.fetch.max.wait.ms", Default: "500", Check: number(1, maxMillis), Doc: "How long a broker waits for fetch.min.bytes, in ms."},
	{Name: "properties.max.partition.fetch.bytes", Default: "4194304", Check: number(1024, maxBytes), Doc: "Most bytes of a partition in one fetch. A larger batch comes alone."},
	{Name: "scan.fetch.max-bytes", Default: "33554432", Check: number(1<<16, maxBytes), Doc: "Memory for fetched records not yet processed, in bytes; each partition gets an equal share, 128 KiB at least."},
	{Name: "scan.max-batch-bytes", Default: "67108864", Check: number(1024, maxBytes), Doc: "Most bytes of a record batch once decompressed; a larger one fails the query."},
	{Name: "scan.startup.mode", Values: []string{"earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}, Doc: "Where to start. Default: group-offsets when properties.group.id is set, else earliest-offset."},
	{Name: "scan.startup.specific-offsets", Doc: "For mode specific-offsets: partition:0,offset:42;partition:1,offset:300."},
	{Name: "scan.startup.timestamp-millis", Check: number(0, 1<<62), Doc: "For mode timestamp: first record at or after this time, in ms since 1970."},
	{Name: "scan.bounded.mode", Default: "unbounded", Values: []string{"unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}, Doc: "Where to end. latest-offset: at the end that is found when reading starts."},
	{Name: "scan.bounded.specific-offsets", Doc: "For mode specific-offsets, as scan.startup.specific-offsets: the offsets not read any more."},
	{Name: "scan.bounded.timestamp-millis", Check: number(0, 1<<62), Doc: "For mode timestamp: end before the first record at or after this time."},
}

var sinkSpecs = []connectors.OptionSpec{
	{Name: "key.fields", Doc: "Columns that make the record key, separated by ';'. Default: no key."},
	{Name: "key.format", Default: "string", Values: []string{"string", "raw", "json", "avro", "avro-confluent", "protobuf", "protobuf-confluent"}, Doc: "string: text of one column; raw: bytes of one column (numbers big-endian); else all key columns in that format, whose options then start with key."},
	{Name: "value.fields-include", Default: "ALL", Values: []string{"ALL", "EXCEPT_KEY"}, Doc: "Whether the key columns are in the value too."},
	{Name: "sink.delivery-guarantee", Values: []string{"none", "at-least-once", "exactly-once"}, Doc: "none, at-least-once (the default) or exactly-once."},
	{Name: "sink.transactional-id-prefix", Default: "cepd", Check: checkPrefix, Doc: "With exactly-once: begin of the transactional id, PREFIX-QUERY-TABLE, which is also the name of a group that holds cepd's place. Two installations on one cluster need different ones."},
	{Name: "properties.transaction.timeout.ms", Default: "60000", Check: number(1000, 15*60*1000), Doc: "With exactly-once: after what time the broker aborts an open transaction, for which readers wait. At most the broker's transaction.max.timeout.ms."},
	{Name: "properties.enable.idempotence", Values: []string{"true", "false"}, Doc: "Whether brokers drop batches that come twice because an answer was lost. Default: true, except with delivery guarantee none."},
	{Name: "sink.partitioner", Default: "default", Values: []string{"default"}, Doc: "default: Kafka's own, murmur2 of the key; records without key go round robin, batch by batch."},
	{Name: "properties.acks", Values: []string{"all", "-1", "1", "0"}, Doc: "Who has to have a record. Default: all; with delivery guarantee none: 1. at-least-once wants all."},
	{Name: "properties.linger.ms", Default: "5", Check: number(0, maxMillis), Doc: "How long a batch waits for more records, in ms; a flush does not wait."},
	{Name: "properties.batch.size", Default: "262144", Check: number(1, maxBytes), Doc: "Bytes at which a batch is sent, before compression."},
	{Name: "properties.max.request.size", Default: "1048576", Check: number(1024, maxBytes), Doc: "Most bytes of a batch, before compression; a larger record is refused."},
	{Name: "properties.buffer.memory", Default: "33554432", Check: number(1024, maxBytes), Doc: "Bytes written and not yet acknowledged at which writing waits."},
	{Name: "properties.compression.type", Default: "none", Values: []string{"none", "gzip", "snappy", "lz4", "zstd"}, Doc: "none, gzip, snappy, lz4 or zstd."},
	{Name: "properties.delivery.timeout.ms", Default: "120000", Check: number(100, maxMillis), Doc: "How long sending a batch is retried, in ms, before the query fails."},
}
