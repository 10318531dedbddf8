package api

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/broker"
)

// growing is a server whose tables get columns, on a broker.
type growing struct {
	t       *testing.T
	addr    string
	dir     string
	client  *kgo.Client
	service *Service
}

func newGrowing(t *testing.T) *growing {
	g := &growing{t: t, dir: t.TempDir()}
	g.broker()
	g.start()
	return g
}

func (g *growing) broker() {
	g.t.Helper()
	addr, stop, err := broker.Start([]string{"in", "old", "new"}, 1)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(stop)
	g.addr = addr
	if g.client, err = kgo.NewClient(kgo.SeedBrokers(addr)); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(g.client.Close)
}

func (g *growing) start() {
	g.t.Helper()
	e, err := engine.New(engine.Options{Registry: all.New(), Adds: true, DataDir: filepath.Join(g.dir, "state"), CommitInterval: 10 * time.Millisecond})
	if err != nil {
		g.t.Fatal(err)
	}
	if g.service, err = NewService(g.dir, EngineRunner{Engine: e}, slog.New(slog.DiscardHandler)); err != nil {
		g.t.Fatal(err)
	}
	if g.service.Audit, err = audit.Open(filepath.Join(g.dir, "audit.jsonl"), 0, 0); err != nil {
		g.t.Fatal(err)
	}
}

func (g *growing) stop() {
	g.t.Helper()
	if err := g.service.Close(context.Background()); err != nil {
		g.t.Fatal(err)
	}
	if err := g.service.Audit.Close(); err != nil {
		g.t.Fatal(err)
	}
}

func (g *growing) send(values ...string) {
	g.t.Helper()
	for _, v := range values {
		if err := g.client.ProduceSync(g.t.Context(), &kgo.Record{Topic: "in", Value: []byte(v)}).FirstErr(); err != nil {
			g.t.Fatal(err)
		}
	}
}

// read gives the first n values of a topic.
func (g *growing) read(topic string, n int) (values []string) {
	g.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(g.addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		g.t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	for len(values) < n {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			g.t.Fatalf("%s: %v after %v", topic, err, values)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func (g *growing) submit(sql string) {
	g.t.Helper()
	kafka := "'connector' = 'kafka', 'properties.bootstrap.servers' = '" + g.addr + "'"
	if _, err := g.service.Submit(&Submission{SQL: strings.NewReplacer("BROKER", kafka+", 'format' = 'json'", "KAFKA", kafka).Replace(sql)}); err != nil {
		g.t.Fatal(err)
	}
}

// grow adds fields until the table has so many columns.
func (g *growing) grow(columns int) Table {
	g.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		g.service.addFields(g.t.Context())
		table, err := g.service.Table("t")
		if err != nil {
			g.t.Fatal(err)
		}
		if len(table.Columns) >= columns || time.Now().After(deadline) {
			return table
		}
	}
}

func shape(t *Table) string {
	var list []string
	for _, c := range t.Columns {
		list = append(list, c.Name+" "+c.Type)
	}
	return strings.Join(list, ", ")
}

// TestFieldsBecomeColumns: records bring fields, the table gets columns for them, once,
// and a query submitted behind reads them. One of before goes on with the columns that
// it knows, also where it reads all of them, and also after a restart, until it is
// replaced.
func TestFieldsBecomeColumns(t *testing.T) {
	g := newGrowing(t)
	g.submit(`CREATE TABLE t (id BIGINT) WITH (BROKER, 'topic' = 'in', 'scan.startup.mode' = 'earliest-offset', 'schema.evolution' = 'add');
CREATE TABLE old (id BIGINT) WITH (BROKER, 'topic' = 'old');
CREATE VIEW v AS SELECT * FROM t;
INSERT INTO old SELECT * FROM v;`)
	g.send(`{"id": 1, "note": "x", "price": 2.50, "Id": 3, "r": {"a": [1]}, "none": null, "at": "2026-03-02 12:00:00"}`, `{"id": 2}`)
	table := g.grow(5)
	const want = "id BIGINT, at TIMESTAMP(3), note STRING, price DOUBLE, r ROW<a ARRAY<BIGINT>>"
	if got := shape(&table); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	if !slices.Equal(table.Behind, []string{"old"}) || !strings.Contains(table.Note, "upper and lower case") || len(table.Added) != 1 {
		t.Errorf("%+v", table)
	}
	g.submit("CREATE TABLE new (id BIGINT, note STRING) WITH (BROKER, 'topic' = 'new'); INSERT INTO new SELECT id, note FROM t WHERE note IS NOT NULL")
	if got := g.read("new", 1); !slices.Equal(got, []string{`{"id":1,"note":"x"}`}) {
		t.Errorf("new: %v", got)
	}
	g.read("old", 2)
	if d := g.service.statusOf("old").Sources[0].Difference; d == nil || !slices.Equal(d.Added, []string{"at", "note", "price", "r"}) || !strings.Contains(d.Text, "when it is replaced") {
		t.Errorf("%+v", d)
	}
	g.stop()
	g.start()
	g.send(`{"id": 3, "note": "y"}`)
	if got := g.read("new", 2); !slices.Equal(got, []string{`{"id":1,"note":"x"}`, `{"id":3,"note":"y"}`}) {
		t.Errorf("new: %v", got)
	}
	if got := g.read("old", 3); !slices.Equal(got, []string{`{"id":1}`, `{"id":2}`, `{"id":3}`}) {
		t.Errorf("old: %v", got)
	}
	g.service.addFields(t.Context())
	if table, _ := g.service.Table("t"); shape(&table) != want {
		t.Errorf("after a restart: %s", shape(&table))
	}
	g.replace()
	g.audited()
	g.stop()
}

// replace has the query of before take the columns up, with its state.
func (g *growing) replace() {
	g.t.Helper()
	if _, err := g.service.Replace(g.t.Context(), "old", &Replacement{SQL: "INSERT INTO old SELECT * FROM v"}); err == nil {
		g.t.Error("five columns go into one")
	}
	done, err := g.service.Replace(g.t.Context(), "old", &Replacement{SQL: "INSERT INTO old SELECT id FROM v WHERE price > 2 OR note = 'z'"})
	if err != nil || !done.Done {
		g.t.Fatalf("%+v, %v", done, err)
	}
	g.send(`{"id": 4}`, `{"id": 5, "note": "z"}`)
	if got := g.read("old", 4); got[3] != `{"id":5}` {
		g.t.Errorf("old: %v", got)
	}
	if table, err := g.service.Table("t"); err != nil || table.Behind != nil {
		g.t.Errorf("%+v, %v", table, err)
	}
}

// audited demands that it is written down who gave the table its columns.
func (g *growing) audited() {
	g.t.Helper()
	list, err := audit.Read(filepath.Join(g.dir, "audit.jsonl"), func(e *audit.Entry) bool { return e.Action == "add-columns" })
	if err != nil || len(list) != 2 || list[0].Phase != audit.Attempt || list[1].Phase != audit.Done || list[1].Who != serverItself || !strings.HasPrefix(list[0].Reason, "ALTER TABLE t ADD (at TIMESTAMP(3), note") {
		g.t.Errorf("%+v, %v", list, err)
	}
}

// TestColumnsAreBounded: beyond so many columns, fields stay what they are.
func TestColumnsAreBounded(t *testing.T) {
	g := newGrowing(t)
	g.submit(`CREATE TABLE t (id BIGINT) WITH (BROKER, 'topic' = 'in', 'scan.startup.mode' = 'earliest-offset', 'schema.evolution' = 'add');
CREATE TABLE old (id BIGINT) WITH (BROKER, 'topic' = 'old');
INSERT INTO old SELECT id FROM t;`)
	var fields strings.Builder
	for i := range 80 {
		fmt.Fprintf(&fields, `, "f%d": %d`, i, i)
	}
	g.send(fmt.Sprintf(`{"id": 1%s}`, fields.String()))
	g.grow(1 + maxAdded)
	g.service.addFields(t.Context())
	table, err := g.service.Table("t")
	if err != nil || len(table.Columns) != 1+maxAdded || !strings.Contains(table.Note, "64 columns have been added") {
		t.Errorf("%d columns, %q, %v", len(table.Columns), table.Note, err)
	}
	g.stop()
}
