package operators

// Coverage is what rows have shown of a pattern.
type Coverage struct {
	Variables []VariableCoverage
	Steps     []StepCoverage
}

// VariableCoverage is what rows have shown of a variable.
type VariableCoverage struct {
	Name       string
	Rows       int // that matches bound to it
	Conditions []ConditionCoverage
}

// ConditionCoverage counts the rows, tested where the variable could be next, on
// which a conjunct of DEFINE held, and on which it did not.
type ConditionCoverage struct {
	Text         string
	Held, Failed int
}

// StepCoverage counts how often matches, and those that began, went from one
// state of the automaton to another.
type StepCoverage struct {
	Text  string // as EXPLAIN shows it: from --variable--> to
	Taken int
}

// Add adds the counts of the same pattern.
func (c *Coverage) Add(d *Coverage) {
	for i := range c.Variables {
		v, w := &c.Variables[i], &d.Variables[i]
		v.Rows += w.Rows
		for k := range v.Conditions {
			v.Conditions[k].Held += w.Conditions[k].Held
			v.Conditions[k].Failed += w.Conditions[k].Failed
		}
	}
	for i := range c.Steps {
		c.Steps[i].Taken += d.Steps[i].Taken
	}
}

// Count is how many outcomes of conditions and how many steps there are, and how
// many were seen. A condition has two outcomes.
func (c *Coverage) Count() (seen, all int) {
	for _, v := range c.Variables {
		for _, k := range v.Conditions {
			all += 2
			seen += min(1, k.Held) + min(1, k.Failed)
		}
	}
	for _, s := range c.Steps {
		all++
		seen += min(1, s.Taken)
	}
	return seen, all
}

// Missing says what no row has shown: of each condition that it holds and that it
// fails, and of each step that it is taken.
func (c *Coverage) Missing() (list []string) {
	for i := range c.Variables {
		list = append(list, c.Variables[i].missing()...)
	}
	for _, s := range c.Steps {
		if s.Taken == 0 {
			list = append(list, "step "+s.Text+": never taken")
		}
	}
	return list
}

func (v *VariableCoverage) missing() (list []string) {
	for _, c := range v.Conditions {
		what := ""
		switch {
		case c.Held == 0 && c.Failed == 0:
			what = " was never tested"
		case c.Held == 0:
			what = " never holds"
		case c.Failed == 0:
			what = " never fails"
		default:
			continue
		}
		list = append(list, v.Name+": "+c.Text+what)
	}
	return list
}
