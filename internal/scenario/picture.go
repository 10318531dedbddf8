package scenario

import (
	"fmt"
	"slices"
)

// Plot says of a field that its course can be drawn.
type Plot struct {
	Unit string   `yaml:"unit"`
	Line *float64 `yaml:"line"` // a threshold; nil: none
}

// Graph says of stories that each of their events leads from something to something:
// money from an account to another, a login from a host to another.
type Graph struct {
	Stories []string `yaml:"stories"`
	From    string   `yaml:"from"` // fields of an event
	To      string   `yaml:"to"`
	Text    string   `yaml:"text"` // what is written beside it; "": nothing
}

// Funnel says that the detections of a rule tell in a column how far something got.
type Funnel struct {
	Rule   string   `yaml:"rule"`
	Column string   `yaml:"column"`
	Steps  []string `yaml:"steps"` // values of the column, from the first on
}

// pictures takes over what the file says of its picture.
func (r *rawFile) pictures(f *File) error {
	f.Plots, f.Graphs, f.Funnels = r.Plots, r.Graphs, r.Funnels
	for i := range f.Graphs {
		g := &f.Graphs[i]
		if len(g.Stories) == 0 || g.From == "" || g.To == "" {
			return fmt.Errorf("graphs: entry %d: say which stories, and the fields of their events with the two ends: from, to", i+1)
		}
		for _, name := range g.Stories {
			if !slices.ContainsFunc(f.stories, func(s *story) bool { return s.name == name && s.planted }) {
				return fmt.Errorf("graphs: entry %d: there is no story %q under scenarios", i+1, name)
			}
		}
	}
	for i := range f.Funnels {
		n := &f.Funnels[i]
		if f.rule(n.Rule) < 0 {
			return fmt.Errorf("funnels: entry %d: there is no rule %q", i+1, n.Rule)
		}
		if n.Column == "" || len(n.Steps) == 0 {
			return fmt.Errorf("funnels: entry %d: say the column of its detections, and the steps that it names", i+1)
		}
	}
	return nil
}

// Text is the value of a field; "" if the event has none.
func (e *Event) Text(name string) string {
	for i := range e.Fields {
		if e.Fields[i].Name == name && !e.Fields[i].Value.Null() {
			return string(e.Fields[i].Value.AppendText(nil))
		}
	}
	return ""
}
