package pattern

import "slices"

// Where are the states of the automaton in which a partial match may be that
// has rows of these variables, in order, and waits for a row of one of the
// others, or that none comes. States that the variables alone do not tell apart
// are all in the answer.
func (p *Program) Where(a *Automaton, bound, waits, absent []string) []int {
	at := []int{0}
	for _, name := range bound {
		at = a.after(at, p.variable(name))
	}
	return slices.DeleteFunc(at, func(s int) bool { return !p.waitsAt(&a.States[s], waits, absent) })
}

// variable is the number of a variable; -1: there is none.
func (p *Program) variable(name string) int {
	return slices.IndexFunc(p.vars, func(v variable) bool { return v.name == name })
}

// after are the states behind a row of a variable, in order of number.
func (a *Automaton) after(from []int, v int) (to []int) {
	for _, s := range from {
		for i := range a.States[s].Steps {
			if step := &a.States[s].Steps[i]; step.Var == v && !step.Absent {
				to = append(to, step.To)
			}
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

// waitsAt says whether what is waited for is what a state waits for: each of
// waits is a step of it, and each of absent must not come there.
func (p *Program) waitsAt(s *State, waits, absent []string) bool {
	step := func(name string, absent bool) bool {
		return slices.ContainsFunc(s.Steps, func(x Step) bool {
			return x.Absent == absent && p.vars[x.Var].name == name || absent && slices.Contains(x.Guard.Not, p.variable(name))
		})
	}
	return !slices.ContainsFunc(waits, func(n string) bool { return !step(n, false) }) &&
		!slices.ContainsFunc(absent, func(n string) bool { return !step(n, true) })
}

// VariableInfo is a variable in words.
type VariableInfo struct{ Name, Condition string }

// Variables are those of the pattern with their conditions.
func (p *Program) Variables() []VariableInfo {
	list := make([]VariableInfo, len(p.vars))
	for v := range p.vars {
		list[v] = VariableInfo{p.vars[v].name, p.condition(v)}
	}
	return list
}

// Text is the pattern as in PATTERN.
func (p *Program) Text() string { return p.match.PatternString() }
