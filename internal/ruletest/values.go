package ruletest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/internal/event"
)

// row is a row as it stands in a test: a cell per column that it names.
type row struct {
	line  int
	cells []cellText
}

// cellText is a value: a text and whether it is quoted, or a nested node.
type cellText struct {
	column string
	node   *yaml.Node
}

// rowsOf reads the rows of a table.
func rowsOf(n *yaml.Node) ([]row, error) {
	switch n.Kind {
	case yaml.SequenceNode:
		return listRows(n)
	case yaml.ScalarNode:
		if n.Value == "none" || n.Tag == "!!null" {
			return nil, nil
		}
		return textRows(n)
	}
	return nil, fmt.Errorf("line %d: expected a list of rows, a text with a header line, or none", n.Line)
}

func listRows(n *yaml.Node) ([]row, error) {
	var rows []row
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: expected a row, such as {card: 7, amount: 1.20}", item.Line)
		}
		r := row{line: item.Line}
		for i := 0; i < len(item.Content); i += 2 {
			r.cells = append(r.cells, cellText{item.Content[i].Value, item.Content[i+1]})
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// textRows reads a header line and a line per row; cells are divided by
// blanks, "…" holds one with blanks, - is NULL.
func textRows(n *yaml.Node) ([]row, error) {
	var header []string
	var rows []row
	for i, line := range strings.Split(n.Value, "\n") {
		at := n.Line + 1 + i // a block begins behind its key
		words, err := split(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", at, err)
		case len(words) == 0:
			continue
		case header == nil:
			for _, w := range words {
				header = append(header, w.Value)
			}
			continue
		case len(words) != len(header):
			return nil, fmt.Errorf("line %d: %d cells under %d columns", at, len(words), len(header))
		}
		r := row{line: at}
		for c, w := range words {
			w.Line = at
			r.cells = append(r.cells, cellText{header[c], w})
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// split cuts a line into cells.
func split(line string) ([]*yaml.Node, error) {
	var words []*yaml.Node
	for rest := strings.TrimSpace(line); rest != "" && rest[0] != '#'; rest = strings.TrimSpace(rest) {
		n := &yaml.Node{Kind: yaml.ScalarNode}
		if rest[0] == '"' {
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed")
			}
			n.Value, n.Style, rest = rest[1:1+end], yaml.DoubleQuotedStyle, rest[end+2:]
		} else {
			n.Value, rest, _ = strings.Cut(rest, " ")
			if n.Value == "-" {
				n.Tag = "!!null"
			}
		}
		words = append(words, n)
	}
	return words, nil
}

// times turns the times of a test into values: 90s is so long after the start,
// +10s so long after the row before.
type times struct{ start, last time.Time }

const timeLayout = "2006-01-02 15:04:05.999999999"

// parseTime reads a time of day on a date, with or without T and Z.
func parseTime(text string) (time.Time, bool) {
	text = strings.TrimSuffix(strings.Replace(text, "T", " ", 1), "Z")
	for _, layout := range []string{timeLayout, "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// at is the time that text stands for.
func (c *times) at(text string) (time.Time, bool) {
	from := c.start
	if strings.HasPrefix(text, "+") {
		from = c.last
	}
	if d, ok := duration(strings.TrimPrefix(text, "+")); ok {
		c.last = from.Add(d)
		return c.last, true
	}
	t, ok := parseTime(text)
	if ok {
		c.last = t
	}
	return t, ok
}

// duration is Go's form, and days: 1d12h.
func duration(text string) (time.Duration, bool) {
	var days time.Duration
	if d, rest, found := strings.Cut(text, "d"); found {
		n, err := time.ParseDuration(d + "h")
		if err != nil {
			return 0, false
		}
		days, text = 24*n, rest
		if rest == "" {
			return days, true
		}
	}
	d, err := time.ParseDuration(text)
	return days + d, err == nil
}

// value is a cell as JSON for a column.
func (c *times) value(n *yaml.Node, t event.Type) (json.RawMessage, error) {
	if n.Tag == "!!null" {
		return json.RawMessage("null"), nil
	}
	if n.Kind != yaml.ScalarNode {
		return nested(n)
	}
	switch {
	case t.Instant():
		at, ok := c.at(n.Value)
		if !ok {
			return nil, fmt.Errorf("line %d: expected a time such as 90s, +10s or %s, found %q", n.Line, defaultStart, n.Value)
		}
		return quoted(at.Format("2006-01-02 15:04:05.000000")), nil
	case t.Numeric() || t.Kind == event.Bool:
		if !json.Valid([]byte(n.Value)) {
			return quoted(n.Value), nil // the format says what is wrong with it
		}
		return json.RawMessage(n.Value), nil
	}
	return quoted(n.Value), nil
}

func quoted(s string) json.RawMessage {
	text, _ := json.Marshal(s) // a string has a JSON form
	return text
}

func nested(n *yaml.Node) (json.RawMessage, error) {
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, fmt.Errorf("line %d: %w", n.Line, err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", n.Line, err)
	}
	return text, nil
}

// same compares two JSON values: numbers by value, times as times.
func same(a, b json.RawMessage, t event.Type) bool {
	var x, y any
	if decode(a, &x) != nil || decode(b, &y) != nil {
		return false
	}
	if t.Instant() {
		s, isS := x.(string)
		u, isU := y.(string)
		if isS && isU {
			st, okS := parseTime(s)
			ut, okU := parseTime(u)
			return okS && okU && st.Equal(ut)
		}
	}
	if m, isM := x.(json.Number); isM && t.Numeric() && !t.Float() {
		n, isN := y.(json.Number)
		return isN && difference(m, n).Sign() == 0
	}
	return equal(x, y)
}

func decode(text json.RawMessage, into any) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return d.Decode(into)
}

func equal(x, y any) bool {
	switch x := x.(type) {
	case json.Number:
		n, ok := y.(json.Number)
		return ok && near(x, n)
	case []any:
		list, ok := y.([]any)
		if !ok || len(list) != len(x) {
			return false
		}
		for i := range x {
			if !equal(x[i], list[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		m, ok := y.(map[string]any)
		if !ok || len(m) != len(x) {
			return false
		}
		for k, v := range x {
			if w, has := m[k]; !has || !equal(v, w) {
				return false
			}
		}
		return true
	}
	return x == y
}

// near says whether two numbers are equal within a billionth, as doubles are
// compared.
func near(a, b json.Number) bool {
	size, ok := new(big.Rat).SetString(a.String())
	if !ok {
		return false
	}
	limit := size.Mul(size.Abs(size), big.NewRat(1, 1_000_000_000))
	d := difference(a, b)
	return d.Abs(d).Cmp(limit) <= 0
}

func difference(a, b json.Number) *big.Rat {
	x, _ := new(big.Rat).SetString(a.String()) // JSON has no number that it cannot read
	y, _ := new(big.Rat).SetString(b.String())
	return x.Sub(x, y)
}
