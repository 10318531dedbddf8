package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Limits of a file.
const (
	MaxBytes    = 1 << 20
	maxEntities = 1_000_000 // of a kind
	maxStories  = 1000
	maxDepth    = 8         // of steps in steps
	maxRepeat   = 1_000_000 // of a step
	maxOpen     = 2_000_000 // events that have not arrived yet
)

// File is a description of events.
type File struct {
	Title    string
	Seed     uint64
	Start    time.Time
	Duration time.Duration // 0: without end
	Tail     time.Duration // before the end, in which no story begins but those of every entity
	Rules    []Rule
	Plots    map[string]Plot // by field
	Graphs   []Graph
	Funnels  []Funnel
	delay    [2]time.Duration // from an event to its arrival: least, most
	times    map[string]string
	tables   []string // of events, in the order of the file
	kinds    []*kindOf
	stories  []*story
}

// kindOf is a kind of entities.
type kindOf struct {
	name       string
	count      int
	first      *int64 // numbers them from here
	naming     expr   // of $n
	attributes fields
}

// Rule is how detections of a rule are recognised: a query of this name, or one
// that writes the table of this name.
type Rule struct {
	Name      string
	Time      string        // column of a detection that lies in the story's time
	Delay     time.Duration // after the story's end, at most
	Precision float64       // at least; 0.99 unless said
	Recall    float64
	Why       string    // it cannot be decided from the events
	key       yaml.Node // columns that name whom it is about
}

// The form of the file.
type rawFile struct {
	Title     string              `yaml:"title"`
	Seed      uint64              `yaml:"seed"`
	Start     string              `yaml:"start"`
	Duration  string              `yaml:"duration"`
	Tail      string              `yaml:"tail"`
	Delay     []string            `yaml:"delay"`
	Tables    map[string]rawTable `yaml:"tables"`
	Entities  yaml.Node           `yaml:"entities"`
	Rules     yaml.Node           `yaml:"rules"`
	Plots     map[string]Plot     `yaml:"plots"`
	Graphs    []Graph             `yaml:"graphs"`
	Funnels   []Funnel            `yaml:"funnels"`
	Traffic   []rawStory          `yaml:"traffic"`
	Scenarios []rawStory          `yaml:"scenarios"`
}

type rawTable struct {
	Time string `yaml:"time"`
}

type rawKind struct {
	Count      int       `yaml:"count"`
	First      *int64    `yaml:"first"`
	Name       yaml.Node `yaml:"name"`
	Attributes yaml.Node `yaml:"attributes"`
}

type rawRule struct {
	Key       yaml.Node `yaml:"key"`
	Time      string    `yaml:"time"`
	Delay     string    `yaml:"delay"`
	Precision *float64  `yaml:"precision"`
	Recall    *float64  `yaml:"recall"`
	Why       string    `yaml:"why"`
}

// Load reads a file.
func Load(path string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Parse reads the text of a file.
func Parse(b []byte) (*File, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("the file has %d bytes, more than %d", len(b), MaxBytes)
	}
	var raw rawFile
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&raw); err != nil {
		return nil, plainError(err)
	}
	return raw.compile()
}

// plainError leaves out what the YAML library says of Go's types.
func plainError(err error) error {
	var t *yaml.TypeError
	if !errors.As(err, &t) || len(t.Errors) == 0 {
		return err
	}
	text, _, _ := strings.Cut(t.Errors[0], " in type ")
	text = strings.TrimSuffix(text, " not found")
	return errors.New(strings.Replace(text, "field ", "there is no key ", 1))
}

func (r *rawFile) compile() (*File, error) {
	f := &File{Title: r.Title, Seed: r.Seed, times: map[string]string{}}
	if err := r.header(f); err != nil {
		return nil, err
	}
	for name, t := range r.Tables {
		f.times[name] = t.Time
	}
	if err := pairs(&r.Entities, f.addKind); err != nil {
		return nil, err
	}
	if err := pairs(&r.Rules, f.addRule); err != nil {
		return nil, err
	}
	for i := range r.Traffic {
		if err := f.addStory(&r.Traffic[i], false); err != nil {
			return nil, err
		}
	}
	for i := range r.Scenarios {
		if err := f.addStory(&r.Scenarios[i], true); err != nil {
			return nil, err
		}
	}
	if len(f.stories) == 0 {
		return nil, errors.New("there are no stories: write traffic or scenarios")
	}
	if len(f.stories) > maxStories {
		return nil, fmt.Errorf("%d stories are more than %d", len(f.stories), maxStories)
	}
	return f, r.pictures(f)
}

const defaultStart = "2026-03-02 00:00:00"

func (r *rawFile) header(f *File) (err error) {
	if r.Start == "" {
		r.Start = defaultStart
	}
	if f.Start, err = time.Parse(time.DateTime, r.Start); err != nil {
		return fmt.Errorf("start: expected a time such as %s, found %q", defaultStart, r.Start)
	}
	if f.Duration, err = optional("duration", r.Duration); err != nil {
		return err
	}
	if f.Tail, err = optional("tail", r.Tail); err != nil {
		return err
	}
	return r.delays(f)
}

func (r *rawFile) delays(f *File) (err error) {
	if len(r.Delay) == 0 {
		return nil
	}
	if len(r.Delay) != 2 {
		return errors.New("delay: expected [least, most], such as [0s, 4s]")
	}
	for i := range f.delay {
		if f.delay[i], err = optional("delay", r.Delay[i]); err != nil {
			return err
		}
	}
	if f.delay[0] > f.delay[1] {
		return errors.New("delay: the least is above the most")
	}
	return nil
}

// MaxDelay is the longest time from an event to its arrival.
func (f *File) MaxDelay() time.Duration { return f.delay[1] }

// optional reads a duration that may be left out.
func optional(name, s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := parseDuration(s)
	if err == nil && d < 0 {
		err = errors.New("it is negative")
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// pairs calls each for the keys and values of a mapping, in the file's order.
func pairs(n *yaml.Node, each func(string, *yaml.Node) error) error {
	if n.Kind == 0 {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return errorAt(n, "expected names, each with what it is")
	}
	for i := 0; i < len(n.Content); i += 2 {
		if err := each(n.Content[i].Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// decode is Node.Decode with unknown keys refused.
func decode(n *yaml.Node, to any, keys ...string) error {
	err := pairs(n, func(name string, v *yaml.Node) error {
		if !slices.Contains(keys, name) {
			return errorAt(v, "there is no key %s here, but %s", name, strings.Join(keys, ", "))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := n.Decode(to); err != nil {
		return plainError(err)
	}
	return nil
}

func (f *File) addKind(name string, n *yaml.Node) error {
	var raw rawKind
	if err := decode(n, &raw, "count", "first", "name", "attributes"); err != nil {
		return err
	}
	if raw.Count < 1 || raw.Count > maxEntities {
		return errorAt(n, "%s: count is 1 to %d", name, maxEntities)
	}
	k := &kindOf{name: name, count: raw.Count, first: raw.First}
	c := scope{names: []string{"n"}}
	var err error
	if raw.Name.Kind != 0 {
		if k.naming, err = c.compile(&raw.Name); err != nil {
			return err
		}
	}
	k.attributes, err = c.fields(&raw.Attributes)
	f.kinds = append(f.kinds, k)
	return err
}

func (f *File) addRule(name string, n *yaml.Node) error {
	var raw rawRule
	if err := decode(n, &raw, "key", "time", "delay", "precision", "recall", "why"); err != nil {
		return err
	}
	delay, err := optional("delay", raw.Delay)
	if err != nil {
		return errorAt(n, "%v", err)
	}
	if raw.Time == "" || raw.Key.Kind != yaml.MappingNode {
		return errorAt(n, "rule %s: say which column of its detections is the time, and the key: {column: $entity}", name)
	}
	r := Rule{Name: name, Time: raw.Time, Delay: delay, Precision: goodEnough, Recall: goodEnough, Why: raw.Why, key: raw.Key}
	if raw.Precision != nil {
		r.Precision = *raw.Precision
	}
	if raw.Recall != nil {
		r.Recall = *raw.Recall
	}
	if r.Why == "" && (r.Precision < goodEnough || r.Recall < goodEnough) {
		return errorAt(n, "rule %s: asks for less than %.2f: say why it cannot be decided", name, goodEnough)
	}
	f.Rules = append(f.Rules, r)
	return nil
}

// goodEnough is the precision and recall of a rule that can be decided.
const goodEnough = 0.99

func (f *File) kind(name string) int {
	return slices.IndexFunc(f.kinds, func(k *kindOf) bool { return k.name == name })
}

func (f *File) rule(name string) int {
	return slices.IndexFunc(f.Rules, func(r Rule) bool { return r.Name == name })
}

// Tables is the tables that events are of, in the order of the file.
func (f *File) Tables() []string { return f.tables }

// TimeColumn is the column of a table that has the time of its events.
func (f *File) TimeColumn(table string) string {
	if c := f.times[table]; c != "" {
		return c
	}
	return "ts"
}

// Fields is the names of a table's fields, those of all its events.
func (f *File) Fields(table string) []string {
	names := []string{f.TimeColumn(table)}
	for _, s := range f.stories {
		s.fieldsOf(s.steps, table, &names)
	}
	return names
}
