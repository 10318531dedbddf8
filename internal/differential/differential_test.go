package differential_test

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/differential"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// TestFlink compares each recorded answer of Flink SQL with cepd's.
func TestFlink(t *testing.T) {
	answers, err := differential.Answers("testdata/answers.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	argued := differences(t)
	equal, compared := 0, 0
	for _, a := range answers {
		t.Run(a.ID, func(t *testing.T) {
			if a.Error != "" {
				t.Skipf("Flink refuses it: %s", a.Error)
			}
			compared++
			diff := compare(t, &a)
			reason, known := argued[a.ID]
			delete(argued, a.ID)
			switch {
			case diff == "" && known:
				t.Errorf("%s is equal now: take it out of differences.txt (%s)", a.ID, reason)
			case diff != "" && !known:
				t.Errorf("%s\n%s", a.SQL, diff)
			case diff == "":
				equal++
			}
		})
	}
	if t.Failed() {
		return
	}
	for id := range argued {
		t.Errorf("differences.txt names %s, of which there is no answer", id)
	}
	if equal < 300 {
		t.Errorf("%d of %d answers are equal, fewer than 300", equal, compared)
	}
	t.Logf("%d of %d answers are equal", equal, compared)
}

// differences are the argued ones, by query.
func differences(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	argued, reason := map[string]string{}, ""
	for in := bufio.NewScanner(f); in.Scan(); {
		line := strings.TrimSpace(in.Text())
		if text, ok := strings.CutPrefix(line, "#"); ok {
			reason = strings.TrimSpace(text)
			continue
		}
		for id := range strings.FieldsSeq(line) {
			if reason == "" {
				t.Fatalf("no reason is given for %s", id)
			}
			argued[id] = reason
		}
	}
	return argued
}

// compare says what differs; "": nothing.
func compare(t *testing.T, a *differential.Answer) string {
	t.Helper()
	types, got, err := run(t, a.SQL)
	if err != nil {
		return "cepd: " + err.Error()
	}
	names := make([]string, len(types))
	for i, typ := range types {
		names[i] = plainType(typ.String())
		a.Types[i] = plainType(a.Types[i])
	}
	var diff []string
	if !slices.Equal(names, a.Types) {
		diff = append(diff, fmt.Sprintf("types: Flink %v, cepd %v", a.Types, names))
	}
	var want []string
	for _, row := range a.Rows {
		want = append(want, flinkRow(types, row))
	}
	sort.Strings(want)
	sort.Strings(got)
	return strings.Join(append(diff, missing(want, got)...), "\n")
}

// missing are the first rows that only one side has.
func missing(want, got []string) (diff []string) {
	const most = 6
	w, g := 0, 0
	for (w < len(want) || g < len(got)) && len(diff) < most {
		switch {
		case g == len(got) || w < len(want) && want[w] < got[g]:
			diff = append(diff, "only Flink: "+want[w])
			w++
		case w == len(want) || got[g] < want[w]:
			diff = append(diff, "only cepd:  "+got[g])
			g++
		default:
			w++
			g++
		}
	}
	return diff
}

// plainType is a type without what the engines write differently: the length
// of texts and the role of a time.
func plainType(s string) string {
	return sized.ReplaceAllString(strings.NewReplacer(" *ROWTIME*", "", " NOT NULL", "", "TIMESTAMP(6)", "TIMESTAMP(3)").Replace(s), "STRING")
}

var sized = regexp.MustCompile(`(VAR)?CHAR\(\d+\)`)

// run gives the types of the columns and the rows.
func run(t *testing.T, sql string) (types []event.Type, rows []string, err error) {
	t.Helper()
	w := enginetest.NewWorld()
	var tables strings.Builder
	for _, table := range differential.Tables() {
		w.Input(table.Name, table.Rows)
		tables.WriteString(table.Create("'connector'='test', 'format'='json'") + ";\n")
	}
	for _, view := range differential.Views {
		tables.WriteString(view + ";\n")
	}
	tables.WriteString("SET 'state.ttl' = '3650 d';\n")
	r, err := query.CompileText(catalog.New(), "select.sql", tables.String()+sql, nil)
	if err != nil {
		return nil, nil, err
	}
	var columns []string
	for _, f := range r.Queries[0].Input.Schema().Fields {
		types = append(types, f.Type)
		columns = append(columns, fmt.Sprintf("`%s` %s", f.Name, f.Type))
	}
	c, err := enginetest.Compile(tables.String() + "CREATE TABLE answer (" + strings.Join(columns, ", ") + ") WITH ('connector'='test');\nINSERT INTO answer " + sql)
	if err != nil {
		return nil, nil, err
	}
	left := map[string]int{}
	w.Output("answer").Before = func(b *event.Batch) error {
		for _, row := range b.LiveRows() {
			n := 1
			if b.Change(int(row)).Retracts() {
				n = -1
			}
			left[cepdRow(b, int(row))] += n
		}
		return nil
	}
	err = enginetest.Finish(w.Pipeline(t, c, w.Options(), nil))
	for row, n := range left {
		for range n {
			rows = append(rows, row)
		}
	}
	return types, rows, err
}

func cepdRow(b *event.Batch, row int) string {
	parts := make([]string, len(b.Cols))
	for i := range b.Cols {
		parts[i] = text(b.Cols[i].Type, b.Cols[i].Value(row))
	}
	return strings.Join(parts, " | ")
}

func flinkRow(types []event.Type, row []*string) string {
	parts := make([]string, len(row))
	for i, s := range row {
		switch {
		case s == nil:
			parts[i] = "NULL"
		case types[i].Kind == event.Float64 || types[i].Kind == event.Float32:
			f, err := strconv.ParseFloat(*s, 64)
			if err != nil {
				parts[i] = *s
				break
			}
			parts[i] = float(f)
		default:
			parts[i] = *s
		}
	}
	return strings.Join(parts, " | ")
}

// float keeps as many digits as are the same in whatever order is summed.
func float(f float64) string { return strconv.FormatFloat(f+0, 'g', 11, 64) }

// text is a value as peers.FlinkAnswers writes it.
func text(t event.Type, v event.Value) string {
	switch {
	case v.Null:
		return "NULL"
	case t.Kind == event.Float64 || t.Kind == event.Float32:
		return float(v.F())
	case t.Kind == event.Bool:
		return strconv.FormatBool(v.Bool())
	case t.Kind == event.Timestamp || t.Kind == event.TimestampLTZ:
		return millis(function.Format(t, v))
	case t.Kind == event.Array:
		parts := make([]string, len(v.L))
		for i := range v.L {
			parts[i] = text(*t.Elem, v.L[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case t.Kind == event.Map:
		var parts []string
		for i := 0; i < len(v.L); i += 2 {
			parts = append(parts, text(*t.Key, v.L[i])+"="+text(*t.Elem, v.L[i+1]))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case t.Kind == event.String:
		return string(v.S)
	}
	return strings.Trim(function.Format(t, v), "DATEIM' ")
}

// millis is the time of a literal, with three digits behind the point.
func millis(literal string) string {
	_, s, _ := strings.Cut(strings.TrimSuffix(literal, "'"), "'")
	whole, part, _ := strings.Cut(s, ".")
	return whole + "." + (part + "000")[:3]
}
