package hostile

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/formattest"
	posted "github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
	"github.com/cepd/cepd/internal/kafkatest"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/state/intake"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

const message = `syntax = "proto3"; message M { int64 i = 1; double f = 2; string s = 3; }`

// settings are what formats need besides their name. A format that is not here
// fails the test.
var settings = map[string]map[string]string{
	"json": {}, "csv": {}, "raw": {}, "debezium-json": {}, "avro": {}, "avro-confluent": {"avro-confluent.url": registryURL},
	"protobuf":           {"protobuf.schema": message},
	"parquet":            {}, // has no records: see checkParquet
	"protobuf-confluent": {"protobuf-confluent.url": registryURL, "protobuf-confluent.schema": message},
}

// registryURL stands for that of the test's registry.
const registryURL = "the registry"

// bed is a query over a table that is fed with a format's records.
type bed struct {
	format  string
	options map[string]string // of the format
	columns []connectors.Column
	store   *memory.Store
	stdin   io.Reader
	logs    *intake.Logs
}

func newBed(t *testing.T, format string) *bed {
	t.Helper()
	set, ok := settings[format]
	if !ok {
		t.Fatalf("format %s: say in settings how its records are made", format)
	}
	b := &bed{format: format, options: map[string]string{"format": format}, store: newStore(), columns: []connectors.Column{
		{Name: "i", Type: event.TInt64}, {Name: "f", Type: event.TFloat64}, {Name: "s", Type: event.TString}}}
	if format == "raw" {
		b.columns = b.columns[2:]
	}
	for k, v := range set {
		if v == registryURL {
			v = registrytest.New(t).URL
		}
		b.options[k] = v
	}
	return b
}

// neighbour is the n-th good row's text; it tells it from all others.
func neighbour(n int) string { return fmt.Sprintf("neighbour-%d", n) }

// good encodes n good records.
func (b *bed) good(t *testing.T, n int) (records [][]byte) {
	t.Helper()
	options := maps.Clone(b.options)
	options["topic"] = "in" // names the subject of the schema
	e, err := formats.NewEncoder(connectors.Table{Columns: b.columns, Physical: b.columns, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	if err := connectors.OpenEncoder(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	rows := formattest.Batch(b.columns)
	rows.Reset(n)
	for i := range n {
		values := []event.Value{event.IntValue(int64(i)), event.FloatValue(0.5), event.StringValue(neighbour(i))}
		for c, v := range values[3-len(b.columns):] {
			rows.Cols[c].Set(i, n, v)
		}
	}
	var out connectors.Encoded
	if err := e.Encode(rows, &out); err != nil {
		t.Fatal(err)
	}
	for _, s := range out.Value {
		records = append(records, out.Buf[s.Off:s.Off+s.Len:s.Off+s.Len])
	}
	return records
}

// records puts each hostile record between two good ones.
func (b *bed) records(t *testing.T, lines bool) (records [][]byte) {
	t.Helper()
	bad, err := hostile.Records(b.good(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	if lines {
		bad = slices.DeleteFunc(bad, b.noLine)
	}
	good := b.good(t, len(bad)+1)
	for i := range bad {
		records = append(records, good[i], bad[i].Data)
	}
	return append(records, good[len(bad)])
}

// noLine says whether a record is no line, or, in CSV, not one only: what an open
// quote takes along is its value, by the format's own rules.
func (b *bed) noLine(r hostile.Record) bool {
	return bytes.IndexByte(r.Data, '\n') >= 0 || len(bytes.TrimSuffix(r.Data, []byte("\r"))) == 0 || b.format == "csv" && bytes.Count(r.Data, []byte(`"`))%2 == 1
}

// start runs a query over the table; what it rejects is kept.
func (b *bed) start(t *testing.T, connector string, options map[string]string) (*engine.Query, error) {
	t.Helper()
	var columns []string
	for _, c := range b.columns {
		columns = append(columns, c.Name+" "+c.Type.String())
	}
	with := []string{fmt.Sprintf("'connector' = '%s'", connector)}
	for _, k := range slices.Sorted(maps.Keys(options)) {
		with = append(with, fmt.Sprintf("'%s' = '%s'", k, options[k]))
	}
	return b.run(t, fmt.Sprintf(`CREATE TABLE dead (kind STRING, reason STRING, "offset" BIGINT, "value" BYTES) WITH ('connector' = 'memory');
CREATE TABLE seen (%[1]s) WITH ('connector' = 'memory');
CREATE TABLE t (%[1]s) WITH (%[2]s, 'scan.dead-letter-table' = 'dead');
INSERT INTO seen SELECT * FROM t`, strings.Join(columns, ", "), strings.Join(with, ", ")))
}

// run starts the query of a text.
func (b *bed) run(t *testing.T, text string) (*engine.Query, error) {
	t.Helper()
	cat := catalog.New()
	c, err := query.CompileText(cat, "", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Registry: all.New(append(all.Received(b.logs), memory.New(b.store), posted.New(b.logs))...), Stdin: b.stdin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	return e.Start(t.Context(), c.Queries[0].Insert, cat)
}

// TestEveryConnectorAndFormat sends the corpus through each connector in each
// format: every record is a row or is kept with a reason, and the good ones
// between them come out as they went in.
func TestEveryConnectorAndFormat(t *testing.T) {
	registry := all.New()
	for _, name := range registry.Names() {
		ways := feeders[name]
		if len(ways) == 0 {
			t.Errorf("connector %s: say in feeders how it is fed, or why it is not", name)
		}
		for i, way := range ways {
			for _, format := range registry.Formats() {
				if way.feed == nil || way.json && format != "json" {
					continue
				}
				t.Run(fmt.Sprintf("%s-%d/%s", name, i, format), func(t *testing.T) { checkHostile(t, name, format, way) })
			}
		}
	}
}

func checkHostile(t *testing.T, connector, format string, way feeder) {
	if format == "parquet" {
		checkParquet(t, connector, way)
		return
	}
	if format == "avro" && (connector == "file" || connector == "filesystem") {
		checkContainer(t, connector)
		return
	}
	b := newBed(t, format)
	records := b.records(t, way.lines)
	options := way.feed(t, b, records)
	if !way.json {
		if options == nil {
			options = map[string]string{}
		}
		maps.Copy(options, b.options)
	}
	q, err := b.start(t, connector, options)
	if way.lines && formats.Binary(connectors.Table{Options: options}) {
		if err == nil || !strings.Contains(err.Error(), "not supported yet in files and streams") {
			t.Errorf("binary records in a stream: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	b.check(t, q, records, !way.json)
}

// check looks for every record among the rows or the rejects.
func (b *bed) check(t *testing.T, q *engine.Query, records [][]byte, values bool) {
	t.Helper()
	_, seen := b.store.Table("seen").Rows()
	_, dead := b.store.Table("dead").Rows()
	if len(seen)+len(dead) != len(records) {
		t.Errorf("%d rows and %d rejects of %d records", len(seen), len(dead), len(records))
	}
	next := 0
	for _, row := range seen {
		text := row[len(row)-1]
		if string(text.S) != neighbour(next) {
			continue
		}
		if len(row) == 3 && (row[0].I != int64(next) || row[1].F() != 0.5) {
			t.Errorf("%s is %v", text.S, row)
		}
		next++
	}
	if want := (len(records) + 1) / 2; next != want {
		t.Errorf("%d good records of %d came out", next, want)
	}
	if got := q.Status().Rejected["parse"]; got != int64(len(dead)) {
		t.Errorf("%d counted, %d kept", got, len(dead))
	}
	at := 0
	for _, row := range dead {
		if kind, reason := string(row[0].S), string(row[1].S); kind != "parse" || reason == "" || len(reason) > 1000 {
			t.Errorf("kind %q, reason %.1100q", kind, reason)
		}
		if i := slices.IndexFunc(records[at:], func(r []byte) bool { return bytes.Equal(r, row[3].S) }); values && i < 0 {
			t.Errorf("%.100q was kept, which nobody sent, or not in this order", row[3].S)
		} else if values {
			at += i + 1
		}
	}
}

func zip(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(content)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
