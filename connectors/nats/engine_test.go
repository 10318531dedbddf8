package nats_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// TestMetadataColumns reads what a connector knows of each message in a query.
func TestMetadataColumns(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(2 * time.Minute) {
		t.Fatal("the server does not start")
	}
	c, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "s", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	for i, subject := range []string{"s.a", "s.b.c"} {
		m := &nats.Msg{Subject: subject, Data: fmt.Appendf(nil, `{"i":%d}`, i), Header: nats.Header{"number": {fmt.Sprint(i)}}}
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	store := memory.NewStore(0)
	cat := catalog.New()
	p, err := query.CompileText(cat, "", fmt.Sprintf(`CREATE TABLE t (i BIGINT, subject STRING METADATA VIRTUAL, h MAP<STRING, BYTES> METADATA FROM 'headers' VIRTUAL, at BIGINT METADATA FROM 'offset' VIRTUAL)
  WITH ('connector' = 'nats', 'url' = '%s', 'stream' = 's', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE seen (row_text STRING) WITH ('connector' = 'memory');
INSERT INTO seen SELECT CAST(i AS STRING) || ' ' || subject || ' ' || CAST(h['number'] AS STRING) || ' ' || CAST(CARDINALITY(h) AS STRING) || ' ' || CAST(at AS STRING) FROM t`, s.ClientURL()), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Registry: all.New(memory.New(store))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close(context.Background()) }()
	q, err := e.Start(t.Context(), p.Queries[0].Insert, cat)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	var got []string
	_, rows := store.Table("seen").Rows()
	for _, row := range rows {
		got = append(got, string(row[0].S))
	}
	if text := strings.Join(got, ", "); text != "0 s.a 0 1 1, 1 s.b.c 1 1 2" {
		t.Error(text)
	}
}
