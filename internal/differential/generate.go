package differential

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Query is one that both engines are asked.
type Query struct {
	ID  string `json:"id"` // kind and number, such as "over/3"
	SQL string `json:"sql"`
}

// kinds of queries, and how many of each are made.
var kinds = []struct {
	name  string
	count int
	make  func(*generator) string
}{
	{"expression", 70, (*generator).expression},
	{"function", 70, (*generator).function},
	{"decimal", 40, (*generator).decimal},
	{"null", 25, (*generator).null},
	{"window", 60, (*generator).window},
	{"over", 35, (*generator).over},
	{"join", 40, (*generator).join},
	{"rank", 15, (*generator).rank},
	{"set", 10, (*generator).set},
	{"group", 25, (*generator).group},
}

// Generate makes the queries of a seed: the same for the same seed.
func Generate(seed uint64) []Query {
	var list []Query
	for i, k := range kinds {
		g := &generator{r: rand.New(rand.NewPCG(seed, uint64(i)))} //nolint:gosec // queries of a test, the same every time
		for n := range k.count {
			list = append(list, Query{fmt.Sprintf("%s/%d", k.name, n), k.make(g)})
		}
	}
	return list
}

type generator struct {
	r     *rand.Rand
	alias string // of the table whose columns are named, with a point
}

func (g *generator) pick(list ...string) string { return list[g.r.IntN(len(list))] }
func (g *generator) one(in int) bool            { return g.r.IntN(in) == 0 }
func (g *generator) col(name string) string     { return g.alias + name }

// columns is a SELECT list of n items.
func (g *generator) columns(n int, item func() string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s AS c%d", item(), i)
	}
	return strings.Join(list, ", ")
}

func (g *generator) expression() string {
	return "SELECT id, " + g.columns(3, func() string { return g.any(3) }) + " FROM a WHERE " + g.boolean(2)
}

func (g *generator) any(depth int) string {
	switch g.r.IntN(6) {
	case 0:
		return g.integer(depth)
	case 1:
		return g.double(depth)
	case 2:
		return g.exact(depth)
	case 3:
		return g.text(depth)
	case 4:
		return g.boolean(depth)
	default:
		return g.time(depth)
	}
}

// integer is a BIGINT or INT.
func (g *generator) integer(depth int) string {
	if depth == 0 {
		return g.pick(g.col("k"), g.col("n"), g.col("id"), "3", "-2", "100")
	}
	d := depth - 1
	switch g.r.IntN(9) {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", g.integer(d), g.pick("+", "-", "*"), g.integer(0))
	case 2:
		return fmt.Sprintf("(%s / %s)", g.integer(d), g.pick("3", "-7", "100"))
	case 3:
		return fmt.Sprintf("MOD(%s, %s)", g.integer(d), g.pick("3", "7"))
	case 4:
		return fmt.Sprintf("CHAR_LENGTH(%s)", g.text(d))
	case 5:
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", g.boolean(d), g.integer(d), g.integer(d))
	case 6:
		return fmt.Sprintf("COALESCE(%s, %s)", g.integer(d), g.integer(0))
	case 7:
		return fmt.Sprintf("EXTRACT(%s FROM %s)", g.pick("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "QUARTER", "DOY", "WEEK"), g.time(d))
	default:
		return fmt.Sprintf("CAST(%s AS %s)", g.pick(g.double(d), g.exact(d)), g.pick("BIGINT", "INT"))
	}
}

func (g *generator) double(depth int) string {
	if depth == 0 {
		return g.pick(g.col("x"), g.col("x"), "1.5E0", "CAST(0.25 AS DOUBLE)")
	}
	d := depth - 1
	switch g.r.IntN(6) {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", g.double(d), g.pick("+", "-", "*"), g.double(0))
	case 2:
		return fmt.Sprintf("%s(%s)", g.pick("ABS", "FLOOR", "CEIL", "SIGN"), g.double(d))
	case 3:
		return fmt.Sprintf("CAST(%s AS DOUBLE)", g.pick(g.integer(d), g.exact(d)))
	case 4:
		return fmt.Sprintf("SQRT(ABS(%s))", g.double(d))
	default:
		return fmt.Sprintf("NULLIF(%s, %s)", g.double(d), g.double(0))
	}
}

// exact is a DECIMAL.
func (g *generator) exact(depth int) string {
	if depth == 0 {
		return g.pick(g.col("d"), g.col("e"), "1.25", "0.001", "-10.0")
	}
	d := depth - 1
	switch g.r.IntN(6) {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", g.exact(d), g.pick("+", "-", "*"), g.exact(0))
	case 2:
		return fmt.Sprintf("(%s / %s)", g.exact(d), g.pick("3", "1.7", "CAST(8 AS DECIMAL(4, 1))"))
	case 3:
		return fmt.Sprintf("ROUND(%s, %s)", g.exact(d), g.pick("0", "1", "2"))
	case 4:
		return fmt.Sprintf("CAST(%s AS DECIMAL(%s))", g.pick(g.integer(d), g.exact(d)), g.pick("20, 4", "12, 1", "30, 0"))
	default:
		return fmt.Sprintf("%s(%s)", g.pick("ABS", "FLOOR", "CEIL", "-"), g.exact(d))
	}
}

func (g *generator) text(depth int) string {
	if depth == 0 {
		return g.pick(g.col("s"), g.col("s"), "'ab'", "''")
	}
	d := depth - 1
	switch g.r.IntN(8) {
	case 0:
		return fmt.Sprintf("(%s || %s)", g.text(d), g.text(0))
	case 1:
		return fmt.Sprintf("%s(%s)", g.pick("UPPER", "LOWER", "TRIM", "REVERSE", "INITCAP"), g.text(d))
	case 2:
		return fmt.Sprintf("SUBSTRING(%s FROM %d FOR %d)", g.text(d), 1+g.r.IntN(4), g.r.IntN(5))
	case 3:
		return fmt.Sprintf("REPLACE(%s, %s, %s)", g.text(d), g.pick("'a'", "','", "' '"), g.pick("'_'", "''", "'aa'"))
	case 4:
		return fmt.Sprintf("CAST(%s AS STRING)", g.pick(g.integer(d), g.exact(d), g.boolean(d), g.time(d)))
	case 5:
		return fmt.Sprintf("%s(%s, %d, '*')", g.pick("LPAD", "RPAD"), g.text(d), g.r.IntN(12))
	case 6:
		return fmt.Sprintf("CASE %s WHEN 1 THEN %s WHEN 2 THEN 'two' ELSE %s END", g.col("k"), g.text(d), g.text(0))
	default:
		return fmt.Sprintf("COALESCE(%s, 'none')", g.text(d))
	}
}

func (g *generator) boolean(depth int) string {
	if depth == 0 {
		return g.pick(g.col("b"), g.col("k")+" > 2", g.col("s")+" IS NULL", g.col("n")+" < 300")
	}
	d := depth - 1
	op := g.pick("=", "<>", "<", "<=", ">", ">=")
	switch g.r.IntN(10) {
	case 0:
		return fmt.Sprintf("(%s %s %s)", g.integer(d), op, g.integer(d))
	case 1:
		return fmt.Sprintf("(%s %s %s)", g.exact(d), op, g.exact(d))
	case 2:
		return fmt.Sprintf("(%s %s %s)", g.text(d), op, g.text(d))
	case 3:
		return fmt.Sprintf("(%s AND %s)", g.boolean(d), g.boolean(d))
	case 4:
		return fmt.Sprintf("(%s OR %s)", g.boolean(d), g.boolean(d))
	case 5:
		return fmt.Sprintf("(NOT %s)", g.boolean(d))
	case 6:
		return fmt.Sprintf("(%s BETWEEN %s AND %s)", g.integer(d), g.integer(0), g.integer(0))
	case 7:
		return fmt.Sprintf("(%s LIKE %s)", g.text(d), g.pick("'%a%'", "'_b%'", "'%!%%' ESCAPE '!'", "''"))
	case 8:
		return fmt.Sprintf("(%s IS %s)", g.boolean(d), g.pick("TRUE", "NOT TRUE", "FALSE", "UNKNOWN", "NOT NULL"))
	default:
		return fmt.Sprintf("(%s IN (%s, %s, 7))", g.integer(d), g.integer(0), g.integer(0))
	}
}

func (g *generator) time(depth int) string {
	if depth == 0 || g.one(3) {
		return "CAST(" + g.col("ts") + " AS TIMESTAMP(3))"
	}
	d := depth - 1
	switch g.r.IntN(4) {
	case 0:
		return fmt.Sprintf("(%s %s INTERVAL %s)", g.time(d), g.pick("+", "-"), g.pick("'1' DAY", "'90' MINUTE", "'2' MONTH", "'1-3' YEAR TO MONTH", "'10.5' SECOND"))
	case 1:
		return fmt.Sprintf("FLOOR(%s TO %s)", g.time(d), g.pick("HOUR", "DAY", "MONTH", "MINUTE"))
	case 2:
		return fmt.Sprintf("CEIL(%s TO %s)", g.time(d), g.pick("HOUR", "DAY", "MINUTE"))
	default:
		return fmt.Sprintf("TIMESTAMPADD(%s, %d, %s)", g.pick("DAY", "HOUR", "MINUTE", "MONTH"), g.r.IntN(40)-20, g.time(d))
	}
}
