package gallery

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/examples"
	"github.com/cepd/cepd/internal/scenario"
)

var rewrite = flag.Bool("rewrite", false, "write the files that are compared")

// otherSeeds says whether examples are played with other events too.
var otherSeeds = true

// folder is where the examples are.
const folder = "../../examples"

func list(t *testing.T) []Example {
	t.Helper()
	l, err := List(examples.Files)
	if err != nil || len(l) == 0 {
		t.Fatalf("%d examples: %v", len(l), err)
	}
	return l
}

// TestExamples plays each example: what it finds is in its expected.txt, its picture
// and the figures of its page are current, and no rule does worse than it should.
func TestExamples(t *testing.T) {
	var reports []*Report
	examples := list(t)
	for _, e := range examples {
		t.Run(e.Name, func(t *testing.T) {
			var out bytes.Buffer
			screen := Screen{Out: &out, Each: 5}
			painter := NewPainter(e.Scenario)
			saw := func(f Finding) { screen.Saw(f); painter.Saw(f) }
			report, err := Play(context.Background(), e, Options{Saw: saw, Told: painter.Told, Sent: painter.Sent})
			if err != nil {
				t.Fatal(err)
			}
			screen.Summary(report)
			compare(t, filepath.Join(folder, e.Name, "expected.txt"), out.Bytes())
			checkPage(t, e, report, painter.Picture())
			reports = append(reports, report)
			if report.Short() || report.Late > 0 {
				t.Errorf("a rule does worse than it should, or events came late:\n%s", out.String())
			}
		})
	}
	if len(reports) == len(examples) { // none was left out by -run
		compare(t, "../../docs/gallery.md", []byte(overview(examples, reports)))
	}
}

// checkPage checks the picture and the figures of an example's page.
func checkPage(t *testing.T, e Example, r *Report, picture string) {
	t.Helper()
	compare(t, filepath.Join(folder, e.Name, e.Name+".svg"), []byte(picture))
	path := filepath.Join(folder, e.Name, "README.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if page, err = withFigures(page, r); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	compare(t, path, page)
}

// TestOtherSeeds plays each example with other events: the rules fit the story,
// not the numbers.
func TestOtherSeeds(t *testing.T) {
	if testing.Short() || !otherSeeds {
		t.Skip("examples with other events: not in a short test, nor with the race detector")
	}
	for _, e := range list(t) {
		t.Run(e.Name, func(t *testing.T) {
			report, err := Play(context.Background(), e, Options{Seed: e.Scenario.Seed + 1})
			if err != nil {
				t.Fatal(err)
			}
			if report.Short() {
				var out bytes.Buffer
				(&Screen{Out: &out}).Summary(report)
				t.Errorf("a rule does worse than it should:\n%s", out.String())
			}
		})
	}
}

func compare(t *testing.T, path string, got []byte) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is not what comes out; if this is right, go test ./internal/gallery -rewrite (-file +now):\n%s", path, d)
	}
}

// TestShort checks that a rule that finds too little, or too much, is told.
func TestShort(t *testing.T) {
	e := Example{Name: "small", SQL: `
CREATE TABLE a (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 'a', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'csv');
CREATE TABLE high (k STRING, ts TIMESTAMP(3)) WITH ('connector' = 'blackhole');
INSERT INTO high SELECT k, ts FROM a WHERE v > 5;`}
	for _, c := range []struct {
		planted, decoy string
		found, alarms  int
		short          bool
	}{
		{planted: "9", decoy: "1", found: 10},
		{planted: "1", decoy: "1", short: true},
		{planted: "9", decoy: "8", found: 10, alarms: 5, short: true},
	} {
		var err error
		e.Scenario, err = scenario.Parse([]byte(`
duration: 1h
entities: {k: {count: 50}}
rules: {high: {key: {k: $k}, time: ts}}
scenarios:
  - {name: planted, entity: k, count: 10, finds: high, steps: [{table: a, set: {k: $k, v: ` + c.planted + `}}]}
  - {name: alike, entity: k, count: 5, quiet: 1m, steps: [{table: a, set: {k: $k, v: ` + c.decoy + `}}]}
`))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Play(context.Background(), e, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := r.Rules[0]; n.Found != c.found || n.FalseAlarms != c.alarms || r.Short() != c.short || len(r.Missed) != 10-c.found || r.Events != 15 {
			t.Errorf("planted %s, decoys %s: %+v", c.planted, c.decoy, r)
		}
	}
}
