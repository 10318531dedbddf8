package gallery

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/scenario"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// lakeRead reads the files of the click stream's layers.
const lakeRead = `
CREATE TABLE bronze (payload STRING, "partition" INT, "offset" BIGINT, received TIMESTAMP(3), "day" STRING)
  PARTITIONED BY ("day") WITH ('connector' = 'filesystem', 'path' = 'lake/bronze', 'format' = 'parquet');
CREATE TABLE silver (id STRING, visitor STRING, page STRING, kind STRING, revenue DECIMAL(10, 2), clicked TIMESTAMP(3), "day" STRING)
  PARTITIONED BY ("day", kind) WITH ('connector' = 'filesystem', 'path' = 'lake/silver', 'format' = 'parquet');
CREATE TABLE page_views (page STRING, since TIMESTAMP(3), views BIGINT, visitors BIGINT, "day" STRING)
  PARTITIONED BY ("day") WITH ('connector' = 'filesystem', 'path' = 'lake/page_views', 'format' = 'parquet');
CREATE TABLE got (layer STRING, n BIGINT, "day" STRING, kind STRING) WITH ('connector' = 'memory');
EXECUTE STATEMENT SET BEGIN
INSERT INTO got SELECT 'bronze', "offset", "day", '' FROM bronze;
INSERT INTO got SELECT 'silver', 1, "day", kind FROM silver;
INSERT INTO got SELECT 'page_views', views, "day", '' FROM page_views;
END;`

// TestClickStreamToParquet runs the example on a broker, as it is: its layers become
// Parquet in folders, and reading them gives as many rows as the play has.
func TestClickStreamToParquet(t *testing.T) {
	e := example(t, "clickstream")
	report, err := Play(t.Context(), e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	addr, stop, err := broker.Start([]string{"clicks", "clicks-rejects", "conversions", "bots"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	sent := sendClicks(t, e, addr)
	dir := t.TempDir()
	sql := strings.ReplaceAll(e.SQL, "localhost:9092", addr)
	bounded := strings.Replace(sql, "'topic' = 'clicks',", "'topic' = 'clicks', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset',", 1)
	if bounded == sql {
		t.Fatal("the example's source has changed")
	}
	store := memory.NewStore(0)
	runAll(t, dir, bounded, store)
	runAll(t, dir, lakeRead, store)

	rows := map[string]int{}
	days := map[string]bool{}
	_, got := store.Table("got").Rows()
	for _, row := range got {
		rows[string(row[0].S)]++
		days[string(row[2].S)] = true
		if layer, kind := string(row[0].S), string(row[3].S); layer == "silver" && kind != "view" && kind != "order" {
			t.Errorf("a folder's kind is %q", kind)
		}
	}
	if rows["bronze"] != sent || rows["bronze"] != report.Others["bronze"] || rows["silver"] != report.Others["silver"] || rows["page_views"] != report.Others["page_views"] {
		t.Errorf("%d sent, %v in the files, %v in the play", sent, rows, report.Others)
	}
	for _, layer := range []string{"bronze", "silver", "page_views"} {
		files, err := filepath.Glob(filepath.Join(dir, "lake", layer, "day=*"))
		if err != nil || len(files) != len(days) {
			t.Errorf("%s: %v, %v", layer, files, err)
		}
	}
}

func example(t *testing.T, name string) Example {
	t.Helper()
	l := list(t)
	i := slices.IndexFunc(l, func(e Example) bool { return e.Name == name })
	if i < 0 {
		t.Fatalf("there is no example %s", name)
	}
	return l[i]
}

// sendClicks puts the events of the example into its topic.
func sendClicks(t *testing.T, e Example, addr string) (n int) {
	t.Helper()
	world, err := scenario.New(e.Scenario, e.Scenario.Seed)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var records []*kgo.Record
	for {
		x, ok, err := world.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			records = append(records, &kgo.Record{Topic: "clicks", Value: x.AppendJSON(nil), Timestamp: x.Arrival})
		}
		if len(records) == 1000 || !ok {
			if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			n, records = n+len(records), records[:0]
		}
		if !ok {
			return n
		}
	}
}

// runAll runs the queries of a text to their ends.
func runAll(t *testing.T, dir, text string, store *memory.Store) {
	t.Helper()
	cat := catalog.New()
	c, err := query.CompileText(cat, "", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Registry: all.New(memory.New(store)), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background()) //nolint:errcheck // each query tells
	for i := range c.Queries {
		q, err := e.Start(t.Context(), c.Queries[i].Insert, cat)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Wait(); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", c.Queries[i].Name, err))
		}
	}
}
