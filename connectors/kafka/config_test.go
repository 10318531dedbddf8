package kafka

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

func tableOf(options ...string) connectors.Table {
	t := connectors.Table{Query: "q", Options: map[string]string{"topic": "t", "properties.bootstrap.servers": "b:9092"},
		Columns: []connectors.Column{{Name: "a", Type: event.TInt64}, {Name: "d", Type: event.TDecimal(10, 2)}}}
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	return t
}

func fakeEncoder(connectors.Table) (connectors.Encoder, error) { return nil, nil }

func TestSourceOptionErrors(t *testing.T) {
	for _, c := range []struct {
		want    string
		options []string
	}{
		{"one topic", []string{"topic", "a;b"}},
		{"'topic-pattern': is not supported yet", []string{"topic-pattern", "a.*"}},
		{"expected earliest-offset or", []string{"scan.startup.mode", "earliest"}},
		{"'scan.startup.timestamp-millis': is missing", []string{"scan.startup.mode", "timestamp"}},
		{"is of no use in this mode", []string{"scan.startup.timestamp-millis", "5"}},
		{"not of the form", []string{"scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets", "0:42"}},
		{"needs 'properties.group.id'", []string{"scan.startup.mode", "group-offsets"}},
		{"needs 'properties.group.id'", []string{"scan.bounded.mode", "group-offsets"}},
		{"whole number from 65536", []string{"scan.fetch.max-bytes", "1 MB"}},
		{"'EXCEPT_KEY' is not supported yet for reading", []string{"value.fields-include", "EXCEPT_KEY"}},
		{"needs 'properties.security.protocol' = 'SSL'", []string{"properties.ssl.ca", "ca.pem"}},
		{"needs 'properties.security.protocol' = 'SASL_SSL'", []string{"properties.sasl.username", "u"}},
		{"SASL needs", []string{"properties.security.protocol", "SASL_PLAINTEXT"}},
		{"expected PEM", []string{"properties.ssl.truststore.type", "JKS"}},
		{"holds no PEM certificate", []string{"properties.security.protocol", "SSL", "properties.ssl.truststore.certificates", "x"}},
		{"no such file", []string{"properties.security.protocol", "SSL", "properties.ssl.ca", "nowhere.pem"}},
		{"PlainLoginModule, ScramLoginModule and OAuthBearerLoginModule", []string{"properties.security.protocol", "SASL_SSL", "properties.sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;"}},
	} {
		if _, err := New(fakeEncoder).Source(tableOf(c.options...)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.options, err, c.want)
		}
	}
	if _, err := New(fakeEncoder).Source(connectors.Table{}); err == nil || !strings.Contains(err.Error(), "'topic': is missing") {
		t.Errorf("no options: error %v", err)
	}
}

func TestSinkOptionErrors(t *testing.T) {
	for _, c := range []struct {
		want    string
		options []string
	}{
		{"expected none or at-least-once or exactly-once", []string{"sink.delivery-guarantee", "twice"}},
		{"belongs to 'sink.delivery-guarantee' = 'exactly-once'", []string{"sink.transactional-id-prefix", "x"}},
		{"belongs to 'sink.delivery-guarantee' = 'exactly-once'", []string{"properties.transaction.timeout.ms", "5000"}},
		{"must not be empty", []string{"sink.delivery-guarantee", "exactly-once", "sink.transactional-id-prefix", ""}},
		{"cannot be had with", []string{"sink.delivery-guarantee", "exactly-once", "properties.enable.idempotence", "false"}},
		{"of no use with", []string{"sink.delivery-guarantee", "none", "properties.enable.idempotence", "true"}},
		{"can lose records", []string{"sink.delivery-guarantee", "exactly-once", "properties.acks", "1"}},
		{"can lose records", []string{"properties.acks", "1"}},
		{"expected none or gzip", []string{"properties.compression.type", "br"}},
		{"are not all columns", []string{"key.fields", "a;x"}},
		{"writes one column", []string{"key.fields", "a;d"}},
		{"'raw' cannot write DECIMAL(10, 2)", []string{"key.fields", "d", "key.format", "raw"}},
		{"'string' cannot write DECIMAL(10, 2)", []string{"key.fields", "d"}},
		{"no column to write", []string{"key.fields", "a;d", "key.format", "json", "value.fields-include", "EXCEPT_KEY"}},
	} {
		if _, err := New(fakeEncoder).Sink(tableOf(c.options...)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.options, err, c.want)
		}
	}
	broken := errors.New("no such format")
	if _, err := New(func(connectors.Table) (connectors.Encoder, error) { return nil, broken }).Sink(tableOf()); !errors.Is(err, broken) {
		t.Errorf("encoder: error %v", err)
	}
}

func TestAcks(t *testing.T) {
	for want, options := range map[int16][]string{
		acksAll: {"properties.acks", "all"}, acksLeader: {"sink.delivery-guarantee", "none"},
		0: {"sink.delivery-guarantee", "none", "properties.acks", "0"},
	} {
		if c, err := parseSink(tableOf(options...)); err != nil || c.acks != want {
			t.Errorf("%q: acks %d, %v", options, c.acks, err)
		}
	}
	if c, err := parseSink(tableOf()); err != nil || c.acks != acksAll || c.clientID != "cepd" {
		t.Errorf("defaults: %+v, %v", c, err)
	}
}

func TestDelivery(t *testing.T) {
	exactly := tableOf()
	exactly.Delivery, exactly.Name = connectors.ExactlyOnce, "alerts"
	c, err := parseSink(exactly)
	if err != nil || c.transactionalID != "cepd-q-alerts" || c.transactionTimeout != time.Minute || !c.idempotent || c.acks != acksAll {
		t.Errorf("exactly once: %+v, %v", c, err)
	}
	exactly.Writer = 1
	if c, err := parseSink(exactly); err != nil || c.transactionalID != "cepd-q-alerts-2" {
		t.Errorf("second writer: %+v, %v", c, err)
	}
	for want, options := range map[bool][]string{true: nil, false: {"properties.enable.idempotence", "false"}} {
		if c, err := parseSink(tableOf(options...)); err != nil || c.idempotent != want || c.transactionalID != "" {
			t.Errorf("%q: %+v, %v", options, c, err)
		}
	}
}

func TestParseOffsets(t *testing.T) {
	got, err := parseOffsets("partition:0,offset:42; partition:1,offset:300;")
	if diff := cmp.Diff(map[int32]int64{0: 42, 1: 300}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, bad := range []string{"", "partition:0", "partition:x,offset:1", "partition:0,offset:-1", "offset:1,partition:0", "partition:99999999999,offset:1"} {
		if got, err := parseOffsets(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestParseJAAS(t *testing.T) {
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
	for in, want := range map[string]map[string]string{
		plain + ` required username="u" password="p";`:                {"username": "u", "password": "p"},
		plain + ` required username='u' password="a\"b=c; d\\" ;`:     {"username": "u", "password": `a"b=c; d\`},
		"  ScramLoginModule  required\n username=u\n password = p;\n": {"username": "u", "password": "p"},
		plain + ` required;`:                              nil,
		plain + ` required username="u" password="secret`: nil,
		plain + ` required username="u" password=secret`:  nil,
		plain + ` sufficient username="u";`:               nil,
		plain + ` required secret;`:                       nil,
		"":                                                nil,
	} {
		got, err := parseJAAS(in)
		if want == nil {
			if len(got) > 0 || err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: %v, %v", in, got, err)
			}
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %s %v", in, diff, err)
		}
	}
}

func FuzzParseJAAS(f *testing.F) {
	f.Add(`a.PlainLoginModule required username="u" password='p\'';`)
	f.Fuzz(func(t *testing.T, s string) { _, _ = parseJAAS(s) })
}

// The options are documented, and named once.
func TestOptionSpecs(t *testing.T) {
	var names []string
	for _, s := range New(nil).Options() {
		if s.Doc == "" || slices.Contains(names, s.Name) {
			t.Errorf("option %q: documentation %q, or named twice", s.Name, s.Doc)
		}
		if s.Default != "" {
			if err := s.Accepts(s.Default); err != nil {
				t.Errorf("option %q: default: %v", s.Name, err)
			}
		}
		names = append(names, s.Name)
	}
}

func TestKeys(t *testing.T) {
	b := event.NewBatch(event.NewSchema(event.Field{Name: "v", Type: event.TInt32}))
	b.Reset(2)
	b.Cols[0].I64[0] = -2
	b.Cols[0].SetNull(1, 2)
	for format, want := range map[string]string{"string": "-2", "raw": "\xff\xff\xff\xfe"} {
		tab := tableOf("key.fields", "V", "key.format", format)
		tab.Columns = []connectors.Column{{Name: "v", Type: event.TInt32}}
		c, err := parseSink(tab)
		if err != nil {
			t.Fatal(err)
		}
		k, err := newKeyWriter(c, tab, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.prepare(b); err != nil || string(k.key(0, 0)) != want || k.key(1, 1) != nil {
			t.Errorf("%s: %q and %v, %v", format, k.key(0, 0), k.key(1, 1), err)
		}
	}
}
