package sigma

import (
	"math"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// correlation is a correlation as its rule says it.
type correlation struct {
	node     *yaml.Node
	kind     string
	rules    []*yaml.Node
	groupBy  []*yaml.Node
	timespan time.Duration
	least    int64 // of events, values or rules; 0: nothing is said
	field    *yaml.Node
	aliases  map[string]map[string]string // by rule
	generate bool
}

// correlation reads a correlation.
func (r *reader) correlation(n *yaml.Node) *correlation {
	c := &correlation{node: n, aliases: map[string]map[string]string{}}
	for key, value := range pairs(n) {
		switch key.Value {
		case "type":
			c.kind = r.kind(value)
		case "rules":
			c.rules = items(value)
		case "group-by":
			c.groupBy = items(value)
		case "timespan":
			c.timespan = r.timespan(value)
		case "condition":
			r.condition(c, value)
		case "aliases":
			if err := value.Decode(&c.aliases); err != nil {
				r.mistake(value, "expected an alias, and under it fields by rule")
			}
		case "generate":
			c.generate = value.Value == "true"
		default:
			r.refuse(key, "the attribute "+key.Value, "version 2.0 of the specification does not have it")
		}
	}
	r.complete(c)
	return c
}

func (r *reader) kind(n *yaml.Node) string {
	switch n.Value {
	case "event_count", "value_count", "temporal", "temporal_ordered":
		return n.Value
	}
	r.refuse(n, "the correlation type "+n.Value, "event_count, value_count, temporal and temporal_ordered are")
	return ""
}

// complete wants what the type requires.
func (r *reader) complete(c *correlation) {
	switch {
	case c.kind == "" && r.errs.HasErrors():
	case c.kind == "":
		r.mistake(c.node, "expected a type")
	case len(c.rules) == 0:
		r.mistake(c.node, "expected rules")
	case c.timespan == 0 && !r.errs.HasErrors():
		r.mistake(c.node, "expected a timespan")
	case c.counts() && c.least == 0 && !r.errs.HasErrors():
		r.mistake(c.node, "expected a condition")
	case c.kind == "value_count" && c.field == nil:
		r.mistake(c.node, "expected a field in the condition")
	case !c.counts() && len(c.rules) < 2:
		r.mistake(c.node, "expected two rules or more")
	case c.kind == "temporal_ordered" && c.least != 0 && c.least != int64(len(c.rules)):
		r.refuse(c.node, "temporal_ordered with a condition", "which of the rules come in order is not specified")
	}
}

// counts says that the condition counts events or values, not rules.
func (c *correlation) counts() bool { return c.kind == "event_count" || c.kind == "value_count" }

var span = regexp.MustCompile(`^([0-9]{1,9})([smhd])$`)

func (r *reader) timespan(n *yaml.Node) time.Duration {
	m := span.FindStringSubmatch(n.Value)
	if m == nil {
		r.mistake(n, "expected a timespan such as 90m: a number and s, m, h or d")
		return 0
	}
	value, _ := strconv.ParseInt(m[1], 10, 64) // of nine digits at most
	unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[m[2]]
	if value < 1 || value > math.MaxInt64/int64(unit) {
		r.mistake(n, "expected a timespan that is longer than nothing, and less than 292 years")
		return 0
	}
	return time.Duration(value) * unit
}

// condition reads the least number. An upper limit has no moment at which it is decided.
func (r *reader) condition(c *correlation, n *yaml.Node) {
	for key, value := range pairs(n) {
		var number int64
		switch key.Value {
		case "field":
			c.field = value
			if value.Kind != yaml.ScalarNode {
				r.refuse(value, "a list of fields", "version 2.0 of the specification counts the values of one")
			}
			continue
		case "gt", "gte":
		case "lt", "lte", "eq", "neq":
			r.refuse(key, "the condition "+key.Value, "whether fewer events come depends on where the time frame begins, which is not specified")
			continue
		default:
			r.refuse(key, "the condition "+key.Value, "gt and gte are")
			continue
		}
		if value.Decode(&number) != nil || number < 0 {
			r.mistake(value, "expected a number")
		}
		if key.Value == "gt" {
			number++
		}
		c.least = max(c.least, number, 1)
	}
	if n.Kind != yaml.MappingNode {
		r.refuse(n, "a condition that is no map", "version 2.0 of the specification has gt, gte and others")
	}
}
