package sigma

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// modifiers are what stands behind the field: Field|contains|all.
type modifiers struct {
	kind       string // how a value is compared; "": equal, with wildcards
	flags      string // of re
	all, cased bool
	neq        bool
}

// kinds are the modifiers that say how a value is compared; a field has one at most.
var kinds = map[string]bool{
	"contains": true, "startswith": true, "endswith": true, "re": true, "cidr": true, "exists": true,
	"lt": true, "lte": true, "gt": true, "gte": true,
}

// refusedModifiers have the reason why.
var refusedModifiers = map[string]string{
	"windash":      "the specification leaves open which dashes of a value it means",
	"base64":       "write the encoded value",
	"base64offset": "write the encoded values, with contains",
	"utf16":        "a column holds text, not its bytes",
	"utf16le":      "a column holds text, not its bytes",
	"utf16be":      "a column holds text, not its bytes",
	"wide":         "a column holds text, not its bytes",
	"expand":       "put the values in place of the placeholder",
	"fieldref":     "whether the case of two fields counts is not specified",
	"minute":       "the time zone of the date is not specified",
	"hour":         "the time zone of the date is not specified",
	"day":          "the time zone of the date is not specified",
	"week":         "the time zone of the date is not specified",
	"month":        "the time zone of the date is not specified",
	"year":         "the time zone of the date is not specified",
}

// modifiers reads the key of a field.
func (r *reader) modifiers(key *yaml.Node) (field string, m modifiers, ok bool) {
	parts := strings.Split(key.Value, "|")
	for _, p := range parts[1:] {
		why, refused := refusedModifiers[p]
		switch {
		case refused:
			r.refuse(key, "the modifier "+p, "%s", why)
			return "", m, false
		case p == "all":
			m.all = true
		case p == "cased":
			m.cased = true
		case p == "neq":
			m.neq = true
		case m.kind == "re" && (p == "i" || p == "m" || p == "s"):
			m.flags += p
		case kinds[p] && m.kind == "":
			m.kind = p
		default:
			r.refuse(key, "the modifier "+p, "it is not one of the specification, or does not go with those before it")
			return "", m, false
		}
	}
	if parts[0] == "" {
		r.refuse(key, "a search in the whole message", "a table has columns; name a field")
		return "", m, false
	}
	return parts[0], m, true
}
