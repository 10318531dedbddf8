package pattern

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cepd/cepd/query/ast"
)

// rejects changes the shortest sequence that is accepted, a little at a time,
// and lists what the matcher then refuses.
func (s *sampler) rejects() {
	if s.base == nil {
		return
	}
	s.strangers()
	s.forbidden()
	s.missing()
	s.late()
	if len(s.out.Rejects) == 0 && s.trial.possible(s.none) {
		alone := timed([]trialRow{{of: s.none}})
		s.reject(alone, s.why(alone))
	}
}

// reject lists rows that are refused, if they are and the reason is known.
func (s *sampler) reject(rows []trialRow, note func() string) bool {
	if len(rows) == 0 || len(s.out.Rejects) == maxRejects || !s.refuses(rows) {
		return false
	}
	why := note()
	if why == "" {
		return false
	}
	s.add(&s.out.Rejects, rows, why)
	return true
}

// why says where the rows leave the automaton.
func (s *sampler) why(rows []trialRow) func() string {
	return func() string { return s.reason(rows) }
}

// strangers puts a row of none before the first step that does not allow it.
func (s *sampler) strangers() {
	rows, _ := s.rowsOf(s.base)
	for i, h := range s.base.steps {
		if i == 0 || s.step(h).Edge != ast.EdgeDefault || !s.trial.possible(s.none) {
			continue
		}
		with := timed(slices.Insert(slices.Clone(rows), i, trialRow{of: s.none}))
		if s.reject(with, s.why(with)) {
			return
		}
	}
}

// forbidden puts rows where NOT, or the end of a loop, does not allow them.
func (s *sampler) forbidden() {
	rows, _ := s.rowsOf(s.base)
	before := func(i, v int) {
		if s.trial.possible(v) {
			with := timed(slices.Insert(slices.Clone(rows), i, trialRow{of: v}))
			s.reject(with, s.why(with))
		}
	}
	for i, h := range s.base.steps {
		step := s.step(h)
		for _, v := range slices.Concat(step.Guard.Not, step.Guard.Next) {
			before(i, v)
		}
		if step.Until >= 0 {
			before(i, step.Until)
		}
	}
	if step := s.absence(s.base.state); step != nil {
		before(len(s.base.steps), step.Var)
	}
}

// missing leaves out a row, the last first.
func (s *sampler) missing() {
	const most = 2
	rows, _ := s.rowsOf(s.base)
	found := 0
	for i := len(s.base.steps) - 1; i >= 0 && found < most; i-- {
		without := timed(slices.Delete(slices.Clone(rows), i, i+1))
		if s.reject(without, s.why(without)) {
			found++
		}
	}
}

// late lets rows come too late for WITHIN, of the whole or of a part.
func (s *sampler) late() {
	n := len(s.base.steps)
	if n < 2 || s.absence(s.base.state) != nil {
		return
	}
	if w := s.p.match.Within; w > 0 {
		s.delayed(0, n-1, w)
	}
	if g := s.p.match.Gap; g > 0 {
		s.delayed(n-2, n-1, g)
	}
	for part, limit := range s.p.limits {
		in := func(h hop) bool { return slices.Contains(s.step(h).Parts, part) }
		first, last := slices.IndexFunc(s.base.steps, in), n-1
		for last > first && !in(s.base.steps[last]) {
			last--
		}
		if first >= 0 && first < last {
			s.delayed(first, last, limit)
		}
	}
}

// delayed lets row j, and those behind it, come us after row i.
func (s *sampler) delayed(i, j int, us int64) {
	rows, _ := s.rowsOf(s.base)
	shift := rows[i].at + us - rows[j].at
	for k := j; k < len(rows); k++ {
		rows[k].at += shift
	}
	s.reject(rows, func() string {
		return fmt.Sprintf("when row %d comes %s after row %d", j+1, interval(us), i+1)
	})
}

// reason follows rows through the automaton to where nothing is left, or to
// their end, and says what should have come.
func (s *sampler) reason(rows []trialRow) string {
	live := []int{0}
	for i, r := range rows {
		next, guard := s.follow(live, r)
		if len(next) > 0 {
			live = next
			continue
		}
		return s.after(rows[:i]) + s.expected(live, guard)
	}
	if lacking := s.wanted(live, true); len(lacking) > 0 {
		return alternatives(lacking) + " is missing"
	}
	return ""
}

// follow is where a row leads from the live states, and, if nowhere, the
// variable of a guard that it broke, -1 for none.
func (s *sampler) follow(live []int, r trialRow) (next []int, broken int) {
	is := s.trial.truths[r.of]
	broken = -1
	for _, state := range live {
		for k := range s.a.States[state].Steps {
			step := &s.a.States[state].Steps[k]
			if v := step.breaks(is); v >= 0 {
				broken = v
				continue
			}
			taken := !step.Absent && is[step.Var]
			if taken {
				next = append(next, step.To)
			}
			if step.Absent || state != 0 && (step.Edge == ast.EdgeAny || step.Edge == ast.EdgeRelaxed && !taken) {
				next = append(next, state)
			}
		}
	}
	slices.Sort(next)
	return slices.Compact(next), broken
}

// breaks is the variable of which a row must not be, and is; -1: none.
func (s *Step) breaks(is []bool) int {
	for _, v := range slices.Concat(s.Guard.Not, s.Guard.Next) {
		if is[v] {
			return v
		}
	}
	if s.Until >= 0 && is[s.Until] {
		return s.Until
	}
	if s.Absent && is[s.Var] {
		return s.Var
	}
	return -1
}

// after names the rows that were still right.
func (s *sampler) after(rows []trialRow) string {
	if len(rows) == 0 {
		return ""
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = s.name(r.of)
	}
	return "after " + Sequence(names) + ", "
}

// expected says what the next row had to be or not to be.
func (s *sampler) expected(live []int, guard int) string {
	if guard >= 0 {
		return "no " + s.p.vars[guard].name + " may come"
	}
	wanted := s.wanted(live, false)
	if len(wanted) == 0 {
		return ""
	}
	text := "the next row must be " + alternatives(wanted)
	if len(live) == 1 && live[0] == 0 {
		text = "the first row must be " + alternatives(wanted)
	}
	return text
}

// wanted lists the variables that the live states wait for; with nearer, only
// those that bring the end nearer.
func (s *sampler) wanted(live []int, nearer bool) (names []string) {
	for _, state := range live {
		for k := range s.a.States[state].Steps {
			step := &s.a.States[state].Steps[k]
			if step.Absent || nearer && s.need[step.To] >= s.need[state] {
				continue
			}
			if name := s.p.vars[step.Var].name; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func alternatives(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
