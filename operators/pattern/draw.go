package pattern

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/draw"
)

// maxDrawn is how many states a drawing has at most.
const maxDrawn = 120

// drawnCondition is how many characters of a condition stand at an edge; the
// legend has the whole.
const drawnCondition = 30

// oneLine is how long a name and a condition are at most that share a line.
const oneLine = 20

// Draw is the automaton as a graph: a circle per state, double where a match
// may end, an edge per row that is taken, dashed where a match waits for time
// to run out. An error says that it is too large.
func (p *Program) Draw() (*draw.Graph, error) {
	a := p.Automaton()
	if len(a.States) > maxDrawn {
		return nil, fmt.Errorf("the automaton has %d states: more than %d cannot be drawn", len(a.States), maxDrawn)
	}
	g := &draw.Graph{Title: "PATTERN (" + shortened(p.match.PatternString(), 100) + ")"}
	for i := range a.States {
		n := draw.Node{Label: []string{fmt.Sprint(i)}}
		if a.States[i].Accepts {
			n.Shape = draw.DoubleCircle
		}
		g.Nodes = append(g.Nodes, n)
	}
	for i := range a.States {
		for k := range a.States[i].Steps {
			p.drawStep(g, i, &a.States[i].Steps[k])
		}
	}
	p.drawLegend(g, a)
	return g, nil
}

func (p *Program) drawStep(g *draw.Graph, from int, s *Step) {
	label := p.drawnLabel(s)
	for _, note := range p.notes(s, -1) {
		label = append(label, "("+note+")")
	}
	if s.Absent {
		g.Nodes = append(g.Nodes, draw.Node{Label: []string{"match"}, Shape: draw.Box})
		g.Edges = append(g.Edges, draw.Edge{From: from, To: len(g.Nodes) - 1, Label: label, Dashed: true})
		return
	}
	same := slices.IndexFunc(g.Edges, func(e draw.Edge) bool { return e.From == from && e.To == s.To })
	if same >= 0 { // alternatives between the same two states are one edge
		g.Edges[same].Label = append(g.Edges[same].Label, label...)
		return
	}
	g.Edges = append(g.Edges, draw.Edge{From: from, To: s.To, Label: label})
}

// drawnLabel is the name of a step with its condition, beside or below it.
func (p *Program) drawnLabel(s *Step) []string {
	name := p.stepName(s)
	if p.match.Vars[s.Var].Define == nil {
		return []string{name}
	}
	cond := shortened(p.condition(s.Var), drawnCondition)
	if len(name)+len(cond) <= oneLine {
		return []string{name + ": " + cond}
	}
	return []string{name, cond}
}

func (p *Program) drawLegend(g *draw.Graph, a *Automaton) {
	for v := range p.vars {
		g.Legend = append(g.Legend, draw.Entry{Name: p.vars[v].name, Text: p.condition(v)})
	}
	for i := range a.States {
		if s := &a.States[i]; s.Accepts && !s.Guard.none() {
			g.Legend = append(g.Legend, draw.Entry{Name: fmt.Sprint(i), Text: p.matchText(s)})
		}
	}
	if w := p.match.Within; w > 0 {
		g.Legend = append(g.Legend, draw.Entry{Name: "WITHIN", Text: interval(w)})
	}
	if p.limit >= 0 {
		g.Legend = append(g.Legend, draw.Entry{Name: "WITHIN", Text: p.match.ExprString(p.match.WithinOf) + " of the first row"})
	}
	if w := p.match.Gap; w > 0 {
		g.Legend = append(g.Legend, draw.Entry{Name: "BETWEEN ROWS", Text: interval(w)})
	}
}
