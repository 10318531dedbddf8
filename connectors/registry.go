package connectors

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// FormatSpec is a format and the options it understands; their names start
// with the format's.
type FormatSpec struct {
	Name    string
	Options []OptionSpec
}

// Registry knows connectors and formats by name.
type Registry struct {
	connectors map[string]Connector
	formats    map[string]FormatSpec
}

// NewRegistry knows these; of two connectors with one name the later counts.
func NewRegistry(formats []FormatSpec, connectors ...Connector) *Registry {
	r := &Registry{connectors: map[string]Connector{}, formats: map[string]FormatSpec{}}
	for _, f := range formats {
		r.formats[f.Name] = f
	}
	for _, c := range connectors {
		r.connectors[c.Name()] = c
	}
	return r
}

// Lookup finds a connector.
func (r *Registry) Lookup(name string) (Connector, bool) {
	c, ok := r.connectors[name]
	return c, ok
}

// Names lists the connectors, ascending.
func (r *Registry) Names() []string { return sortedKeys(r.connectors) }

// FormatOptions are the options of a format; nil: there is none of that name.
func (r *Registry) FormatOptions(name string) []OptionSpec { return r.formats[name].Options }

// Formats lists the formats, ascending.
func (r *Registry) Formats() []string { return sortedKeys(r.formats) }

// Secret says whether any connector or format has an option of this name whose
// value is a secret.
func (r *Registry) Secret(option string) bool {
	secret := func(list []OptionSpec, name string) bool {
		return slices.ContainsFunc(list, func(s OptionSpec) bool { return s.Secret && s.Name == name })
	}
	for _, c := range r.connectors {
		if secret(c.Options(), option) {
			return true
		}
	}
	bare := strings.TrimPrefix(strings.TrimPrefix(option, "key."), "value.")
	for _, f := range r.formats {
		if secret(f.Options, bare) {
			return true
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// OptionError is a fault of one WITH option, or of one metadata column.
type OptionError struct {
	Key     string // the option or column at fault; of a missing option, its name
	Missing bool   // Key is not in the text
	Message string
	Hint    string // "" when there is none
}

func (e OptionError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// Validate checks WITH options: 'connector' has to name one, options it does
// not know, wrong values and missing ones are faults. alsoKnown are options
// that the caller itself understands. The connector is nil when it is unknown.
func (r *Registry) Validate(options map[string]string, alsoKnown ...string) (Connector, []OptionError) {
	name, ok := options["connector"]
	if !ok {
		return nil, []OptionError{{Key: "connector", Missing: true, Message: "option 'connector' is missing", Hint: "one of " + strings.Join(r.Names(), ", ")}}
	}
	c, ok := r.connectors[name]
	if !ok {
		return nil, []OptionError{{Key: "connector", Message: fmt.Sprintf("unknown connector '%s'", name), Hint: nearest(name, r.Names(), "one of ")}}
	}
	specs, errs := r.specs(c, options)
	for _, key := range sortedKeys(options) {
		if key != "connector" && !slices.Contains(alsoKnown, key) {
			errs = append(errs, check(c, specs, key, options[key])...)
		}
	}
	for _, s := range specs {
		if _, ok := options[s.Name]; s.Required && !ok {
			errs = append(errs, OptionError{Key: s.Name, Missing: true, Message: fmt.Sprintf("connector '%s' needs option '%s'", name, s.Name), Hint: s.Doc})
		}
	}
	return c, errs
}

func check(c Connector, specs []OptionSpec, key, value string) []OptionError {
	names := make([]string, 0, len(specs))
	for _, s := range specs {
		if s.Name == key || s.Prefix && strings.HasPrefix(key, s.Name) && key != s.Name {
			if err := s.Accepts(value); err != nil {
				return []OptionError{{Key: key, Message: fmt.Sprintf("option '%s': %v", key, err)}}
			}
			return nil
		}
		names = append(names, s.Name)
	}
	return []OptionError{{Key: key, Message: fmt.Sprintf("connector '%s' has no option '%s'", c.Name(), key), Hint: nearest(key, names, "")}}
}

// Accepts says why a value is wrong.
func (s *OptionSpec) Accepts(value string) error {
	switch {
	case s.Values != nil:
		return CheckOneOf(s.Values...)(value)
	case s.Check != nil:
		return s.Check(value)
	}
	return nil
}

// Specs are the options that a table of these options may have: those of its
// connector, and of the formats that it chooses. None without a connector.
func (r *Registry) Specs(options map[string]string) []OptionSpec {
	c, ok := r.connectors[options["connector"]]
	if !ok {
		return nil
	}
	specs, _ := r.specs(c, options)
	return specs
}

// specs is the connector's options and those of the formats chosen in 'format',
// 'key.format' and 'value.format'. The latter two put their prefix before the
// format's options. A connector that checks the option itself may have formats
// of its own.
func (r *Registry) specs(c Connector, options map[string]string) ([]OptionSpec, []OptionError) {
	specs := c.Options()
	var errs []OptionError
	for _, s := range c.Options() {
		prefix, isFormat := strings.CutSuffix(s.Name, "format")
		if !isFormat || prefix != "" && prefix != "key." && prefix != "value." {
			continue
		}
		name, ok := options[s.Name]
		if !ok {
			name = s.Default
		}
		f, known := r.formats[name]
		if name != "" && !known && s.Check == nil && s.Values == nil {
			errs = append(errs, OptionError{Key: s.Name, Message: fmt.Sprintf("unknown format '%s'", name), Hint: nearest(name, r.Formats(), "one of ")})
		}
		for _, o := range f.Options {
			o.Name = prefix + o.Name
			specs = append(specs, o)
		}
	}
	return specs, errs
}

// ValidateColumns checks the metadata columns of a table: that the connector
// has them, with this type, and that a written one can be.
func ValidateColumns(c Connector, columns []Column, written bool) []OptionError {
	var errs []OptionError
	for _, col := range columns {
		if col.Metadata != "" {
			errs = append(errs, checkMetadata(c, col, written)...)
		}
	}
	return errs
}

func checkMetadata(c Connector, col Column, written bool) []OptionError {
	var names []string
	for _, m := range c.Metadata() {
		names = append(names, m.Key)
		if m.Key != col.Metadata {
			continue
		}
		if !m.Type.Equal(col.Type) && m.Type.Kind != col.Type.Kind {
			return []OptionError{{Key: col.Name, Message: fmt.Sprintf("metadata '%s' of connector '%s' is %s, not %s", m.Key, c.Name(), m.Type, col.Type)}}
		}
		if written && !m.Writable {
			return []OptionError{{Key: col.Name, Message: fmt.Sprintf("metadata '%s' of connector '%s' cannot be written", m.Key, c.Name()), Hint: "declare the column VIRTUAL"}}
		}
		return nil
	}
	return []OptionError{{Key: col.Name, Message: fmt.Sprintf("connector '%s' has no metadata '%s'", c.Name(), col.Metadata), Hint: nearest(col.Metadata, names, "one of ")}}
}

// maxListed is how many names a hint lists.
const maxListed = 24

// nearest proposes the name closest to what was written; when none is close,
// all of them, with otherwise before, if they are few.
func nearest(written string, names []string, otherwise string) string {
	best, distance := "", max(2, len(written)/3)+1
	for _, n := range names {
		if d := editDistance(strings.ToLower(written), strings.ToLower(n)); d < distance {
			best, distance = n, d
		}
	}
	switch {
	case best != "":
		return "did you mean '" + best + "'?"
	case len(names) == 0:
		return "it has none"
	case len(names) > maxListed:
		return ""
	case otherwise == "":
		otherwise = "it has "
	}
	return otherwise + strings.Join(names, ", ")
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// Wrap is the registry with each connector as f makes it, and more.
func (r *Registry) Wrap(f func(Connector) Connector, more ...Connector) *Registry {
	own := &Registry{connectors: map[string]Connector{}, formats: r.formats}
	for name, c := range r.connectors {
		own.connectors[name] = f(c)
	}
	for _, c := range more {
		own.connectors[c.Name()] = c
	}
	return own
}
