package ruletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query/catalog"
)

// expected is a row that should have come: the columns it names.
type expected struct {
	line  int
	cells []expectedCell
	op    string // what the row changes; "": it is added
}

type expectedCell struct {
	column string
	value  json.RawMessage
	at     int // in the table's columns
}

// expect compares what came since the last time with rows of the test.
func (r *runner) expect(tables Tables) error {
	for _, e := range tables {
		def, ok := r.cat.Table(e.Table)
		if !ok {
			return fmt.Errorf("%s:%d: there is no table %s", r.file.Path, e.Node.Line, e.Table)
		}
		t := r.world.table(e.Table)
		r.mentioned[t] = true
		got := t.rows[t.taken:]
		t.taken = len(t.rows)
		if e.Node.Kind == yaml.MappingNode {
			if err := r.golden(e, got); err != nil {
				return err
			}
			continue
		}
		want, err := r.expectedRows(def, e.Node)
		if err != nil {
			return r.at(err)
		}
		r.compare(def, e.Node.Line, want, got)
	}
	return nil
}

func (r *runner) expectedRows(def *catalog.Table, n *yaml.Node) ([]expected, error) {
	rows, err := rowsOf(n)
	if err != nil {
		return nil, err
	}
	var list []expected
	for _, row := range rows {
		e := expected{line: row.line}
		for _, c := range row.cells {
			at := def.Column(c.column)
			if at < 0 && c.column == cellOp {
				e.op = c.node.Value
				if !slices.Contains(ops, e.op) {
					return nil, fmt.Errorf("line %d: op is one of %s, not %q", row.line, strings.Join(ops, ", "), e.op)
				}
				continue
			}
			if at < 0 {
				return nil, fmt.Errorf("line %d: table %s has no column %s", row.line, def.Name, c.column)
			}
			value, err := r.times.value(c.node, def.Columns[at].Type)
			if err != nil {
				return nil, err
			}
			e.cells = append(e.cells, expectedCell{def.Columns[at].Name, value, at})
		}
		list = append(list, e)
	}
	return list, nil
}

// compare pairs expected rows with those that came and reports what is left of
// either.
func (r *runner) compare(def *catalog.Table, line int, want []expected, got []json.RawMessage) {
	objects := make([]map[string]json.RawMessage, len(got))
	for i, text := range got {
		_ = json.Unmarshal(text, &objects[i]) // an encoder wrote it
	}
	fits := func(w, g int) bool { return want[w].differences(def, objects[g]) == nil }
	pairs := pair(len(want), len(got), fits)
	if r.test.Ordered {
		pairs = inOrder(len(want), len(got), fits)
	}
	var left []int
	for g := range got {
		if !slices.Contains(pairs, g) {
			left = append(left, g)
		}
	}
	for w := range want {
		if pairs[w] < 0 {
			r.fail(want[w].line, "%s: expected %s, %s", def.Name, want[w], explain(def, &want[w], objects, left))
		}
	}
	if len(want) > 0 && len(left) > 0 && len(left) == missing(pairs) {
		return // each is told as the nearest of one that is missing
	}
	for _, g := range left {
		r.fail(line, "%s: not expected: %s", def.Name, got[g])
	}
}

func missing(pairs []int) (n int) {
	for _, g := range pairs {
		if g < 0 {
			n++
		}
	}
	return n
}

// pair finds the largest pairing of rows that fit (augmenting paths): an
// expected row that names few columns must not take the only row of one that
// names more. Per expected row the row it got, or -1.
func pair(want, got int, fits func(w, g int) bool) []int {
	owner := slices.Repeat([]int{-1}, got)
	var seen []bool
	var place func(w int) bool
	place = func(w int) bool {
		for g := range got {
			if seen[g] || !fits(w, g) {
				continue
			}
			seen[g] = true
			if owner[g] < 0 || place(owner[g]) {
				owner[g] = w
				return true
			}
		}
		return false
	}
	for w := range want {
		seen = make([]bool, got)
		place(w)
	}
	pairs := slices.Repeat([]int{-1}, want)
	for g, w := range owner {
		if w >= 0 {
			pairs[w] = g
		}
	}
	return pairs
}

// inOrder pairs the rows one by one.
func inOrder(want, got int, fits func(w, g int) bool) []int {
	pairs := slices.Repeat([]int{-1}, want)
	for w := range want {
		if w < got && fits(w, w) {
			pairs[w] = w
		}
	}
	return pairs
}

// differences lists the columns in which a row is not as expected.
func (e *expected) differences(def *catalog.Table, object map[string]json.RawMessage) []string {
	var list []string
	if op := string(object[cellOp]); def.Column(cellOp) < 0 && !e.fits(strings.Trim(op, `"`)) {
		list = append(list, "op is "+op)
	}
	for _, c := range e.cells {
		if found := object[c.column]; !same(c.value, found, def.Columns[c.at].Type) {
			list = append(list, fmt.Sprintf("%s is %s", c.column, found))
		}
	}
	return list
}

// cellOp is what a row of a query whose results change says of the rows before it.
const cellOp = "op"

var ops = []string{"+I", "-U", "+U", "-D"}

// fits says whether a row changes what is expected; where nothing is said, it is
// added.
func (e *expected) fits(op string) bool {
	if e.op != "" {
		return op == e.op || op == "" && e.op == "+I"
	}
	return op == "" || op == "+I" || op == "+U"
}

func (e expected) String() string {
	var b strings.Builder
	b.WriteByte('{')
	if e.op != "" {
		fmt.Fprintf(&b, "op: %s", e.op)
		if len(e.cells) > 0 {
			b.WriteString(", ")
		}
	}
	for i, c := range e.cells {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %s", c.column, c.value)
	}
	return b.String() + "}"
}

// explain says what came in place of an expected row: the row that differs
// least.
func explain(def *catalog.Table, e *expected, objects []map[string]json.RawMessage, left []int) string {
	var nearest []string
	for _, g := range left {
		if d := e.differences(def, objects[g]); len(d) > 0 && (nearest == nil || len(d) < len(nearest)) {
			nearest = d
		}
	}
	switch {
	case len(left) == 0:
		return "no such row came"
	case nearest == nil:
		return "it came at another place"
	}
	return "the nearest row that came differs: " + strings.Join(nearest, ", ")
}

// leftOver reports the rows of mentioned tables that nobody expected.
func (r *runner) leftOver() {
	for _, t := range r.sortedTables() {
		for _, text := range t.rows[t.taken:] {
			if r.mentioned[t] {
				r.fail(r.test.Line, "%s: not expected: %s", t.name, text)
			}
		}
	}
}

func (r *runner) sortedTables() []*table {
	list := make([]*table, 0, len(r.world.tables))
	for _, t := range r.world.tables {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *table) int { return strings.Compare(a.name, b.name) })
	return list
}

// counts compares how many rows of a table were dropped, by the query that
// dropped most; where the test says nothing, none may be.
func (r *runner) counts(what string, want map[string]int, count func(engine.PartitionStatus) int64) {
	got := map[string]int64{}
	for name := range want {
		got[strings.ToLower(name)] = 0
	}
	for _, q := range r.queries {
		own := map[string]int64{}
		for _, p := range q.p.Status().Partitions {
			own[strings.ToLower(p.Table)] += count(p)
		}
		for name, n := range own {
			got[name] = max(got[name], n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		expected := 0
		for table, n := range want {
			if strings.EqualFold(table, name) {
				expected = n
			}
		}
		if n := got[name]; n != int64(expected) {
			r.fail(r.test.Line, "%s: %d rows were %s, not %d; if that is right, the test says %s: {%s: %d}", name, n, what, expected, what, name, n)
		}
	}
}

// golden compares rows with a file, {golden: FILE}, or writes it.
func (r *runner) golden(e TableRows, got []json.RawMessage) error {
	var g struct {
		Golden string `yaml:"golden"`
	}
	if err := e.Node.Decode(&g); err != nil || g.Golden == "" {
		return fmt.Errorf("%s:%d: expected {golden: FILE}", r.file.Path, e.Node.Line)
	}
	if r.file.given != nil {
		return fmt.Errorf("%s:%d: a golden file cannot be compared with here: write the rows themselves", r.file.Path, e.Node.Line)
	}
	path := r.file.relative(g.Golden)
	text := lines(got)
	if r.options.Rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, text, 0o644)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s:%d: %w; write it with --rewrite", r.file.Path, e.Node.Line, err)
	}
	if !bytes.Equal(want, text) {
		r.fail(e.Node.Line, "%s: differs from %s\n%s", e.Table, g.Golden, lineDiff(string(want), string(text)))
	}
	return nil
}

func lines(rows []json.RawMessage) []byte {
	var b bytes.Buffer
	for _, r := range rows {
		b.Write(r)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// maxShown is how many lines of a difference are shown.
const maxShown = 10

// lineDiff lists the lines that only one of two texts has.
func lineDiff(want, got string) string {
	var b strings.Builder
	shown := 0
	only := func(sign string, a, other string) {
		have := strings.Split(strings.TrimSuffix(other, "\n"), "\n")
		for _, line := range strings.Split(strings.TrimSuffix(a, "\n"), "\n") {
			if i := slices.Index(have, line); i >= 0 {
				have = slices.Delete(have, i, i+1)
				continue
			}
			if shown++; shown <= maxShown {
				fmt.Fprintf(&b, "    %s %s\n", sign, line)
			}
		}
	}
	only("-", want, got)
	only("+", got, want)
	if shown > maxShown {
		fmt.Fprintf(&b, "    … and %d more\n", shown-maxShown)
	}
	if shown == 0 {
		b.WriteString("    the same rows in another order\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
