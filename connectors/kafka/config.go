package kafka

import (
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
	"github.com/cepd/cepd/internal/access"
)

// config is what source and sink have in common.
type config struct {
	topic          string
	bootstrap      string
	clientID       string
	identity       string // what tells its connections from others
	requestTimeout time.Duration
	tls            *tls.Config
	sasl           sasl.Mechanism
	access         *access.Policy
}

type sourceConfig struct {
	config
	group         string
	readCommitted bool
	reset         string // earliest, latest; else fail
	minBytes      int
	maxWait       time.Duration
	fetchBytes    int // most per partition and request
	memory        int // for all partitions
	batchLimit    int
	start, stop   position
	headers       bool
}

type sinkConfig struct {
	config
	keyFields    []string
	keyFormat    string
	valueKey     bool // key columns are in the value too
	upserts      bool // rows that are taken back are records without a value
	acks         int16
	linger       time.Duration
	batchBytes   int
	requestBytes int
	memory       int
	codec        recordbatch.Codec
	giveUp       time.Duration
	idempotent   bool

	transactionalID    string // "": no transactions
	transactionTimeout time.Duration
}

// options reads a table's options; the first mistake is kept in err.
type options struct {
	values   map[string]string
	defaults map[string]string
	err      error
}

func readOptions(values map[string]string) *options {
	o := &options{values: values, defaults: make(map[string]string, len(optionSpecs))}
	for _, s := range optionSpecs {
		o.defaults[s.Name] = s.Default
		value, set := values[s.Name]
		switch {
		case !set && s.Required:
			o.fail(s.Name, fmt.Errorf("is missing"))
		case set:
			if err := s.Accepts(value); err != nil {
				o.fail(s.Name, err)
			}
		}
	}
	return o
}

func (o *options) fail(name string, err error) {
	if o.err == nil {
		o.err = fmt.Errorf("option '%s': %w", name, err)
	}
}

func (o *options) text(name string) string {
	if v, set := o.values[name]; set {
		return v
	}
	return o.defaults[name]
}

// int is a number that the option's Check has seen.
func (o *options) int(name string) int {
	n, _ := strconv.Atoi(o.text(name))
	return n
}

func (o *options) millis(name string) time.Duration {
	return time.Duration(o.int(name)) * time.Millisecond
}

// identity is all that connections depend on: what may be reached, the topic and the
// properties.
func (o *options) identity(t connectors.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%p%q%q", t.Access, t.Dir, o.values["topic"])
	for _, key := range slices.Sorted(maps.Keys(o.values)) {
		if strings.HasPrefix(key, "properties.") {
			fmt.Fprintf(&b, "%q%q", key, o.values[key])
		}
	}
	return b.String()
}

func (o *options) common(t connectors.Table) config {
	c := config{
		topic:          o.text("topic"),
		bootstrap:      strings.ReplaceAll(o.text("properties.bootstrap.servers"), " ", ""),
		clientID:       o.text("properties.client.id"),
		requestTimeout: o.millis("properties.request.timeout.ms"),
	}
	if c.clientID == "" {
		c.clientID = "cepd"
	}
	c.access = t.Access
	for address := range strings.SplitSeq(c.bootstrap, ",") {
		if err := t.Access.CheckAddress(address); err != nil {
			o.fail("properties.bootstrap.servers", err)
		}
	}
	c.identity = o.identity(t)
	if o.err == nil {
		c.tls, c.sasl, o.err = security(o, t)
	}
	return c
}

func parseSource(t connectors.Table) (*sourceConfig, error) {
	o := readOptions(t.Options)
	if o.text("value.fields-include") == "EXCEPT_KEY" {
		o.fail("value.fields-include", fmt.Errorf("'EXCEPT_KEY' is not supported yet for reading; read the key with a column METADATA FROM 'key'"))
	}
	c := &sourceConfig{
		config:        o.common(t),
		group:         o.text("properties.group.id"),
		readCommitted: o.text("properties.isolation.level") == "read_committed",
		reset:         o.text("properties.auto.offset.reset"),
		minBytes:      o.int("properties.fetch.min.bytes"),
		maxWait:       o.millis("properties.fetch.max.wait.ms"),
		fetchBytes:    o.int("properties.max.partition.fetch.bytes"),
		memory:        o.int("scan.fetch.max-bytes"),
		batchLimit:    o.int("scan.max-batch-bytes"),
		start:         o.position("scan.startup"),
		stop:          o.position("scan.bounded"),
	}
	c.headers = t.Traced
	for _, col := range t.Columns {
		c.headers = c.headers || col.Metadata == metaHeaders
	}
	return c, o.err
}

func parseSink(t connectors.Table) (*sinkConfig, error) {
	o := readOptions(t.Options)
	c := &sinkConfig{
		config:       o.common(t),
		keyFormat:    o.text("key.format"),
		valueKey:     o.text("value.fields-include") == "ALL",
		linger:       o.millis("properties.linger.ms"),
		batchBytes:   o.int("properties.batch.size"),
		requestBytes: o.int("properties.max.request.size"),
		memory:       o.int("properties.buffer.memory"),
		giveUp:       o.millis("properties.delivery.timeout.ms"),
	}
	o.delivery(c, t)
	if fields := o.text("key.fields"); fields != "" {
		c.keyFields = strings.Split(fields, ";")
	}
	codec, err := recordbatch.ParseCodec(o.text("properties.compression.type"))
	if err != nil {
		o.fail("properties.compression.type", err)
	}
	c.codec = codec
	return c, o.err
}

// The values of acks in a produce request.
const (
	acksAll    = -1
	acksLeader = 1
)

// delivery reads what the delivery guarantee decides.
func (o *options) delivery(c *sinkConfig, t connectors.Table) {
	guarantee := o.guarantee(t.Delivery)
	c.acks = o.acks(guarantee)
	c.idempotent = o.idempotence(guarantee)
	prefix := o.text("sink.transactional-id-prefix")
	if guarantee != connectors.ExactlyOnce {
		o.useless("sink.transactional-id-prefix", "properties.transaction.timeout.ms")
		return
	}
	c.transactionalID = prefix + "-" + t.Query + "-" + t.Name
	if t.Writer > 0 {
		c.transactionalID += fmt.Sprintf("-%d", t.Writer+1)
	}
	c.transactionTimeout = o.millis("properties.transaction.timeout.ms")
}

func (o *options) guarantee(asked connectors.Delivery) connectors.Delivery {
	switch o.text("sink.delivery-guarantee") {
	case "none":
		return connectors.None
	case "at-least-once":
		return connectors.AtLeastOnce
	case "exactly-once":
		return connectors.ExactlyOnce
	}
	return asked
}

// useless refuses options of transactions without them.
func (o *options) useless(names ...string) {
	for _, name := range names {
		if _, set := o.values[name]; set {
			o.fail(name, fmt.Errorf("belongs to 'sink.delivery-guarantee' = 'exactly-once'"))
		}
	}
}

func (o *options) idempotence(guarantee connectors.Delivery) bool {
	asked := o.text("properties.enable.idempotence")
	switch {
	case guarantee == connectors.None && asked == "true":
		o.fail("properties.enable.idempotence", fmt.Errorf("'true' is of no use with 'sink.delivery-guarantee' = 'none'"))
	case guarantee == connectors.ExactlyOnce && asked == "false":
		o.fail("properties.enable.idempotence", fmt.Errorf("'false' cannot be had with 'sink.delivery-guarantee' = 'exactly-once'"))
	}
	return guarantee != connectors.None && asked != "false"
}

func (o *options) acks(guarantee connectors.Delivery) int16 {
	none := guarantee == connectors.None
	acks := o.text("properties.acks")
	if !none && (acks == "0" || acks == "1") {
		o.fail("properties.acks", fmt.Errorf("'%s' can lose records, so it needs 'sink.delivery-guarantee' = 'none'", acks))
	}
	switch {
	case acks == "0":
		return 0
	case acks == "1" || acks == "" && none:
		return acksLeader
	}
	return acksAll
}
