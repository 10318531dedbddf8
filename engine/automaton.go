package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
)

// Automata are the patterns of a running query, with how many partial matches
// are in which state.
type Automata struct {
	At       string          `json:"at" doc:"When it was looked at"`
	Patterns []AutomatonView `json:"patterns"`
	Partial  bool            `json:"partial,omitempty" doc:"There are more open matches than are counted"`
}

// AutomatonView is a pattern as states and the rows that lead from one to the
// next.
type AutomatonView struct {
	Stage     int            `json:"stage"`
	Name      string         `json:"name,omitempty" doc:"Name of the insert, of several whose patterns run together"`
	Pattern   string         `json:"pattern" doc:"As in PATTERN"`
	States    []StateView    `json:"states" doc:"0 is the start"`
	Variables []VariableView `json:"variables"`
	Open      int            `json:"open" doc:"Open matches"`
	Cut       bool           `json:"cut,omitempty" doc:"There are more states than are told"`
}

// StateView is what a partial match waits for.
type StateView struct {
	Open  int                `json:"open" doc:"Partial matches that are here"`
	Match string             `json:"match,omitempty" doc:"When a match ends here; empty: never"`
	Steps []pattern.StepInfo `json:"steps" doc:"In order of preference"`
}

// VariableView is a variable of a pattern.
type VariableView struct {
	Name      string `json:"name"`
	Condition string `json:"condition"`
	Waiting   int    `json:"waiting" doc:"Open matches that a row of it may be next in"`
	Rows      int    `json:"rows" doc:"Rows that open matches have as it"`
}

// The limits of a look at automata, which stops the query meanwhile.
const (
	maxCounted  = 500_000 // open matches and rows of theirs
	maxAutomata = 20
	maxStates   = 200 // that are told, of each
)

// Automata looks at the patterns of the query.
func (q *Query) Automata(ctx context.Context) (a *Automata, err error) {
	err = q.ask(ctx, func(p *Pipeline) error {
		a = p.lookAtAutomata()
		return nil
	})
	return a, err
}

// lookAtAutomata counts the open matches between two steps.
func (p *Pipeline) lookAtAutomata() *Automata {
	if p.automata == nil {
		p.automata = p.compileAutomata()
	}
	out := &Automata{At: time.UnixMicro(p.clock.Now()).UTC().Format(time.RFC3339Nano), Patterns: []AutomatonView{}}
	counts := map[automatonKey]*census{}
	for i := range p.automata {
		c := newCensus(&p.automata[i])
		counts[p.automata[i].key] = c
	}
	n := 0
	p.inspect(func(at place, x *operators.Instance) bool {
		if c := counts[automatonKey{at.stage.index, x.Pattern}]; c != nil {
			c.count(x)
		}
		n += 1 + len(x.Rows)
		return n < maxCounted
	}, &out.Partial)
	for i := range p.automata {
		out.Patterns = append(out.Patterns, counts[p.automata[i].key].view())
	}
	return out
}

type automatonKey struct {
	stage int
	name  string // of the insert, where several run together
}

// automaton is what there is to tell of a pattern that does not change.
type automaton struct {
	key     automatonKey
	program *pattern.Program
	states  *pattern.Automaton
	steps   []pattern.StateInfo
}

func (p *Pipeline) compileAutomata() []automaton {
	list := []automaton{}
	for _, s := range p.stages {
		if s.plan.Pattern != nil {
			list = append(list, newAutomaton(s.index, "", s.plan.Pattern))
		}
		for _, m := range s.plan.Members {
			if one, err := m.Alone(); err == nil && len(list) < maxAutomata {
				list = append(list, newAutomaton(s.index, m.Name, one))
			}
		}
	}
	return list
}

func newAutomaton(stage int, name string, p *pattern.Program) automaton {
	return automaton{automatonKey{stage, name}, p, p.Automaton(), p.Describe()}
}

// census counts the open matches of a pattern.
type census struct {
	*automaton
	open          int
	states        []int
	waiting, rows map[string]int
	known         map[string]int // states by what a match has and waits for
	bound         []string
}

func newCensus(a *automaton) *census {
	return &census{automaton: a, states: make([]int, len(a.steps)), waiting: map[string]int{}, rows: map[string]int{}, known: map[string]int{}}
}

// count adds an open match, to the first of the states in which it may be.
func (c *census) count(x *operators.Instance) {
	c.open++
	c.bound = c.bound[:0]
	for i := range x.Rows {
		c.bound = append(c.bound, x.Rows[i].Variable)
		c.rows[x.Rows[i].Variable]++
	}
	for _, v := range x.Waits {
		c.waiting[v]++
	}
	for _, v := range x.Absent {
		c.waiting[v]++
	}
	if s := c.state(x); s >= 0 {
		c.states[s]++
	}
}

// state is where an open match is; -1: the automaton does not say.
func (c *census) state(x *operators.Instance) int {
	key := fmt.Sprint(c.bound, x.Waits, x.Absent)
	s, ok := c.known[key]
	if !ok {
		s = -1
		if at := c.program.Where(c.automaton.states, c.bound, x.Waits, x.Absent); len(at) > 0 {
			s = at[0]
		}
		c.known[key] = s
	}
	return s
}

func (c *census) view() AutomatonView {
	v := AutomatonView{Stage: c.key.stage, Name: c.key.name, Pattern: c.program.Text(), Open: c.open, States: []StateView{}, Variables: []VariableView{}}
	shown := min(len(c.steps), maxStates)
	for i := range shown {
		v.States = append(v.States, StateView{Open: c.states[i], Match: c.steps[i].Match, Steps: c.steps[i].Steps})
	}
	v.Cut = c.automaton.states.Cut || shown < len(c.steps)
	for _, x := range c.program.Variables() {
		v.Variables = append(v.Variables, VariableView{x.Name, x.Condition, c.waiting[x.Name], c.rows[x.Name]})
	}
	return v
}
