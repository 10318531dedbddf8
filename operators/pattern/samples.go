package pattern

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/event"
)

// Samples are sequences of rows that the pattern matches, and some that come
// near. They are found in the automaton, and each has been tried.
type Samples struct {
	Accepts []Sample `json:"accepts"`
	Rejects []Sample `json:"rejects"`
	Notes   []string `json:"notes,omitempty"` // what the names stand for
}

// Sample is a sequence of rows by the variables that they are meant as; x is a
// row of none.
type Sample struct {
	Rows []string `json:"rows"`
	Note string   `json:"note,omitempty"` // why it is rejected, or what it waits for
}

// The work on samples is bounded.
const (
	maxAccepts       = 4
	maxRejects       = 5
	maxPaths         = 24   // complete paths that are looked at
	maxExpansions    = 4000 // steps on the way to them
	maxSampleRows    = 200
	maxSampledStates = 300
)

// Samples lists sequences of rows; nil when the automaton is too large, or when
// how often a loop repeats depends on data, or when a match takes many rows.
func (p *Program) Samples() *Samples {
	a := p.Automaton()
	if len(p.define.loops) > 0 || len(a.States) > maxSampledStates || len(p.code) > 10*maxSampledStates {
		return nil
	}
	t, err := p.newTrial()
	if err != nil {
		return nil // the clause needs more than a trial has
	}
	s := &sampler{p: p, a: a, trial: t, none: len(p.vars), seen: map[string]bool{}}
	s.need = s.toEnd()
	if n := s.need[0]; n > maxSampleRows && n < far {
		return nil
	}
	s.accepts()
	s.rejects()
	s.notes()
	return &s.out
}

// sampler looks for samples.
type sampler struct {
	p     *Program
	a     *Automaton
	trial *trial
	none  int // a row of no variable
	seen  map[string]bool
	need  []int // per state: the least number of rows that complete a match
	base  *way  // the first that is accepted
	out   Samples
}

// way is a path through the automaton.
type way struct {
	steps []hop
	state int // where it ends
	cost  int // rows, with those still needed
	order int // of discovery, for ties
}

// hop is a step of a state.
type hop struct{ state, step int }

func (s *sampler) step(h hop) *Step { return &s.a.States[h.state].Steps[h.step] }

// ways is a heap of paths, the shortest first.
type ways []*way

func (w ways) Len() int { return len(w) }
func (w ways) Less(i, j int) bool {
	if w[i].cost != w[j].cost {
		return w[i].cost < w[j].cost
	}
	return w[i].order < w[j].order
}
func (w ways) Swap(i, j int) { w[i], w[j] = w[j], w[i] }

// Push and Pop are of container/heap.
func (w *ways) Push(x any) { *w = append(*w, x.(*way)) }

// Pop takes the last.
func (w *ways) Pop() any {
	old := *w
	x := old[len(old)-1]
	*w = old[:len(old)-1]
	return x
}

// far marks states from which no match can be completed.
const far = 1 << 30

// toEnd computes need.
func (s *sampler) toEnd() []int {
	need := make([]int, len(s.a.States))
	for i := range need {
		need[i] = far
	}
	for changed := true; changed; {
		changed = false
		for i := len(need) - 1; i >= 0; i-- {
			if n := s.needOf(i, need); n < need[i] {
				need[i], changed = n, true
			}
		}
	}
	return need
}

func (s *sampler) needOf(i int, need []int) int {
	st := &s.a.States[i]
	if st.Accepts {
		return 0
	}
	least := far
	for k := range st.Steps {
		switch step := &st.Steps[k]; {
		case step.Absent:
			least = 0
		case s.trial.possible(step.Var):
			least = min(least, need[step.To]+1)
		}
	}
	return least
}

// complete lists paths to an end, the shortest first and preferred ones first
// among those.
func (s *sampler) complete() (list []*way) {
	need := s.need
	if need[0] >= far {
		return nil
	}
	queue := &ways{{cost: need[0]}}
	count := 0
	for range maxExpansions {
		if queue.Len() == 0 || len(list) == maxPaths {
			break
		}
		w := heap.Pop(queue).(*way)
		if need[w.state] == 0 && len(w.steps) > 0 {
			list = append(list, w)
		}
		for k := range s.a.States[w.state].Steps {
			step := &s.a.States[w.state].Steps[k]
			if step.Absent || !s.trial.possible(step.Var) || need[step.To] >= far || len(w.steps) >= maxSampleRows {
				continue
			}
			count++
			heap.Push(queue, &way{steps: append(slices.Clip(w.steps), hop{w.state, k}), state: step.To,
				cost: len(w.steps) + 1 + need[step.To], order: count})
		}
	}
	return list
}

// accepts chooses, of the paths that the matcher takes, those that show most:
// each has a step that those before it have not.
func (s *sampler) accepts() {
	covered := map[hop]bool{}
	for _, w := range s.complete() {
		if len(s.out.Accepts) == maxAccepts {
			return
		}
		if s.base != nil && !slices.ContainsFunc(w.steps, func(h hop) bool { return !covered[h] }) {
			continue
		}
		rows, names := s.rowsOf(w)
		if !s.matches(rows, names) {
			continue
		}
		s.add(&s.out.Accepts, rows, s.ending(w.state))
		if s.base == nil {
			s.base = w
			s.passing(w)
		}
		for _, h := range w.steps {
			covered[h] = true
		}
	}
}

// rowsOf is a path as rows and the variables of its match.
func (s *sampler) rowsOf(w *way) (rows []trialRow, names []string) {
	for _, h := range w.steps {
		rows = append(rows, trialRow{of: s.step(h).Var})
		names = append(names, s.p.vars[s.step(h).Var].name)
	}
	if step := s.absence(w.state); step != nil && step.Once && s.trial.possible(s.none) {
		rows = append(rows, trialRow{of: s.none})
	}
	return timed(rows), names
}

// timed gives rows times that are one µs apart.
func timed(rows []trialRow) []trialRow {
	for i := range rows {
		rows[i].at = trialStart + event.Time(i)
	}
	return rows
}

// absence is the step that waits for what must not come, if the path ends with
// one.
func (s *sampler) absence(state int) *Step {
	for k := range s.a.States[state].Steps {
		if step := &s.a.States[state].Steps[k]; step.Absent && !s.a.States[state].Accepts {
			return step
		}
	}
	return nil
}

// ending says what a match waits for after its last row.
func (s *sampler) ending(state int) string {
	step := s.absence(state)
	if step == nil || step.Once {
		return ""
	}
	return "and then no " + s.p.vars[step.Var].name + " until time runs out"
}

// passing adds the path with a row of none before its first relaxed step.
func (s *sampler) passing(w *way) {
	rows, names := s.rowsOf(w)
	for i, h := range w.steps {
		if s.step(h).Edge == 0 || i == 0 || !s.trial.possible(s.none) {
			continue
		}
		with := timed(slices.Insert(slices.Clone(rows), i, trialRow{of: s.none}))
		if s.matches(with, names) {
			s.add(&s.out.Accepts, with, s.ending(w.state))
			return
		}
	}
}

// matches says whether the matcher finds a match from the first row on that
// gives the rows these variables.
func (s *sampler) matches(rows []trialRow, names []string) bool {
	found, err := s.trial.run(rows)
	return err == nil && slices.ContainsFunc(found, func(o outcome) bool {
		return o.first == rows[0].at && slices.Equal(o.vars, names)
	})
}

// refuses says whether the matcher finds no match from the first row on.
func (s *sampler) refuses(rows []trialRow) bool {
	found, err := s.trial.run(rows)
	return err == nil && !slices.ContainsFunc(found, func(o outcome) bool { return o.first == rows[0].at && len(o.vars) > 0 })
}

// add lists a sequence once.
func (s *sampler) add(list *[]Sample, rows []trialRow, note string) {
	sample := Sample{Note: note}
	for _, r := range rows {
		sample.Rows = append(sample.Rows, s.name(r.of))
	}
	if key := strings.Join(sample.Rows, " ") + note; !s.seen[key] {
		s.seen[key] = true
		*list = append(*list, sample)
	}
}

func (s *sampler) name(v int) string {
	if v == s.none {
		return "x"
	}
	return s.p.vars[v].name
}

// notes say what x is, and which variables' rows are also another's.
func (s *sampler) notes() {
	var defined []string
	for v := range s.p.vars {
		if s.p.match.Vars[v].Define != nil {
			defined = append(defined, s.p.vars[v].name)
		}
	}
	if s.uses("x") {
		s.out.Notes = append(s.out.Notes, "x is a row that is none of "+strings.Join(defined, ", "))
	}
	for v := range s.p.vars {
		var also []string
		for u := range s.p.vars {
			if u != v && s.trial.possible(v) && s.trial.truths[v][u] && s.p.match.Vars[u].Define != nil {
				also = append(also, s.p.vars[u].name)
			}
		}
		if len(also) > 0 && s.uses(s.p.vars[v].name) {
			s.out.Notes = append(s.out.Notes, fmt.Sprintf("a row of %s could be %s too", s.p.vars[v].name, strings.Join(also, ", ")))
		}
	}
}

func (s *sampler) uses(name string) bool {
	return slices.ContainsFunc(append(slices.Clone(s.out.Accepts), s.out.Rejects...), func(x Sample) bool { return slices.Contains(x.Rows, name) })
}
