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

// StateInfo is a state in words.
type StateInfo struct {
	Match string     `json:"match,omitempty"` // when a match ends here; empty: never
	Steps []StepInfo `json:"steps"`           // in order of preference
}

// StepInfo is a step in words.
type StepInfo struct {
	Step      string   `json:"step"` // the variable with its edge, as in PATTERN
	Condition string   `json:"condition"`
	To        int      `json:"to"` // the next state; -1: none, the match ends when time runs out
	Notes     []string `json:"notes,omitempty"`
}

// Describe is the automaton in words.
func (p *Program) Describe() []StateInfo { return p.describe(p.Automaton()) }

func (p *Program) describe(a *Automaton) []StateInfo {
	list := make([]StateInfo, len(a.States))
	for i := range a.States {
		list[i] = StateInfo{Match: p.matchText(&a.States[i]), Steps: []StepInfo{}}
		for k := range a.States[i].Steps {
			s := &a.States[i].Steps[k]
			list[i].Steps = append(list[i].Steps, StepInfo{p.stepName(s), p.condition(s.Var), s.To, p.notes(s, i)})
		}
	}
	return list
}

// States is the automaton as text, one state with its steps after the other.
func (p *Program) States() string {
	var b strings.Builder
	a := p.Automaton()
	list := p.describe(a)
	shown := list[:min(len(list), shownStates)]
	width := 0
	for i := range shown {
		for _, s := range shown[i].Steps {
			width = max(width, utf8.RuneCountInString(s.text()))
		}
	}
	for i := range shown {
		fmt.Fprintf(&b, "  state %d%s\n", i, shown[i].title(i))
		for _, s := range shown[i].Steps {
			fmt.Fprintf(&b, "    %s\n", s.line(width))
		}
	}
	if more := len(list) - len(shown); a.Cut {
		fmt.Fprintf(&b, "  … and over %d more states\n", more)
	} else if more > 0 {
		fmt.Fprintf(&b, "  … and %d more states\n", more)
	}
	return b.String()
}

// title says what a state is, beside its number.
func (s *StateInfo) title(i int) string {
	switch {
	case i == 0 && s.Match != "":
		return ": start, " + s.Match
	case i == 0:
		return ": start"
	case s.Match != "":
		return ": " + s.Match
	}
	return ""
}

func (s *StepInfo) text() string { return s.Step + "  " + shortened(s.Condition, maxCondition) }

func (s *StepInfo) line(width int) string {
	line := pad(s.text(), width)
	if s.To >= 0 {
		line += fmt.Sprintf("  to %d", s.To)
	}
	if len(s.Notes) > 0 {
		line += "  (" + strings.Join(s.Notes, "; ") + ")"
	}
	return strings.TrimRight(line, " ")
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// matchText says when a match ends at a state.
func (p *Program) matchText(s *State) string {
	if !s.Accepts {
		return ""
	}
	text := "match"
	if !p.match.Edges && s.Prefers > 0 {
		text = "match, if it cannot go on"
	}
	if guards := p.guardNotes(&s.Guard); len(guards) > 0 {
		text += " (" + strings.Join(guards, "; ") + ")"
	}
	return text
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

// condition is the definition of a variable.
func (p *Program) condition(v int) string {
	if def := p.match.Vars[v].Define; def != nil {
		return p.match.ExprString(def)
	}
	return "any row"
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
	for _, l := range g.Again {
		notes = append(notes, "at most "+p.boundText(p.define.loops[l].max)+" times")
	}
	for _, l := range g.Leave {
		notes = append(notes, "after "+p.boundText(p.define.loops[l].min)+" times or more")
	}
	return notes
}
