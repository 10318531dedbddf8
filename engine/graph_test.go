package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/cepd/cepd/engine/enginetest"
)

// TestGraphCountsRows has every row of the source on its way through the
// operators.
func TestGraphCountsRows(t *testing.T) {
	const n = 100
	w := enginetest.NewWorld()
	w.Input("t", probed(n)).Open()
	e := newEngine(t, w, nil)
	q := start(t, e, probing)
	until(t, func() bool { return q.Status().Partitions[0].Position == int64(n+n/2+1) })
	g, err := q.Graph(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(g.Edges)
	for _, x := range g.Nodes {
		got += fmt.Sprintln(x.ID, x.Title, x.Key, x.RowsIn, x.RowsOut, x.Lag, x.Keys, x.Matches, x.Pattern)
	}
	const want = `[{source-0 stage-0 [prepare] 151} {stage-0 sink-0 [] 0}]
source-0 t [] 151 151 0 0 0 false
stage-0 match [card] 151 0 0 100 100 true
sink-0 o [] 0 0 0 0 0 false
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestAutomatonCountsOpenMatches has half of the cards in each of two states.
func TestAutomatonCountsOpenMatches(t *testing.T) {
	const n = 1000
	w := enginetest.NewWorld()
	w.Input("t", probed(n)).Open()
	e := newEngine(t, w, nil)
	q := start(t, e, probing)
	until(t, func() bool { return q.Status().Partitions[0].Position == int64(n+n/2+1) })
	a, err := q.Automata(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p := a.Patterns[0]
	got := fmt.Sprint(p.Pattern, " ", p.Open)
	for _, s := range p.States {
		got += fmt.Sprint("; ", s.Open, " ", s.Steps)
	}
	got += fmt.Sprint("; ", p.Variables)
	const want = "A -> B -> C 1000; 0 [{A A.amount < 10.0 1 []}]; 500 [{-> B B.amount > 100.0 2 []}]; 500 [{-> C C.amount > B.amount 3 []}]; 0 []" +
		"; [{A A.amount < 10.0 0 1000} {B B.amount > 100.0 500 500} {C C.amount > B.amount 500 0}]"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
