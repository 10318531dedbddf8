package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors/file"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// reloading is a query that looks rows up in a file which is read again.
type reloading struct {
	t     *testing.T
	w     *enginetest.World
	in    *enginetest.Input
	path  string
	sql   string
	store state.Store
	p     *engine.Pipeline
	fed   int
}

const reloadSQL = `CREATE TABLE a (k BIGINT, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='test', 'format'='json');
CREATE TABLE list (k BIGINT, name STRING) WITH ('connector'='file', 'path'='list.csv', 'format'='csv', 'scan.reload-interval'='1 ms');
CREATE TABLE o (k BIGINT, name STRING) WITH ('connector'='test');
INSERT INTO o SELECT a.k, l.name FROM a LEFT JOIN list AS l ON l.k = a.k;`

func (r *reloading) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reloading) open() {
	c, err := enginetest.Compile(r.sql)
	if err != nil {
		r.t.Fatal(err)
	}
	o := r.w.Options()
	o.Registry, o.Dir = r.w.Registry(formats.Specs(), file.New()), filepath.Dir(r.path)
	r.p = r.w.Pipeline(r.t, c, o, r.store)
}

func (r *reloading) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// step does a step and delivers what it gave.
func (r *reloading) step() {
	r.t.Helper()
	_, err := r.p.Step(context.Background())
	r.must(err)
	r.must(r.p.Commit())
	_, err = r.p.Deliver(context.Background())
	r.must(err)
}

// await gives rows of keys 1 and 2 until they come out as these.
func (r *reloading) await(want ...string) {
	r.t.Helper()
	var got []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		r.fed++
		ts := r.fed * 1000
		r.in.Append(0, row(1, ts), row(2, ts), row(0, ts+1))
		before := len(r.w.Output("o").Texts())
		for range 4 {
			r.step()
		}
		if got = r.w.Output("o").Texts()[before:]; slices.Equal(distinct(got), want) {
			return
		}
	}
	r.t.Fatalf("the rows come out as %q, not as %q", got, want)
}

func row(k, ts int) string {
	return strings.NewReplacer("K", string(rune('0'+k)), "T", time.UnixMilli(int64(ts)).UTC().Format("2006-01-02 15:04:05.000")).Replace(`{"k":K,"v":0,"ts":"T"}`)
}

// distinct is the rows of keys 1 and 2, sorted, each once.
func distinct(rows []string) []string {
	rows = slices.DeleteFunc(slices.Clone(rows), func(s string) bool { return strings.HasPrefix(s, "0 ") })
	slices.Sort(rows)
	return slices.Compact(rows)
}

// TestListsAreReadAgain changes a file under a query: rows get lost, change and
// come; and a replay finds what was found before, whatever the file has by then.
func TestListsAreReadAgain(t *testing.T) {
	w := enginetest.NewWorld()
	r := &reloading{t: t, w: w, in: w.Input("a", nil).Open(), path: filepath.Join(t.TempDir(), "list.csv"), store: memstore.New(), sql: reloadSQL}
	r.write("1,one\n2,two\n")
	r.open()
	r.await("1 | 'one'", "2 | 'two'")
	r.write("2,zwei\n")
	r.await("1 | NULL", "2 | 'zwei'")
	r.must(os.Remove(r.path))
	r.await("1 | NULL", "2 | 'zwei'")

	r.write("1,uno\n2,due\n3,tre\n")
	r.must(r.p.Close())
	r.open()
	for r.p.Status().State != "running" {
		r.step() // the replay counts the rows that it makes
	}
	r.await("1 | 'uno'", "2 | 'due'")
}

// TestListsThatAreReadAgainAreNoStreams refuses another use.
func TestListsThatAreReadAgainAreNoStreams(t *testing.T) {
	w := enginetest.NewWorld()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "list.csv"), []byte("1,one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := enginetest.Compile(`CREATE TABLE list (k BIGINT, name STRING) WITH ('connector'='file', 'path'='list.csv', 'format'='csv', 'scan.reload-interval'='1 min');
		CREATE TABLE o (k BIGINT) WITH ('connector'='test');
		INSERT INTO o SELECT k FROM list;`)
	if err != nil {
		t.Fatal(err)
	}
	o := w.Options()
	o.Registry, o.Dir = w.Registry(formats.Specs(), file.New()), dir
	p, err := engine.OpenPipeline(context.Background(), o, c.Root, c.Catalog, nil)
	if err == nil {
		_ = p.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "scan.reload-interval") {
		t.Errorf("%v", err)
	}
}

// TestListsMayShrink restarts a query whose file, read once, has become shorter.
func TestListsMayShrink(t *testing.T) {
	w := enginetest.NewWorld()
	r := &reloading{t: t, w: w, in: w.Input("a", nil).Open(), path: filepath.Join(t.TempDir(), "list.csv"), store: memstore.New(),
		sql: strings.Replace(reloadSQL, ", 'scan.reload-interval'='1 ms'", "", 1)}
	r.write("1,one\n2,two\n3,three\n")
	r.open()
	r.await("1 | 'one'", "2 | 'two'")
	r.write("1,x\n")
	for range 2 { // from the journal, then from a snapshot
		r.must(r.p.Close())
		r.open()
		for r.p.Status().State != "running" {
			r.step()
		}
		r.await("1 | 'one'", "2 | 'two'")
	}
}
