package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

// TestAvroFieldsBecomeColumns: a schema that comes later brings columns of its types,
// and records of the schema before have none of them.
func TestAvroFieldsBecomeColumns(t *testing.T) {
	g := newGrowing(t)
	r := registrytest.New(t)
	const schema = `{"type":"record","name":"R","fields":[{"name":"card","type":"long"}%s]}`
	r.Add("in-value", sr.Schema{Schema: fmt.Sprintf(schema, "")})
	r.Add("in-value", sr.Schema{Schema: fmt.Sprintf(schema, `,{"name":"fee","type":["null","float"]},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"sum","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}`)})
	g.submit(`CREATE TABLE t (card BIGINT) WITH (KAFKA, 'format' = 'avro-confluent', 'avro-confluent.url' = '` + r.URL + `', 'topic' = 'in', 'scan.startup.mode' = 'earliest-offset', 'schema.evolution' = 'add');
CREATE TABLE old (card BIGINT) WITH (BROKER, 'topic' = 'old');
INSERT INTO old SELECT * FROM t;`)
	g.send("\x00\x00\x00\x00\x01\x02", "\x00\x00\x00\x00\x02\x04\x02\x00\x00\x20\x40\xd0\x0f\x04\x01\x2c", "\x00\x00\x00\x00\x01\x06")
	table := g.grow(4)
	if got := shape(&table); got != "card BIGINT, at TIMESTAMP_LTZ(3), fee FLOAT, sum DECIMAL(9, 2)" {
		t.Fatalf("%s; %s", got, table.Note)
	}
	g.submit("CREATE TABLE new (card BIGINT, fee FLOAT, `sum` DECIMAL(9, 2)) WITH (BROKER, 'topic' = 'new'); INSERT INTO new SELECT card, fee, `sum` FROM t")
	if got := g.read("new", 3); !slices.Equal(got, []string{`{"card":1,"fee":null,"sum":null}`, `{"card":2,"fee":2.5,"sum":3.00}`, `{"card":3,"fee":null,"sum":null}`}) {
		t.Errorf("new: %v", got)
	}
	if got := g.read("old", 3); !slices.Equal(got, []string{`{"card":1}`, `{"card":2}`, `{"card":3}`}) {
		t.Errorf("old: %v", got)
	}
	g.stop()
}

// TestDebeziumFieldsBecomeColumns: those of the row after a change do, and those of the
// envelope do not.
func TestDebeziumFieldsBecomeColumns(t *testing.T) {
	g := newGrowing(t)
	g.submit(`CREATE TABLE t (id BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH (KAFKA, 'format' = 'debezium-json', 'topic' = 'in', 'scan.startup.mode' = 'earliest-offset', 'schema.evolution' = 'add');
CREATE TABLE old (id BIGINT) WITH (KAFKA, 'format' = 'debezium-json', 'topic' = 'old');
INSERT INTO old SELECT * FROM t;`)
	g.send(`{"before": null, "after": {"id": 1, "note": "x", "total": 2}, "source": {"table": "orders"}, "op": "c", "ts_ms": 1}`,
		`{"before": {"id": 1, "note": "x", "total": 2}, "after": {"id": 1, "note": "y", "total": 2.5}, "op": "u"}`)
	table := g.grow(3)
	if got := shape(&table); got != "id BIGINT, note STRING, total DOUBLE" {
		t.Fatalf("%s; %s", got, table.Note)
	}
	g.submit("CREATE TABLE new (id BIGINT, note STRING) WITH (KAFKA, 'format' = 'debezium-json', 'topic' = 'new'); INSERT INTO new SELECT id, note FROM t")
	want := []string{`{"before":null,"after":{"id":1,"note":"x"},"op":"c"}`, `{"before":{"id":1,"note":"x"},"after":null,"op":"d"}`, `{"before":null,"after":{"id":1,"note":"y"},"op":"c"}`}
	if got := g.read("new", 3); !slices.Equal(got, want) {
		t.Errorf("new: %v", got)
	}
	g.stop()
}

// TestFieldsHaveToWait: while a query has a shadow, and while a view would not be right,
// fields stay fields, which the table says and the audit log does not; with the table,
// what is known of them goes.
func TestFieldsHaveToWait(t *testing.T) {
	g := newGrowing(t)
	const table = `CREATE TABLE t (id BIGINT) WITH (BROKER, 'topic' = 'in', 'scan.startup.mode' = 'earliest-offset', 'schema.evolution' = 'add');`
	g.submit(table + `CREATE TABLE old (id BIGINT) WITH (BROKER, 'topic' = 'old');
CREATE VIEW v (a) AS SELECT * FROM t;
INSERT INTO old SELECT a FROM v;`)
	if _, err := g.service.StartShadow("old", &NewShadow{SQL: "INSERT INTO old SELECT a FROM v WHERE a > 1"}); err != nil {
		t.Fatal(err)
	}
	g.send(`{"id": 1, "note": "x"}`)
	g.noted("has a shadow")
	if err := g.service.DropShadow("old"); err != nil {
		t.Fatal(err)
	}
	g.noted(`the columns cannot be added: view "v"`)
	if phases := g.phases(); phases != nil {
		t.Errorf("audit: %q", phases)
	}
	g.submit("DROP QUERY old; DROP VIEW v; DROP TABLE t;" + table)
	if got, err := g.service.Table("t"); err != nil || got.Note != "" || len(g.service.evolution.notes)+len(g.service.evolution.again) > 0 {
		t.Errorf("%+v, %v: %+v", got, err, g.service.evolution.notes)
	}
	g.submit("INSERT INTO old SELECT * FROM t")
	if got := g.grow(2); shape(&got) != "id BIGINT, note STRING" || got.Note != "" {
		t.Errorf("%+v", got)
	}
	g.stop()
}

// noted looks for fields until the table says why they are no columns.
func (g *growing) noted(want string) {
	g.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		g.service.addFields(g.t.Context())
		table, err := g.service.Table("t")
		if err != nil || len(table.Columns) != 1 || time.Now().After(deadline) {
			g.t.Fatalf("%+v, %v", table, err)
		}
		if strings.Contains(table.Note, want) {
			return
		}
	}
}
