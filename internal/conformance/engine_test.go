package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// Engine runs a case end to end: JSON records in two polls' worth of batches,
// decoder, shards, journal, outbox. The engine makes its own watermarks, so
// that cases with watermarks of their own cannot run.
type Engine struct{ t *testing.T }

// Run compiles the case with a table to write to.
func (d Engine) Run(c *Case) (*Result, error) {
	root, err := Compile(c)
	if err != nil {
		return nil, err
	}
	ddl, err := c.DDL("ts - INTERVAL '9999' HOUR(4)")
	if err != nil {
		return nil, err
	}
	ddl = strings.NewReplacer("'memory'", "'test'", "'name' = 'events'", "'format' = 'json'").Replace(ddl)
	script := ddl + ";\n" + outTable(root.Schema()) + ";\nINSERT INTO out " + c.Query
	compiled, err := compileBounded(script)
	if err != nil {
		return nil, err
	}
	w := enginetest.NewWorld()
	w.Poll = 7
	w.Input("events", c.records())
	r := &Result{Columns: root.Schema().Names()}
	w.Output("out").Before = func(b *event.Batch) error {
		for _, row := range b.LiveRows() {
			values := make([]event.Value, len(b.Cols))
			for i := range b.Cols {
				values[i] = b.Cols[i].Value(int(row))
			}
			r.Rows = append(r.Rows, plainRow(b.Schema, values))
		}
		return nil
	}
	return r, enginetest.Finish(w.Pipeline(d.t, compiled, w.Options(), nil))
}

// compileBounded compiles a script whose tables end.
func compileBounded(text string) (*enginetest.Compiled, error) {
	script, err := parse.Parse("", text)
	if err != nil {
		return nil, err
	}
	cat := catalog.New()
	bounded := func(*catalog.Table) bool { return true }
	r, err := query.Compile(cat, script, query.Options{Text: text, Bounded: bounded})
	if err != nil {
		return nil, err
	}
	return &enginetest.Compiled{Root: r.Queries[0].Insert, Catalog: cat}, nil
}

// outTable is a table with the columns of a query.
func outTable(s *event.Schema) string {
	cols := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		cols[i] = fmt.Sprintf("`%s` %s", f.Name, f.Type)
	}
	return "CREATE TABLE out (" + strings.Join(cols, ", ") + ") WITH ('connector' = 'test')"
}

// records is the rows of the case as JSON objects.
func (c *Case) records() []string {
	var out []string
	for _, e := range c.Input {
		object := map[string]any{}
		for i, f := range c.Schema {
			object[f[0]] = e.Row[i]
			if ms, ok := e.Row[i].(int); ok && f[1] == "TIMESTAMP" {
				object[f[0]] = time.UnixMilli(int64(ms)).UTC().Format("2006-01-02 15:04:05.000")
			}
		}
		text, err := json.Marshal(object)
		if err != nil {
			text = []byte("{}")
		}
		out = append(out, string(text))
	}
	return out
}

// TestEngine runs the corpus end to end. Rows of different keys may come in
// another order than from one shard.
func TestEngine(t *testing.T) {
	for _, area := range []string{"matchrecognize", "streaming"} {
		cases, err := Load(corpus + "/" + area)
		if err != nil {
			t.Fatal(err)
		}
		ran := 0
		for i := 0; i < len(cases); i += every {
			c := &cases[i]
			if c.Watermarks() {
				continue
			}
			ran++
			if o := Check(c, Engine{t}); o.Failure != "" {
				t.Errorf("%s: %s\n%s", c.ID(), o.Failure, c.Query)
			}
		}
		t.Logf("%s: %d of %d cases ran end to end", area, ran, len(cases))
	}
}
