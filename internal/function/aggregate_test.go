package function

import (
	"math"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
)

// aggregateText folds rows, each a list of plain literals, with every prefix
// of the state kept, as partial matches keep it.
func aggregateText(t *testing.T, name string, rows ...string) string {
	t.Helper()
	f, ok := Aggregate(name)
	if !ok {
		t.Fatalf("no aggregate %s", name)
	}
	var args [][]typed
	var types []event.Type
	for _, r := range rows {
		list, err := (&literal{r + ")"}).list(")")
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, list)
		for i, x := range list {
			if i >= len(types) {
				types = append(types, event.TNull)
			}
			types[i], _ = CommonType(types[i], x.t)
		}
	}
	params, result, err := f.Resolve(types)
	if err != nil {
		return err.Error()
	}
	acc := f.Bind(params, result)
	state := make([]event.Value, acc.Size())
	acc.Init(state)
	for _, row := range args {
		values := make([]event.Value, len(row))
		for i, x := range row {
			x, err := castTyped(x, params[i])
			if err != nil {
				t.Fatal(err)
			}
			values[i] = x.v
		}
		if len(values) > 0 && values[0].Null && !f.NullArgs {
			continue
		}
		fork := append([]event.Value(nil), state...)
		if err := acc.Add(fork, values); err != nil {
			return err.Error()
		}
		for i := range values { // what was added must not be kept
			for j := range values[i].S {
				values[i].S[j] = '#'
			}
		}
		state = fork
	}
	var out event.Value
	if err := acc.Result(state, &out); err != nil {
		return err.Error()
	}
	return result.String() + " " + Text(result, out, nil)
}

func TestAggregates(t *testing.T) {
	for _, c := range []struct{ call, want string }{
		{"COUNT: ||", "BIGINT 3"}, {"COUNT:1|NULL|2", "BIGINT 2"}, {"COUNT:1, NULL|2, 3", "BIGINT 1"}, {"COUNT_IF:TRUE|FALSE|NULL|TRUE", "BIGINT 2"},
		{"SUM:1|NULL|2", "INT 3"}, {"SUM:NULL", "INT NULL"}, {"SUM:2147483647|1|-1", "INT 2147483647"}, {"SUM:2147483647|1", "numeric overflow: the value does not fit INT"},
		{"SUM:1.50|2", "DECIMAL(38, 2) 3.50"}, {"AVG:1|2|NULL", "DOUBLE 1.5"}, {"AVG:1.0|2.0|2.0", "DECIMAL(38, 6) 1.666667"}, {"AVG:NULL", "DOUBLE NULL"},
		{"MIN:3|NULL|1|2", "INT 1"}, {"MAX:'a'|'c'|'b'", "STRING c"}, {"MAX:NULL", "NULL NULL"}, {"SUM:'a'", "SUM(x): argument 1 must be a number or interval, not STRING"},
		{"MAX_BY:'a', 1|'b', 3|'c', 3|'d', NULL", "STRING b"}, {"MIN_BY:NULL, 1|'b', 3", "STRING NULL"},
		{"BOOL_AND:TRUE|NULL|FALSE", "BOOLEAN FALSE"}, {"EVERY:TRUE|TRUE", "BOOLEAN TRUE"}, {"SOME:FALSE|TRUE", "BOOLEAN TRUE"}, {"BOOL_OR:NULL", "BOOLEAN NULL"},
		{"FIRST_VALUE:NULL|'x'|'y'", "STRING x"}, {"LAST_VALUE:'x'|'y'|NULL", "STRING y"},
		{"ARRAY_AGG:1|NULL|2", "ARRAY<INT> [1, NULL, 2]"}, {"LISTAGG:'a'|NULL|'b'|'c'", "STRING a,b,c"}, {"STRING_AGG:'a', '-'|'b', '-'", "STRING a-b"}, {"LISTAGG:NULL", "STRING NULL"},
		{"COLLECT:2|1|2|NULL", "MAP<INT, INT> {1=1, 2=2}"}, {"VAR_POP:1|2|3|4", "DOUBLE 1.25"}, {"VARIANCE:1", "DOUBLE NULL"}, {"STDDEV:2|4", "DOUBLE 1.4142135623730951"},
		{"STDDEV_POP:2|4", "DOUBLE 1.0"}, {"COVAR_POP:1, 2|2, 4|3, 6|4, NULL", "DOUBLE 1.3333333333333333"}, {"COVAR_SAMP:1, 2|2, 4|3, 6", "DOUBLE 2.0"}, {"CORR:1, 2|2, 4|3, 6", "DOUBLE 1.0"},
		{"GEOMETRIC_MEAN:2|8", "DOUBLE 4.0"}, {"CORR:1", "CORR(x, y): 2 arguments expected, got 1"},
	} {
		name, rows, _ := strings.Cut(c.call, ":")
		if got := aggregateText(t, name, strings.Split(strings.ReplaceAll(rows, " |", "|"), "|")...); got != c.want {
			t.Errorf("%s = %s, want %s", c.call, got, c.want)
		}
	}
}

// TestSharedStates forks an ARRAY_AGG state at every length and appends other
// values to each fork.
func TestSharedStates(t *testing.T) {
	f, _ := Aggregate("ARRAY_AGG")
	acc := f.Bind([]event.Type{event.TInt32}, arrayOf(event.TInt32))
	state := make([]event.Value, 1)
	acc.Init(state)
	var forks [][]event.Value
	for i := range int64(40) {
		forks = append(forks, append([]event.Value(nil), state...))
		_ = acc.Add(state, []event.Value{event.IntValue(i)})
	}
	for n, fork := range forks {
		_ = acc.Add(fork, []event.Value{event.IntValue(-1)})
		var out event.Value
		_ = acc.Result(fork, &out)
		if len(out.L) != n+1 || out.L[n].I != -1 {
			t.Fatalf("fork %d has %d values", n, len(out.L))
		}
		for i, v := range out.L[:n] {
			if v.I != int64(i) {
				t.Fatalf("fork %d: value %d is %d", n, i, v.I)
			}
		}
	}
}

func TestHashFollowsEqual(t *testing.T) {
	list := arrayOf(event.TFloat64)
	a := event.Value{L: []event.Value{event.FloatValue(math.Copysign(0, -1)), event.NullValue, event.FloatValue(math.NaN())}}
	b := event.Value{L: []event.Value{event.FloatValue(0), event.NullValue, event.FloatValue(-math.NaN())}}
	if !Equal(list, a, b) || Hash(list, a) != Hash(list, b) {
		t.Error("-0 and 0, and NaN and NaN, must be equal with equal hashes")
	}
	if Hash(event.TString, event.StringValue("a")) != 0xd24ec4f1a98c6e5b {
		t.Error("the hash of a text must never change: it is kept in state")
	}
}
