package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/draw"
	"github.com/cepd/cepd/operators/build"
)

// Drawings are the operators of each query, followed by its automata.
func Drawings(list []*Query) (graphs []draw.Graph, err error) {
	for _, e := range list {
		if e.Err != nil {
			return nil, e.Err
		}
		graphs = append(graphs, e.operators())
		for i := range e.Graph.Stages {
			list, names := patterns(&e.Graph.Stages[i])
			for k, p := range list {
				g, err := p.Draw()
				if err != nil {
					return nil, fmt.Errorf("query %s: %w", e.Root.Name, err)
				}
				g.Title = fmt.Sprintf("%s, match %d: %s", cmp.Or(names[k], e.Root.Name), i, g.Title)
				graphs = append(graphs, *g)
			}
		}
	}
	return graphs, nil
}

// operators is the graph of a query: sources, keyed stages, sinks.
func (e *Query) operators() draw.Graph {
	g := draw.Graph{Title: e.Root.Name}
	stage := len(e.Graph.Sources) // number of the first
	for i := range e.Graph.Sources {
		e.drawSource(&g, i)
	}
	for i := range e.Graph.Stages {
		s := &e.Graph.Stages[i]
		label := []string{fmt.Sprintf("%s %d", s.Kind, i), unit(s)}
		if !s.Unordered {
			label = append(label, "order")
		}
		e.drawNode(&g, stage+i, append(label, s.Kind), s.Branches)
	}
	for _, table := range e.Sinks {
		g.Nodes = append(g.Nodes, draw.Node{Shape: draw.Box, Label: []string{"sink " + table}})
	}
	return g
}

// drawSource adds a source.
func (e *Query) drawSource(g *draw.Graph, i int) {
	s := &e.Graph.Sources[i]
	e.drawNode(g, i, sourceTitle(s), s.Branches)
}

// drawNode adds node n and the ways of its rows; the operators behind it stand
// in it, or, where there are several ways, at those.
func (e *Query) drawNode(g *draw.Graph, n int, label []string, branches []build.Branch) {
	if len(branches) == 1 {
		label = append(label, chain(branches[0].Chain)...)
	}
	g.Nodes = append(g.Nodes, draw.Node{Shape: draw.Box, Label: label})
	for _, r := range branches {
		label := e.exchange(r.To)
		if len(branches) > 1 {
			label = append([]string{strings.Join(chain(r.Chain), ", ")}, label...)
		}
		g.Edges = append(g.Edges, draw.Edge{From: n, To: e.node(r.To), Label: label})
	}
}

// node is the number of what rows go to.
func (e *Query) node(to int) int {
	if i, ok := build.SinkOf(to); ok {
		return len(e.Graph.Sources) + len(e.Graph.Stages) + i
	}
	return len(e.Graph.Sources) + to
}

// exchange says by what rows go to the shards of a stage.
func (e *Query) exchange(to int) []string {
	if _, ok := build.SinkOf(to); ok || len(e.Graph.Stages[to].Key) == 0 {
		return nil
	}
	return []string{"by " + strings.Join(keyNames(&e.Graph.Stages[to]), ", ")}
}
