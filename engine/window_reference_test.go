package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators/kernel"
)

// refRow is a row of the table that windows are tested on. NULL is nil.
type refRow struct {
	ts   int64 // µs
	k, v *int64
	s    string
	f    float64
}

func (r *refRow) json() string {
	number := func(p *int64) string {
		if p == nil {
			return "null"
		}
		return fmt.Sprint(*p)
	}
	return fmt.Sprintf(`{"k":%s,"s":%q,"v":%s,"f":%v,"ts":%q}`, number(r.k), r.s, number(r.v), r.f, function.Text(event.TTimestamp, event.IntValue(r.ts), nil))
}

const refTable = `CREATE TABLE t (k BIGINT, s STRING, v INT, f DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '%d' SECOND) WITH ('connector'='test', 'format'='json');
CREATE TABLE o (%s) WITH ('connector'='test');
`

// randomRows is rows of some keys in the order of their coming, at most disorder
// seconds before the latest.
func randomRows(rng *rand.Rand, n, disorder int) []refRow {
	rows := make([]refRow, n)
	at := int64(0)
	for i := range rows {
		switch rng.IntN(12) {
		case 0:
			at += int64(rng.IntN(40))
		case 1, 2, 3, 4:
			at += int64(rng.IntN(3))
		}
		r := refRow{ts: (at - int64(rng.IntN(disorder+1))) * 1e6, s: []string{"a", "b", "c"}[rng.IntN(3)], f: float64(rng.IntN(40)) / 4}
		if rng.IntN(8) > 0 {
			k := int64(rng.IntN(4))
			r.k = &k
		}
		if rng.IntN(5) > 0 {
			v := int64(rng.IntN(20) - 10)
			r.v = &v
		}
		rows[i] = r
	}
	return rows
}

// refAgg is an aggregate as SQL and as a call on rows.
type refAgg struct {
	sql, name string
	typ       event.Type // of the result
	args      []event.Type
	of        func(r *refRow) []event.Value
	distinct  bool
	where     func(r *refRow) bool
}

func intOrNull(p *int64) event.Value {
	if p == nil {
		return event.NullValue
	}
	return event.IntValue(*p)
}

var (
	ofNothing = func(*refRow) []event.Value { return nil }
	ofV       = func(r *refRow) []event.Value { return []event.Value{intOrNull(r.v)} }
	ofF       = func(r *refRow) []event.Value { return []event.Value{event.FloatValue(r.f)} }
	ofS       = func(r *refRow) []event.Value { return []event.Value{event.StringValue(r.s)} }
	tInt      = []event.Type{event.TInt32}
	tFloat    = []event.Type{event.TFloat64}
	tString   = []event.Type{event.TString}
)

var refAggs = []refAgg{
	{sql: "COUNT(*)", name: "COUNT", typ: event.TInt64, of: ofNothing},
	{sql: "COUNT(v)", name: "COUNT", typ: event.TInt64, args: tInt, of: ofV},
	{sql: "SUM(v)", name: "SUM", typ: event.TInt32, args: tInt, of: ofV},
	{sql: "AVG(v)", name: "AVG", typ: event.TFloat64, args: tInt, of: ofV},
	{sql: "MIN(v)", name: "MIN", typ: event.TInt32, args: tInt, of: ofV},
	{sql: "MAX(f)", name: "MAX", typ: event.TFloat64, args: tFloat, of: ofF},
	{sql: "MAX(s)", name: "MAX", typ: event.TString, args: tString, of: ofS},
	{sql: "SUM(f)", name: "SUM", typ: event.TFloat64, args: tFloat, of: ofF},
	{sql: "FIRST_VALUE(v)", name: "FIRST_VALUE", typ: event.TInt32, args: tInt, of: ofV},
	{sql: "LAST_VALUE(s)", name: "LAST_VALUE", typ: event.TString, args: tString, of: ofS},
	{sql: "LISTAGG(s)", name: "LISTAGG", typ: event.TString, args: tString, of: ofS},
	{sql: "COUNT(DISTINCT v)", name: "COUNT", typ: event.TInt64, args: tInt, of: ofV, distinct: true},
	{sql: "SUM(DISTINCT v)", name: "SUM", typ: event.TInt32, args: tInt, of: ofV, distinct: true},
	{sql: "SUM(v) FILTER (WHERE s = 'a')", name: "SUM", typ: event.TInt32, args: tInt, of: ofV, where: func(r *refRow) bool { return r.s == "a" }},
	{sql: "BOOL_OR(v > 5)", name: "BOOL_OR", typ: event.TBool, args: []event.Type{event.TBool}, of: func(r *refRow) []event.Value {
		if r.v == nil {
			return []event.Value{event.NullValue}
		}
		return []event.Value{event.BoolValue(*r.v > 5)}
	}},
	{sql: "APPROX_COUNT_DISTINCT(v)", name: "APPROX_COUNT_DISTINCT", typ: event.TInt64, args: tInt, of: ofV},
	{sql: "APPROX_PERCENTILE(f, 0.5)", name: "APPROX_PERCENTILE", typ: event.TFloat64, args: []event.Type{event.TFloat64, event.TFloat64},
		of: func(r *refRow) []event.Value { return []event.Value{event.FloatValue(r.f), event.FloatValue(0.5)} }},
}

// value aggregates rows that are in order, from the beginning.
func (a *refAgg) value(rows []refRow) string {
	fn, _ := function.Aggregate(a.name)
	acc := fn.Bind(a.args, a.typ)
	state := make([]event.Value, acc.Size())
	acc.Init(state)
	seen := map[string]bool{}
	for i := range rows {
		args := a.of(&rows[i])
		if a.where != nil && !a.where(&rows[i]) || len(args) > 0 && args[0].Null && !fn.NullArgs {
			continue
		}
		if a.distinct {
			key := kernel.Format(a.args[0], args[0])
			if seen[key] || args[0].Null {
				continue
			}
			seen[key] = true
		}
		if err := acc.Add(state, args); err != nil {
			panic(err)
		}
	}
	var out event.Value
	if err := acc.Result(state, &out); err != nil {
		panic(err)
	}
	return show(a.typ, out)
}

func show(t event.Type, v event.Value) string {
	if v.Null {
		return "NULL"
	}
	return kernel.Format(t, v)
}

// refWindow is a window as a table function, and by brute force.
type refWindow struct {
	kind              string
	size, slide, offs int64 // s
}

func (w refWindow) from() string {
	part := func(s int64) string { return fmt.Sprintf(", INTERVAL '%d' SECOND", s) }
	table := "TABLE t"
	if w.kind == "SESSION" {
		table = "TABLE t PARTITION BY k"
	}
	text := w.kind + "(" + table + ", DESCRIPTOR(ts)"
	if w.slide > 0 {
		text += part(w.slide)
	}
	text += part(w.size)
	if w.offs != 0 {
		text += part(w.offs)
	}
	return text + ")"
}

func randomWindow(rng *rand.Rand) refWindow {
	slide := int64(1 + rng.IntN(6))
	switch rng.IntN(4) {
	case 0:
		return refWindow{kind: "TUMBLE", size: slide * 3, offs: int64(rng.IntN(3))}
	case 1:
		return refWindow{kind: "HOP", size: slide + int64(rng.IntN(20)), slide: slide, offs: int64(rng.IntN(3))}
	case 2:
		return refWindow{kind: "CUMULATE", size: slide * int64(1+rng.IntN(6)), slide: slide, offs: int64(rng.IntN(3))}
	}
	return refWindow{kind: "SESSION", size: slide}
}

type span struct{ start, end int64 }

// of is the windows of a time; not for sessions. Windows of HOP begin, and those
// of CUMULATE end, at a step from the offset.
func (w refWindow) of(ts int64) (list []span) {
	size, slide, offset := w.size*1e6, w.slide*1e6, w.offs*1e6
	floor := func(t, step int64) int64 { return t - ((t-offset)%step+step)%step }
	switch w.kind {
	case "TUMBLE":
		return []span{{floor(ts, size), floor(ts, size) + size}}
	case "HOP":
		for s := floor(ts, slide); s > ts-size; s -= slide {
			list = append(list, span{s, s + size})
		}
		slices.Reverse(list)
	case "CUMULATE":
		base := floor(ts, size)
		for e := base + slide; e <= base+size; e += slide {
			if e > ts {
				list = append(list, span{base, e})
			}
		}
	}
	return list
}

// pane is the number of the stretch that a time falls in and no window divides.
func (w refWindow) pane(ts int64) int64 {
	size := map[string]int64{"TUMBLE": w.size, "CUMULATE": w.slide, "SESSION": 1 << 40}[w.kind]
	if w.kind == "HOP" {
		for size = w.slide; w.size%size != 0 || w.slide%size != 0; {
			size--
		}
	}
	t, step := ts-w.offs*1e6+1<<60/(size*1e6)*size*1e6, size*1e6
	return t / step
}

// due is the watermark that makes a row late.
func (w refWindow) due(ts int64) int64 {
	if w.kind == "SESSION" {
		return ts
	}
	return w.of(ts)[0].end - 1
}

// results is the rows that the windows report, sorted.
func (w refWindow) results(rows []refRow, aggs []refAgg) []string {
	groups := map[string][]refRow{}
	add := func(r refRow, s span) {
		t := func(us int64) string { return show(event.TTimestamp, event.IntValue(us)) }
		key := strings.Join([]string{show(event.TInt64, intOrNull(r.k)), t(s.start), t(s.end)}, " | ")
		groups[key] = append(groups[key], r)
	}
	w.assign(rows, add)
	var out []string
	for key, rows := range groups {
		for i := range aggs {
			key += " | " + aggs[i].value(rows)
		}
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// assign gives each row its windows.
func (w refWindow) assign(rows []refRow, add func(refRow, span)) {
	if w.kind == "SESSION" {
		w.sessions(rows, add)
		return
	}
	for _, r := range rows {
		for _, s := range w.of(r.ts) {
			add(r, s)
		}
	}
}

// sessions walks the rows of each key in order.
func (w refWindow) sessions(rows []refRow, add func(refRow, span)) {
	byKey := map[string][]refRow{}
	for _, r := range rows {
		key := show(event.TInt64, intOrNull(r.k))
		byKey[key] = append(byKey[key], r)
	}
	gap := w.size * 1e6
	for _, list := range byKey {
		slices.SortStableFunc(list, func(a, b refRow) int { return int(a.ts - b.ts) })
		for i := 0; i < len(list); {
			n := i + 1
			for n < len(list) && list[n].ts-list[n-1].ts <= gap {
				n++
			}
			for _, r := range list[i:n] {
				add(r, span{list[i].ts, list[n-1].ts + gap})
			}
			i = n
		}
	}
}
