package pattern

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/query/ast"
)

// shownStates bounds the states that are shown.
const shownStates = 40

// maxCondition is how many characters of a condition stand beside a step.
const maxCondition = 48

// States is the automaton as text, one state with its steps after the other.
func (p *Program) States() string {
	var b strings.Builder
	p.explainStates(&b)
	return b.String()
}

func (p *Program) explainStates(b *strings.Builder) {
	a := p.Automaton()
	width := p.stepWidth(a)
	for i := range a.States {
		if i == shownStates {
			fmt.Fprintf(b, "  … and %s more states\n", a.more(shownStates))
			return
		}
		s := &a.States[i]
		fmt.Fprintf(b, "  state %d%s\n", i, p.stateText(a, i))
		for k := range s.Steps {
			step := &s.Steps[k]
			line := pad(p.stepText(step), width)
			if step.To >= 0 {
				line += fmt.Sprintf("  to %d", step.To)
			}
			if notes := p.notes(step, i); len(notes) > 0 {
				line += "  (" + strings.Join(notes, "; ") + ")"
			}
			fmt.Fprintf(b, "    %s\n", strings.TrimRight(line, " "))
		}
	}
}

// more is how many states there are beside the first n.
func (a *Automaton) more(n int) string {
	if a.Cut {
		return fmt.Sprintf("over %d", len(a.States)-n)
	}
	return fmt.Sprint(len(a.States) - n)
}

func (p *Program) stepWidth(a *Automaton) int {
	width := 0
	for i := range a.States[:min(len(a.States), shownStates)] {
		for k := range a.States[i].Steps {
			width = max(width, utf8.RuneCountInString(p.stepText(&a.States[i].Steps[k])))
		}
	}
	return width
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// stateText says what a state is, beside its number.
func (p *Program) stateText(a *Automaton, i int) string {
	s := &a.States[i]
	var parts []string
	if i == 0 {
		parts = append(parts, "start")
	}
	if s.Accepts {
		text := "match"
		if !p.match.Edges && s.Prefers > 0 {
			text = "match, if it cannot go on"
		}
		if guards := p.guardNotes(&s.Guard); len(guards) > 0 {
			text += " (" + strings.Join(guards, "; ") + ")"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// stepText is the edge, the variable and its condition.
func (p *Program) stepText(s *Step) string {
	return p.stepName(s) + "  " + p.condition(s.Var)
}

// stepName is the variable with the edge that leads it, as in PATTERN.
func (p *Program) stepName(s *Step) string {
	name := p.vars[s.Var].name
	if s.Absent {
		name = "NOT " + name
		if !s.Once {
			name = "-> " + name
		}
	}
	if s.Edge != ast.EdgeDefault {
		name = s.Edge.String() + " " + name
	}
	return name
}

// condition is the definition of a variable, cut where it is long.
func (p *Program) condition(v int) string {
	def := p.match.Vars[v].Define
	if def == nil {
		return "any row"
	}
	return shortened(p.match.ExprString(def), maxCondition)
}

func shortened(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// notes are the conditions on the way to a step, and what it is.
func (p *Program) notes(s *Step, from int) []string {
	notes := p.guardNotes(&s.Guard)
	if s.To >= 0 && s.To == from {
		notes = append(notes, "loop")
	}
	if s.Until >= 0 {
		notes = append(notes, "until "+p.vars[s.Until].name)
	}
	for _, part := range s.Parts {
		notes = append(notes, "within "+interval(p.limits[part])+" of its part's first row")
	}
	if s.Excluded {
		notes = append(notes, "not shown")
	}
	if s.Absent && s.Once {
		notes = append(notes, "match when the next row has come")
	} else if s.Absent {
		notes = append(notes, "match when time runs out")
	}
	return notes
}

func (p *Program) guardNotes(g *Guard) (notes []string) {
	if g.Start {
		notes = append(notes, "only at the first row of the partition")
	}
	if g.End {
		notes = append(notes, "only after the last row of the partition")
	}
	for _, v := range g.Not {
		notes = append(notes, "no "+p.vars[v].name+" before it")
	}
	for _, v := range g.Next {
		notes = append(notes, "the next row is not "+p.vars[v].name)
	}
	for _, v := range g.Loop {
		notes = append(notes, "not while rows are "+p.vars[v].name)
	}
	return notes
}
