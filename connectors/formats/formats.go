package formats

import (
	"bufio"
	"fmt"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/avro"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/connectors/formats/csv"
	"github.com/cepd/cepd/connectors/formats/json"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/connectors/formats/protobuf"
	"github.com/cepd/cepd/connectors/formats/raw"
	"github.com/cepd/cepd/connectors/formats/syslog"
	"github.com/cepd/cepd/internal/event"
)

// format is how one is made from a table; get gives its options' texts.
type format struct {
	name    string
	options []connectors.OptionSpec
	decoder func(t connectors.Table, get func(string) string) (connectors.Decoder, error)
	encoder func(t connectors.Table, get func(string) string) (connectors.Encoder, error)
	binary  bool // a record has no end of its own, so that a file cannot be cut into records
}

const debezium = "debezium-json"

var known = []format{
	{"json", json.Specs(), jsonDecoder, jsonEncoder, false},
	{"csv", csv.Specs(), csvDecoder, csvEncoder, false},
	{debezium, json.DebeziumSpecs(), debeziumDecoder, debeziumEncoder, false},
	{"raw", nil, rawDecoder, rawEncoder, false},
	{avro.Plain, avro.Specs(avro.Plain), avroDecoder, avroEncoder, true},
	{avro.Confluent, avro.Specs(avro.Confluent), avroConfluentDecoder, avroConfluentEncoder, true},
	{protobuf.Plain, protobuf.Specs(protobuf.Plain), protobufDecoder, protobufEncoder, true},
	{protobuf.Confluent, protobuf.Specs(protobuf.Confluent), protobufConfluentDecoder, protobufConfluentEncoder, true},
	{parquet.Name, parquet.Specs(), parquetDecoder, parquetEncoder, true},
}

// Specs lists the formats with their options, for the registry.
func Specs() []connectors.FormatSpec {
	var specs []connectors.FormatSpec
	for _, f := range known {
		specs = append(specs, connectors.FormatSpec{Name: f.name, Options: f.options})
	}
	return specs
}

// Spec is the option by which a connector takes a format.
func Spec() connectors.OptionSpec {
	return connectors.OptionSpec{Name: "format", Required: true, Doc: "How records are written: " + names(", ") + "."}
}

func names(last string) string {
	all := ""
	for i, f := range known {
		switch {
		case i == 0:
		case i == len(known)-1:
			all += last
		default:
			all += ", "
		}
		all += f.name
	}
	return all
}

// choice is the value's format and its options without prefix.
func choice(t connectors.Table) (f format, get func(string) string, err error) {
	name, prefix := t.Options["value.format"], "value."
	if name == "" {
		name, prefix = t.Options["format"], ""
	}
	for _, f := range known {
		if f.name == name {
			return f, func(key string) string { return t.Options[prefix+key] }, nil
		}
	}
	if name == "" {
		return f, nil, fmt.Errorf("option 'format' is missing")
	}
	return f, nil, fmt.Errorf("unknown format '%s'; there are %s", name, names(" and "))
}

// NewDecoder makes the decoder of a source's records.
func NewDecoder(t connectors.Table) (connectors.Decoder, error) {
	if t.Options["connector"] == Parameters {
		t.Options = map[string]string{"connector": Parameters, "format": "json", "key.format": "json"}
	}
	if t.Options["connector"] == Syslog {
		return syslogDecoder(t)
	}
	if t.Options["connector"] == PostgresCDC {
		return newDebezium(t, json.Options{}, false)
	}
	f, get, err := choice(t)
	if err == nil {
		err = cloudevents.CheckSource(t)
	}
	if err != nil {
		return nil, err
	}
	if !connectors.Evolves(t) && f.name == "raw" {
		return nil, connectors.OptionError{Key: connectors.OptEvolution, Message: fmt.Sprintf("option '%s': '%s' is for formats with fields, not '%s'", connectors.OptEvolution, connectors.EvolutionFail, f.name)}
	}
	if t.Options["connector"] == Filesystem {
		t = InFiles(t)
	}
	if IsUpserts(t.Options["connector"]) {
		return newUpsertDecoder(t, func(t connectors.Table) (connectors.Decoder, error) { return f.decoder(t, get) })
	}
	return f.decoder(t, get)
}

// Syslog is the connector whose records are syslog messages.
const Syslog = "syslog"

// PostgresCDC is the connector whose records are changes as Debezium describes them.
const PostgresCDC = "postgres-cdc"

func syslogDecoder(t connectors.Table) (connectors.Decoder, error) {
	opts := syslog.Options{RFC: t.Options["syslog.rfc"]}
	if name := t.Options["syslog.time-zone"]; name != "" {
		zone, err := time.LoadLocation(name)
		if err != nil {
			return nil, fmt.Errorf("option 'syslog.time-zone': there is no time zone '%s'", name)
		}
		opts.Zone = zone
	}
	return result[connectors.Decoder](syslog.New(t.Columns, opts))
}

// NewEncoder makes the encoder of a sink's records.
func NewEncoder(t connectors.Table) (connectors.Encoder, error) {
	f, get, err := choice(t)
	if err != nil {
		return nil, err
	}
	e, err := f.encoder(t, get)
	if err == nil {
		err = withChanges(e, t, f.name)
	}
	if err != nil {
		return nil, err
	}
	if IsUpserts(t.Options["connector"]) && cloudevents.Structured(t) {
		return nil, connectors.OptionError{Key: cloudevents.OptMode, Message: "a row that is deleted is a record without a value, which is no CloudEvent in structured mode", Hint: "use 'binary'"}
	}
	return cloudevents.New(t, e, dataOf(t, f.name))
}

// withChanges has records say what is updated and deleted, where rows are.
func withChanges(e connectors.Encoder, t connectors.Table, format string) error {
	if !t.Changes || format == debezium {
		return nil
	}
	op, ok := e.(interface{ WithOp() error })
	if !ok {
		return fmt.Errorf("rows are updated and deleted, and format '%s' has no place for that; json, csv and %s have, and 'connector' = '%s'", format, debezium, Upserts)
	}
	return op.WithOp()
}

// ContentType is the media type of a table's records.
func ContentType(t connectors.Table) string {
	f, _, _ := choice(t) // without one they are bytes
	return dataOf(t, f.name).ContentType
}

// dataOf is what records of a format are. Those that begin with the number of a
// schema are bytes to whoever does not know that.
func dataOf(t connectors.Table, format string) cloudevents.Data {
	switch format {
	case "json", debezium:
		return cloudevents.Data{ContentType: "application/json", Kind: cloudevents.JSON}
	case "csv":
		return cloudevents.Data{ContentType: "text/csv; charset=utf-8", Kind: cloudevents.Text}
	case "raw":
		if columns := physical(t); len(columns) == 1 && columns[0].Type.Kind == event.String {
			return cloudevents.Data{ContentType: "text/plain; charset=utf-8", Kind: cloudevents.Text}
		}
	case avro.Plain:
		return cloudevents.Data{ContentType: "application/avro", Kind: cloudevents.Bytes}
	case protobuf.Plain:
		return cloudevents.Data{ContentType: "application/protobuf", Kind: cloudevents.Bytes}
	}
	return cloudevents.Data{ContentType: "application/octet-stream", Kind: cloudevents.Bytes}
}

// Binary says whether records of the table are bytes that only a schema
// explains.
func Binary(t connectors.Table) bool {
	f, _, err := choice(t)
	return err == nil && f.binary
}

func parquetDecoder(connectors.Table, func(string) string) (connectors.Decoder, error) {
	return nil, fmt.Errorf("format '%s' is of files: it is read with 'connector' = 'file' or 'filesystem'", parquet.Name)
}

func parquetEncoder(connectors.Table, func(string) string) (connectors.Encoder, error) {
	return nil, fmt.Errorf("format '%s' is of files: it is written with 'connector' = 'filesystem'", parquet.Name)
}

func jsonDecoder(t connectors.Table, get func(string) string) (connectors.Decoder, error) {
	opts, err := json.ParseOptions(get)
	if err != nil {
		return nil, err
	}
	if err := forbid(&opts, t, "json"); err != nil {
		return nil, err
	}
	return result[connectors.Decoder](json.NewDecoder(t.Columns, opts))
}

// forbid has the option of evolution reject fields that are no column.
func forbid(opts *json.Options, t connectors.Table, format string) error {
	if !connectors.Evolves(t) {
		if opts.IgnoreParseErrors {
			return fmt.Errorf("'%s' = '%s' and '%s.ignore-parse-errors' exclude each other", connectors.OptEvolution, connectors.EvolutionFail, format)
		}
		opts.RejectUnknown = true
	}
	for _, c := range physical(t) {
		opts.Unread = append(opts.Unread, c.Name)
	}
	return nil
}

func jsonEncoder(t connectors.Table, get func(string) string) (connectors.Encoder, error) {
	opts, err := json.ParseOptions(get)
	if err != nil {
		return nil, err
	}
	return result[connectors.Encoder](json.NewEncoder(t.Columns, opts))
}

func debeziumDecoder(t connectors.Table, get func(string) string) (connectors.Decoder, error) {
	opts, err := json.ParseOptions(prefixed(get, "debezium-"))
	if err != nil {
		return nil, err
	}
	return newDebezium(t, opts, get("debezium-json.schema-include") == "true")
}

func newDebezium(t connectors.Table, opts json.Options, nested bool) (connectors.Decoder, error) {
	if err := forbid(&opts, t, debezium); err != nil {
		return nil, err
	}
	return result[connectors.Decoder](json.NewDebezium(t.Columns, t.Key, opts, nested))
}

func debeziumEncoder(t connectors.Table, get func(string) string) (connectors.Encoder, error) {
	opts, err := json.ParseOptions(prefixed(get, "debezium-"))
	if err != nil {
		return nil, err
	}
	if get("debezium-json.schema-include") == "true" {
		return nil, fmt.Errorf("'debezium-json.schema-include' is for reading; records with a schema cannot be written")
	}
	return result[connectors.Encoder](json.NewDebeziumEncoder(t.Columns, opts))
}

func prefixed(get func(string) string, prefix string) func(string) string {
	return func(key string) string { return get(prefix + key) }
}

func csvDecoder(t connectors.Table, get func(string) string) (connectors.Decoder, error) {
	opts, err := csv.ParseOptions(get)
	if err != nil {
		return nil, err
	}
	return result[connectors.Decoder](csv.NewDecoder(t.Columns, physical(t), opts))
}

func csvEncoder(t connectors.Table, get func(string) string) (connectors.Encoder, error) {
	opts, err := csv.ParseOptions(get)
	if err != nil {
		return nil, err
	}
	return result[connectors.Encoder](csv.NewEncoder(t.Columns, opts))
}

func rawDecoder(t connectors.Table, _ func(string) string) (connectors.Decoder, error) {
	return result[connectors.Decoder](raw.New(t.Columns, physical(t)))
}

func rawEncoder(t connectors.Table, _ func(string) string) (connectors.Encoder, error) {
	return result[connectors.Encoder](raw.New(t.Columns, physical(t)))
}

func avroDecoder(t connectors.Table, get func(string) string) (connectors.Decoder, error) {
	d, err := avro.NewDecoder(t.Columns, physical(t), get)
	if err != nil {
		return nil, err
	}
	return d, checkSchema(d, t)
}

// checkSchema refuses a schema of the options that has a field which is no column,
// where such are to be rejected.
func checkSchema(d connectors.SchemaLister, t connectors.Table) error {
	if connectors.Evolves(t) {
		return nil
	}
	for _, s := range d.Schemas() {
		if name := connectors.Stranger(s.Fields, physical(t)); name != "" {
			return connectors.OptionError{Key: connectors.OptEvolution, Message: fmt.Sprintf("option '%s': '%s', and the schema has the field %s, which is no column", connectors.OptEvolution, connectors.EvolutionFail, name)}
		}
	}
	return nil
}

func avroEncoder(t connectors.Table, get func(string) string) (connectors.Encoder, error) {
	return result[connectors.Encoder](avro.NewEncoder(t.Columns, get))
}

func avroConfluentDecoder(t connectors.Table, get func(string) string) (connectors.Decoder, error) {
	return result[connectors.Decoder](avro.NewConfluentDecoder(t, get))
}

func avroConfluentEncoder(t connectors.Table, get func(string) string) (connectors.Encoder, error) {
	return result[connectors.Encoder](avro.NewConfluentEncoder(t, get))
}

func protobufDecoder(t connectors.Table, get func(string) string) (connectors.Decoder, error) {
	d, err := protobuf.NewDecoder(t, get)
	if err != nil {
		return nil, err
	}
	return d, checkSchema(d, t)
}

func protobufEncoder(t connectors.Table, get func(string) string) (connectors.Encoder, error) {
	return result[connectors.Encoder](protobuf.NewEncoder(t, get))
}

func protobufConfluentDecoder(t connectors.Table, get func(string) string) (connectors.Decoder, error) {
	return result[connectors.Decoder](protobuf.NewConfluentDecoder(t, get))
}

func protobufConfluentEncoder(t connectors.Table, get func(string) string) (connectors.Encoder, error) {
	return result[connectors.Encoder](protobuf.NewConfluentEncoder(t, get))
}

// result keeps a nil pointer from becoming an interface that is not nil.
func result[I any, T any](x T, err error) (I, error) {
	if err != nil {
		var none I
		return none, err
	}
	return any(x).(I), nil
}

// physical is all columns of the record; without the declaration's list, those
// that are read.
func physical(t connectors.Table) []connectors.Column {
	if len(t.Physical) > 0 {
		return t.Physical
	}
	var columns []connectors.Column
	for _, c := range t.Columns {
		if c.Metadata == "" {
			columns = append(columns, c)
		}
	}
	return columns
}

// Framing says how a stream of bytes divides into records.
type Framing struct {
	// Split cuts off the next record. A step without a token passes over bytes
	// that are no record: empty lines, comments.
	Split bufio.SplitFunc
	// Header is true when the first record names the columns.
	Header bool
	// Head is what a sink writes into an empty file before its first record.
	Head []byte
}

// NewFraming is the framing of a table's files: a record is a line, in CSV with
// the line breaks that its quotes hold.
func NewFraming(t connectors.Table) (Framing, error) {
	chosen, get, err := choice(t)
	switch {
	case err != nil:
		return Framing{}, err
	case cloudevents.Structured(t):
		return Framing{Split: splitLines}, nil
	case chosen.name == avro.Plain:
		return Framing{}, fmt.Errorf("format '%s' is not supported yet in files and streams that grow; it is in 'kafka', and as container files in 'filesystem', which 'file' reads too", avro.Plain)
	case chosen.binary:
		return Framing{}, fmt.Errorf("format '%s' is not supported yet in files and streams, where nothing says where a record ends; it is in 'kafka'", chosen.name)
	case chosen.name != "csv":
		return Framing{Split: splitLines}, nil
	}
	opts, err := csv.ParseOptions(get)
	if err != nil {
		return Framing{}, err
	}
	f := Framing{Split: opts.Split, Header: opts.Header}
	if opts.Header {
		if t.Changes {
			f.Head = append(f.Head, "op"+string(opts.Delimiter)...)
		}
		f.Head = append(opts.AppendHeader(f.Head, t.Columns), '\n')
	}
	return f, nil
}
