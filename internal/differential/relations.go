package differential

import (
	"fmt"
	"strings"
)

// aggregates that do not depend on the order of rows.
func (g *generator) aggregate() string {
	filter := ""
	if g.one(4) {
		filter = " FILTER (WHERE " + g.boolean(1) + ")"
	}
	x := g.pick("n", "d", "x", "k", "e")
	switch g.r.IntN(9) {
	case 0:
		return "COUNT(*)" + filter
	case 1:
		return "COUNT(" + g.pick("DISTINCT k", "DISTINCT s", "s", "n") + ")" + filter
	case 2, 3:
		return "SUM(" + x + ")" + filter
	case 4:
		return "MIN(" + g.pick(x, "s", "CAST(ts AS TIMESTAMP(3))") + ")" + filter
	case 5:
		return "MAX(" + g.pick(x, "s") + ")" + filter
	case 6:
		return "AVG(" + g.pick("d", "x", "e") + ")" + filter
	case 7:
		return g.pick("STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP") + "(x)"
	default:
		return "SUM(DISTINCT " + g.pick("k", "n") + ")"
	}
}

// ordered aggregates are asked of the table whose rows are in order, by
// windows that Flink SQL can compute them for.
func (g *generator) ordered() string {
	return g.pick("FIRST_VALUE(", "LAST_VALUE(") + g.pick("n", "s", "d") + ")"
}

func (g *generator) aggregates(tumbling bool) string {
	return g.columns(3, func() string {
		if tumbling && g.one(3) {
			return g.ordered()
		}
		return g.aggregate()
	})
}

func (g *generator) windowOf(table, keys string) string {
	switch g.r.IntN(4) {
	case 0:
		return fmt.Sprintf("TABLE(TUMBLE(TABLE %s, DESCRIPTOR(ts), INTERVAL %s))", table, g.pick("'1' MINUTE", "'5' MINUTES", "'37' SECOND", "'1' HOUR"))
	case 1:
		return fmt.Sprintf("TABLE(HOP(TABLE %s, DESCRIPTOR(ts), INTERVAL %s))", table, g.pick("'1' MINUTE, INTERVAL '5' MINUTE", "'30' SECOND, INTERVAL '2' MINUTE", "'10' MINUTE, INTERVAL '1' HOUR"))
	case 2:
		return fmt.Sprintf("TABLE(CUMULATE(TABLE %s, DESCRIPTOR(ts), INTERVAL %s))", table, g.pick("'1' MINUTE, INTERVAL '5' MINUTE", "'2' MINUTE, INTERVAL '10' MINUTE"))
	default:
		if keys != "" {
			keys = " PARTITION BY (" + keys + ")"
		}
		return fmt.Sprintf("TABLE(SESSION(TABLE %s%s, DESCRIPTOR(ts), INTERVAL %s))", table, keys, g.pick("'30' SECOND", "'1' MINUTE"))
	}
}

// window is an aggregation by window.
func (g *generator) window() string {
	table := g.pick("a", "z", "o")
	keys := g.pick("", "k", "k", "k, b", "s")
	from := g.windowOf(table, keys)
	by, names := "window_start, window_end", "window_start, window_end"
	if keys != "" {
		names += ", " + keys
		by += ", " + keys
		if keys == "k, b" && !strings.Contains(from, "SESSION") && g.one(2) {
			by = "window_start, window_end, " + g.pick("GROUPING SETS ((k), (k, b), ())", "ROLLUP (k, b)", "CUBE (k, b)")
		}
	}
	having := ""
	if g.one(4) {
		having = " HAVING " + g.pick("COUNT(*) > 1", "SUM(n) > 100", "MAX(x) IS NOT NULL")
	}
	return fmt.Sprintf("SELECT %s, %s FROM %s GROUP BY %s%s", names, g.aggregates(table == "o" && strings.Contains(from, "TUMBLE")), from, by, having)
}

// over is aggregates of the rows before.
func (g *generator) over() string {
	frame := g.pick(
		"RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW", "RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW",
		"ROWS BETWEEN 3 PRECEDING AND CURRENT ROW", "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW")
	by := g.pick("", "PARTITION BY k ", "PARTITION BY k, b ")
	item := func() string {
		x := g.pick("n", "d", "x", "e")
		return g.pick("COUNT(*)", "COUNT(s)", "SUM("+x+")", "MIN("+x+")", "MAX("+x+")", "AVG("+g.pick("d", "x")+")", "COUNT(DISTINCT k)", "FIRST_VALUE("+x+")", "LAST_VALUE("+x+")", "STDDEV_POP(x)") +
			" OVER w"
	}
	return fmt.Sprintf("SELECT id, %s FROM %s WINDOW w AS (%sORDER BY ts %s)", g.columns(3, item), g.pick("a", "o"), by, frame)
}

// join joins streams by time or by window.
func (g *generator) join() string {
	if g.one(3) {
		return g.windowJoin()
	}
	on := g.pick("a.k = z.k", "a.k = z.k AND a.b = z.b", "a.s = z.s", "a.k = z.k AND a.n > z.n", "a.k = z.k AND a.d <= z.d")
	bound := g.pick("a.ts BETWEEN z.ts - INTERVAL '1' MINUTE AND z.ts + INTERVAL '1' MINUTE", "z.ts BETWEEN a.ts AND a.ts + INTERVAL '2' MINUTE",
		"a.ts >= z.ts - INTERVAL '10' SECOND AND a.ts < z.ts + INTERVAL '30' SECOND")
	kind := g.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
	where := ""
	if g.one(3) {
		where = " WHERE " + g.pick("a.n IS NOT NULL", "a.id < 60", "z.x > 0 OR z.x IS NULL")
	}
	return fmt.Sprintf("SELECT a.id AS i, z.id AS j, a.d + z.d AS c0, COALESCE(a.s, z.s) AS c1 FROM a %s z ON %s AND %s%s", kind, on, bound, where)
}

func (g *generator) windowJoin() string {
	window := g.pick("TUMBLE(TABLE %s, DESCRIPTOR(ts), INTERVAL '1' MINUTE)", "TUMBLE(TABLE %s, DESCRIPTOR(ts), INTERVAL '5' MINUTE)",
		"HOP(TABLE %s, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '2' MINUTE)")
	l, r := fmt.Sprintf("TABLE("+window+")", "a"), fmt.Sprintf("TABLE("+window+")", "z")
	const same = "l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end"
	if g.one(3) {
		return fmt.Sprintf("SELECT l.id AS i, l.window_start AS ws FROM (SELECT * FROM %s) l WHERE %s (SELECT * FROM (SELECT * FROM %s) r WHERE %s)", l, g.pick("EXISTS", "NOT EXISTS"), r, same)
	}
	return fmt.Sprintf("SELECT l.id AS i, r.id AS j, l.window_start AS ws, r.window_end AS we FROM (SELECT * FROM %s) l %s (SELECT * FROM %s) r ON %s",
		l, g.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"), r, same)
}

// rank is Top-N and de-duplication.
func (g *generator) rank() string {
	if g.one(2) {
		return fmt.Sprintf("SELECT id, k, d FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY ts %s) AS rn FROM a) WHERE rn = 1",
			g.pick("k", "s", "k, b"), g.pick("ASC", "DESC"))
	}
	window := g.pick("'2' MINUTE", "'10' MINUTE")
	if g.one(2) {
		return fmt.Sprintf("SELECT window_start, k, t, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY t DESC, k) AS rn FROM "+
			"(SELECT window_start, window_end, k, %s AS t FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL %s)) GROUP BY window_start, window_end, k)) WHERE rn <= %d",
			g.pick("COUNT(*)", "COUNT(n)", "COUNT(DISTINCT s)"), window, 1+g.r.IntN(3))
	}
	return fmt.Sprintf("SELECT window_start, id, x, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end%s ORDER BY %s, id) AS rn FROM "+
		"TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL %s)) WHERE x IS NOT NULL AND d IS NOT NULL) WHERE rn <= %d", g.pick("", ", k"), g.pick("x", "x DESC", "d"), window, 1+g.r.IntN(3))
}

// set is sub-queries, common table expressions and UNION ALL.
func (g *generator) set() string {
	one := func(t string) string {
		return fmt.Sprintf("SELECT id, k, %s AS v FROM %s WHERE %s", g.integer(1), t, g.boolean(1))
	}
	return g.pick(
		one("a")+" UNION ALL "+one("z"),
		"WITH c AS ("+one("a")+") SELECT k, v FROM c WHERE v > 10 UNION ALL SELECT k, v FROM c WHERE v < 0",
		"SELECT id, v + 1 AS w FROM ("+one("z")+") q WHERE v IS NOT NULL",
		"SELECT id, u FROM a CROSS JOIN UNNEST(ARRAY[k, n, 5]) AS t (u) WHERE id < 30")
}

// group is aggregation without a window: a changelog.
func (g *generator) group() string {
	table := g.pick("a", "z")
	by := g.pick("k", "b", "s", "k, b")
	having := ""
	if g.one(3) {
		having = " HAVING COUNT(*) > 3"
	}
	if g.one(5) {
		return fmt.Sprintf("SELECT DISTINCT %s FROM %s", by, table)
	}
	return fmt.Sprintf("SELECT %s, %s FROM %s GROUP BY %s%s", by, g.columns(3, g.aggregate), table, by, having)
}
