package backtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/plan"
)

// labels are the rows that the label column marks, and what they are worth.
type labels struct {
	rows  map[origin]float64
	worth float64
}

func (l *labels) marked(at origin) bool {
	_, ok := l.rows[at]
	return ok
}

// labelQuery is a query of one table.
const labelQuery = `CREATE TABLE backtest_labels (worth DOUBLE) WITH ('connector' = '` + history.Sink + `');
INSERT INTO backtest_labels /*+ NAME('labels') */ SELECT %s FROM %s WHERE %s`

// labels reads the labelled rows of the query's sources; nil when no label is
// asked for.
func (r *Request) labels(ctx context.Context, o engine.Options) (*labels, error) {
	if r.Label == "" {
		return nil, nil
	}
	l := &labels{rows: map[origin]float64{}}
	seen := map[string]bool{}
	var scans []*plan.Scan
	for _, n := range r.After.Root.All() {
		scans = append(scans, plan.Scans(n.Input)...)
	}
	for _, s := range scans {
		has := func(name string) bool { return s.Table.Column(name) >= 0 }
		if seen[s.Table.Name] || !has(r.Label) {
			continue
		}
		seen[s.Table.Name] = true
		worth := "CAST(0 AS DOUBLE)"
		if r.Amount != "" && has(r.Amount) {
			worth = "CAST(" + quoted(r.Amount) + " AS DOUBLE)"
		}
		text := fmt.Sprintf(labelQuery, worth, quoted(s.Table.Name), "CAST("+quoted(r.Label)+" AS BOOLEAN)")
		if err := l.read(ctx, r, o, s.Table.Name, text); err != nil {
			return nil, err
		}
	}
	if len(seen) == 0 {
		return nil, fmt.Errorf("%w: no table that the query reads has a column %q", ErrRequest, r.Label)
	}
	return l, nil
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func (l *labels) read(ctx context.Context, r *Request, o engine.Options, table, text string) error {
	cat := r.After.Catalog.Clone()
	compiled, err := query.CompileText(cat, "labels", text, nil)
	if err != nil {
		return fmt.Errorf("%w: the label: %w", ErrRequest, err)
	}
	x := r.replay("labels", o)
	x.Rows = func(_ connectors.Table, b *event.Batch) error {
		for _, row := range b.LiveRows() {
			if len(l.rows) == maxDetections {
				return fmt.Errorf("%w: there are more than %d rows with a label: choose a shorter time", ErrRequest, maxDetections)
			}
			id := engine.InputID("labels", b.ID[row])
			worth := b.Cols[0].Value(int(row))
			at := origin{table, int32(uint32(id.Hi)), int64(id.Lo)}
			l.rows[at] = 0
			if !worth.Null {
				l.rows[at] = worth.F()
				l.worth += worth.F()
			}
		}
		return nil
	}
	_, err = x.Run(ctx, history.Query{Root: compiled.Queries[0].Insert, Catalog: cat})
	return err
}

// Score is how well a version finds the labelled rows.
type Score struct {
	Detections int     `json:"detections"`
	Right      int     `json:"right" doc:"Detections that a labelled row is part of"`
	Labelled   int     `json:"labelled" doc:"Labelled rows"`
	Found      int     `json:"found" doc:"Labelled rows that are part of a detection"`
	Precision  float64 `json:"precision"`
	Recall     float64 `json:"recall"`
	Worth      float64 `json:"worth,omitempty" doc:"Of all labelled rows"`
	FoundWorth float64 `json:"found_worth,omitempty" doc:"Of those found"`
}

func (l *labels) score(v *version) *Score {
	s := &Score{Detections: len(v.list), Right: len(v.hits), Labelled: len(l.rows), Found: len(v.caught), Worth: l.worth}
	if s.Detections > 0 {
		s.Precision = float64(s.Right) / float64(s.Detections)
	}
	if s.Labelled > 0 {
		s.Recall = float64(s.Found) / float64(s.Labelled)
	}
	found := make([]float64, 0, len(v.caught))
	for at := range v.caught {
		found = append(found, l.rows[at])
	}
	slices.Sort(found) // a sum that does not depend on the order of the map
	for _, x := range found {
		s.FoundWorth += x
	}
	return s
}
