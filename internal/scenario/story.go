package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// story is what happens to some entities.
type story struct {
	name    string
	planted bool // it is told: a label, or a decoy
	parts   []part
	shared  bool // it takes entities that are in other stories
	quiet   time.Duration
	zipf    float64 // exponent by which entities are taken; 0: all alike

	count  int
	gap    time.Duration // between starts, on average
	every  time.Duration // each entity of the first part
	rhythm rhythm
	only   only

	let   fields
	set   fields
	steps []step
	finds []find
}

// part is an entity that takes part, under a name.
type part struct {
	name string
	kind int
}

// find is a rule that should find the story.
type find struct {
	rule int
	key  fields
}

// step is an event, or a wait, or steps in a loop.
type step struct {
	after, at expr // seconds
	let       fields
	table     string
	set       fields
	record    expr // as it is, in place of fields
	repeat    expr
	chance    float64
	steps     []step
}

type rawStory struct {
	Name   string     `yaml:"name"`
	Entity string     `yaml:"entity"`
	With   yaml.Node  `yaml:"with"`
	Shared bool       `yaml:"shared"`
	Quiet  string     `yaml:"quiet"`
	Zipf   float64    `yaml:"zipf"`
	Count  int        `yaml:"count"`
	Rate   string     `yaml:"rate"`
	Every  string     `yaml:"every"`
	Rhythm *rawRhythm `yaml:"rhythm"`
	Only   *rawOnly   `yaml:"only"`
	Let    yaml.Node  `yaml:"let"`
	Set    yaml.Node  `yaml:"set"`
	Steps  []rawStep  `yaml:"steps"`
	Finds  yaml.Node  `yaml:"finds"`
}

type rawStep struct {
	After  yaml.Node `yaml:"after"`
	At     yaml.Node `yaml:"at"`
	Let    yaml.Node `yaml:"let"`
	Table  string    `yaml:"table"`
	Set    yaml.Node `yaml:"set"`
	Record yaml.Node `yaml:"record"`
	Repeat yaml.Node `yaml:"repeat"`
	Chance *float64  `yaml:"chance"`
	Steps  []rawStep `yaml:"steps"`
}

// rawOnly is when a story begins.
type rawOnly struct {
	Days  []string  `yaml:"days"`
	Hours [2]string `yaml:"hours"`
}

type rawRhythm struct {
	Peak  string  `yaml:"peak"`
	Swing float64 `yaml:"swing"`
}

func (f *File) addStory(raw *rawStory, planted bool) error {
	s := &story{name: raw.Name, planted: planted, shared: raw.Shared, zipf: raw.Zipf}
	if raw.Name == "" {
		return fmt.Errorf("story %d has no name", len(f.stories)+1)
	}
	if slices.ContainsFunc(f.stories, func(o *story) bool { return o.name == raw.Name }) {
		return fmt.Errorf("two stories are named %q", raw.Name)
	}
	for _, part := range []func(*File, *rawStory) error{s.readParts, s.readStart, s.readScript, s.readFinds} {
		if err := part(f, raw); err != nil {
			return fmt.Errorf("story %q: %w", raw.Name, err)
		}
	}
	f.stories = append(f.stories, s)
	return nil
}

func (s *story) readParts(f *File, raw *rawStory) (err error) {
	if raw.Entity != "" {
		if err := s.addPart(f, raw.Entity, raw.Entity); err != nil {
			return err
		}
	}
	if err := pairs(&raw.With, func(name string, n *yaml.Node) error { return s.addPart(f, name, n.Value) }); err != nil {
		return err
	}
	if s.zipf != 0 && s.zipf <= 1 {
		return fmt.Errorf("zipf is an exponent above 1")
	}
	s.quiet, err = optional("quiet", raw.Quiet)
	return err
}

func (s *story) addPart(f *File, name, kind string) error {
	k := f.kind(kind)
	if k < 0 {
		return fmt.Errorf("there are no entities %q", kind)
	}
	s.parts = append(s.parts, part{name, k})
	taken := 0
	for _, p := range s.parts {
		if p.kind == k {
			taken++
		}
	}
	if taken > f.kinds[k].count {
		return fmt.Errorf("it takes %d of %d entities %q", taken, f.kinds[k].count, kind)
	}
	return nil
}

func (s *story) readStart(f *File, raw *rawStory) (err error) {
	s.count = raw.Count
	if s.every, err = optional("every", raw.Every); err != nil {
		return err
	}
	if raw.Rate != "" {
		if s.gap, err = parseRate(raw.Rate); err != nil {
			return err
		}
	}
	given := 0
	for _, ok := range []bool{raw.Count > 0, s.every > 0, s.gap > 0} {
		if ok {
			given++
		}
	}
	switch {
	case given != 1:
		return fmt.Errorf("say one of count (in all), rate (such as 200/h) and every (each entity)")
	case raw.Count > 0 && f.Duration == 0:
		return fmt.Errorf("count asks for the duration of the file")
	case s.every > 0 && len(s.parts) == 0:
		return fmt.Errorf("every asks for an entity")
	}
	if err := s.readOnly(raw.Only); err != nil {
		return err
	}
	return s.readRhythm(raw.Rhythm)
}

var dayNames = map[string]time.Weekday{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}

func (s *story) readOnly(raw *rawOnly) error {
	if raw == nil {
		return nil
	}
	for _, name := range raw.Days {
		d, ok := dayNames[name]
		if !ok {
			return fmt.Errorf("only: a day is mon, tue, wed, thu, fri, sat or sun, not %q", name)
		}
		s.only.days[d] = true
	}
	from, err := optional("from", raw.Hours[0])
	to, err2 := optional("to", raw.Hours[1])
	if err != nil || err2 != nil || from >= to || to > 24*time.Hour || len(raw.Days) == 0 {
		return fmt.Errorf("only is {days: [mon, fri], hours: [9h, 17h]}")
	}
	s.only.from, s.only.to = from, to
	return nil
}

func (s *story) readRhythm(raw *rawRhythm) error {
	if raw == nil {
		return nil
	}
	peak, err := optional("peak", raw.Peak)
	if err != nil || raw.Swing < 0 || raw.Swing > 1 {
		return fmt.Errorf("rhythm is {peak: time of day, such as 15h, swing: 0 to 1}")
	}
	s.rhythm = rhythm{peak.Hours(), raw.Swing}
	return nil
}

// parseRate reads 200/h as the time between two.
func parseRate(s string) (time.Duration, error) {
	n, unit, _ := strings.Cut(s, "/")
	f, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
	per, ok := durationUnits[strings.TrimSpace(unit)]
	if err != nil || !ok || f <= 0 || float64(per)/f < 1 {
		return 0, fmt.Errorf("rate: expected a number in a time, such as 200/h, found %q", s)
	}
	return time.Duration(float64(per) / f), nil
}

// scope is what the story's expressions may refer to.
func (s *story) scope() scope {
	var names []string
	for _, p := range s.parts {
		names = append(names, p.name)
	}
	return scope{names: names}
}

// letIn compiles names that the later ones, and what follows, may refer to.
func (c scope) letIn(n *yaml.Node) (fields, scope, error) {
	var list fields
	err := pairs(n, func(name string, v *yaml.Node) error {
		e, err := c.compile(v)
		list, c = append(list, field{name, e}), c.with(name)
		return err
	})
	return list, c, err
}

func (s *story) readScript(f *File, raw *rawStory) (err error) {
	c := s.scope()
	if s.let, c, err = c.letIn(&raw.Let); err != nil {
		return err
	}
	if s.set, err = c.fields(&raw.Set); err != nil {
		return err
	}
	if len(raw.Steps) == 0 {
		return fmt.Errorf("it has no steps")
	}
	s.steps, err = f.readSteps(c, raw.Steps, 1)
	return err
}

func (f *File) readSteps(c scope, raw []rawStep, depth int) (list []step, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("steps in steps are at most %d deep", maxDepth)
	}
	for i := range raw {
		s, inner, err := f.readStep(c, &raw[i], depth)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
		if raw[i].Repeat.Kind == 0 {
			c = inner // what it lets stays known
		}
	}
	return list, nil
}

func (f *File) readStep(c scope, raw *rawStep, depth int) (s step, inner scope, err error) {
	s = step{table: raw.Table, chance: 1}
	if raw.Chance != nil {
		s.chance = *raw.Chance
	}
	d := c.durations()
	for _, e := range []struct {
		n  *yaml.Node
		to *expr
		in scope
	}{{&raw.Repeat, &s.repeat, c}, {&raw.After, &s.after, d.with("i")}, {&raw.At, &s.at, d.with("i")}} {
		if e.n.Kind != 0 {
			if *e.to, err = e.in.compile(e.n); err != nil {
				return s, c, err
			}
		}
	}
	if s.repeat != nil {
		c = c.with("i")
	}
	if s.let, c, err = c.letIn(&raw.Let); err != nil {
		return s, c, err
	}
	if s.set, err = c.fields(&raw.Set); err != nil {
		return s, c, err
	}
	if raw.Record.Kind != 0 {
		if s.record, err = c.compile(&raw.Record); err != nil {
			return s, c, err
		}
	}
	if raw.Table != "" && !slices.Contains(f.tables, raw.Table) {
		f.tables = append(f.tables, raw.Table)
	}
	s.steps, err = f.readSteps(c, raw.Steps, depth+1)
	return s, c, err
}

// readFinds reads finds: rule, a list of them, or {rule: key} with a key of its own.
func (s *story) readFinds(f *File, raw *rawStory) error {
	if raw.Finds.Kind == 0 {
		return nil
	}
	nodes := []*yaml.Node{&raw.Finds}
	if raw.Finds.Kind == yaml.SequenceNode {
		nodes = raw.Finds.Content
	}
	c := s.scope()
	for _, l := range s.let {
		c = c.with(l.name)
	}
	for _, n := range nodes {
		name, key := n.Value, (*yaml.Node)(nil)
		if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
			name, key = n.Content[0].Value, n.Content[1]
		}
		r := f.rule(name)
		if r < 0 {
			return errorAt(n, "there is no rule %q", name)
		}
		if key == nil {
			key = &f.Rules[r].key
		}
		columns, err := c.fields(key)
		if err != nil {
			return err
		}
		s.finds = append(s.finds, find{r, columns})
	}
	return nil
}

// fieldsOf adds the names of the fields of a table's events.
func (s *story) fieldsOf(steps []step, table string, names *[]string) {
	add := func(list fields) {
		for _, f := range list {
			if !slices.Contains(*names, f.name) {
				*names = append(*names, f.name)
			}
		}
	}
	for i := range steps {
		if steps[i].table == table && steps[i].record == nil {
			add(s.set)
			add(steps[i].set)
		}
		s.fieldsOf(steps[i].steps, table, names)
	}
}
