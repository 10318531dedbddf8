package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/cepd/cepd/internal/draw"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/pattern"
)

// drawings are the operators of each query, followed by its automata.
func drawings(list []*explained) (graphs []draw.Graph, err error) {
	for _, e := range list {
		if e.err != nil {
			return nil, e.err
		}
		graphs = append(graphs, e.operators())
		for i := range e.graph.Stages {
			list, names := patterns(&e.graph.Stages[i])
			for k, p := range list {
				g, err := p.Draw()
				if err != nil {
					return nil, fmt.Errorf("query %s: %w", e.root.Name, err)
				}
				g.Title = fmt.Sprintf("%s, match %d: %s", cmp.Or(names[k], e.root.Name), i, g.Title)
				graphs = append(graphs, *g)
			}
		}
	}
	return graphs, nil
}

// operators is the graph of a query: sources, keyed stages, sinks.
func (e *explained) operators() draw.Graph {
	g := draw.Graph{Title: e.root.Name}
	stage := len(e.graph.Sources) // number of the first
	for i := range e.graph.Sources {
		e.drawSource(&g, i)
	}
	for i := range e.graph.Stages {
		s := &e.graph.Stages[i]
		label := []string{fmt.Sprintf("%s %d", s.Kind, i), unit(s)}
		if !s.Unordered {
			label = append(label, "order")
		}
		e.drawNode(&g, stage+i, append(label, s.Kind), s.Branches)
	}
	for _, table := range e.sinks {
		g.Nodes = append(g.Nodes, draw.Node{Shape: draw.Box, Label: []string{"sink " + table}})
	}
	return g
}

// drawSource adds a source.
func (e *explained) drawSource(g *draw.Graph, i int) {
	s := &e.graph.Sources[i]
	e.drawNode(g, i, sourceTitle(s), s.Branches)
}

// drawNode adds node n and the ways of its rows; the operators behind it stand
// in it, or, where there are several ways, at those.
func (e *explained) drawNode(g *draw.Graph, n int, label []string, branches []build.Branch) {
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
func (e *explained) node(to int) int {
	if i, ok := build.SinkOf(to); ok {
		return len(e.graph.Sources) + len(e.graph.Stages) + i
	}
	return len(e.graph.Sources) + to
}

// exchange says by what rows go to the shards of a stage.
func (e *explained) exchange(to int) []string {
	if _, ok := build.SinkOf(to); ok || len(e.graph.Stages[to].Key) == 0 {
		return nil
	}
	return []string{"by " + strings.Join(keyNames(&e.graph.Stages[to]), ", ")}
}

// explanation is a query's explanation for programs.
type explanation struct {
	Query    string               `json:"query"`
	Text     string               `json:"text"`
	Patterns []patternExplanation `json:"patterns,omitempty"`
}

type patternExplanation struct {
	Stage   int                 `json:"stage"`
	Name    string              `json:"name,omitempty"` // of the insert, of several that run together
	States  []pattern.StateInfo `json:"states"`
	Samples *pattern.Samples    `json:"samples,omitempty"`
}

func writeExplained(w io.Writer, list []*explained) error {
	out := make([]explanation, len(list))
	for i, e := range list {
		out[i] = explanation{Query: e.root.Name, Text: e.text()}
		if e.err != nil {
			continue
		}
		for k := range e.graph.Stages {
			list, names := patterns(&e.graph.Stages[k])
			for n, p := range list {
				out[i].Patterns = append(out[i].Patterns, patternExplanation{Stage: k, Name: names[n], States: p.Describe(), Samples: p.Samples()})
			}
		}
	}
	return writeJSON(w, out)
}
