package stock

import "github.com/cepd/cepd/internal/conformance"

// Query is a pattern query over the table events (kind, id, name, volume, price, ts).
type Query struct{ Name, SQL string }

// Queries are strict sequences, sequences that skip rows, and loops; over the
// whole stream and per symbol.
var Queries = []Query{
	{"strict-pair", `SELECT * FROM events MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES A.id AS a, B.id AS b, B.price - A.price AS diff
  PATTERN (A B)
  DEFINE A AS kind = 'SELL' AND name = 'INTC', B AS kind = 'BUY' AND name = 'RIMM')`},
	{"strict-triple-overlapping", `SELECT * FROM events MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES A.id AS a, B.id AS b, C.id AS c
  AFTER MATCH SKIP TO NEXT ROW
  PATTERN (A B C)
  DEFINE A AS name = 'INTC', B AS name = 'INTC' AND volume > 500, C AS name = 'INTC' AND price >= A.price)`},
	{"v-shape", `SELECT * FROM events MATCH_RECOGNIZE (
  PARTITION BY name ORDER BY ts
  MEASURES A.id AS a, LAST(B.price) AS bottom, LAST(C.price) AS top, COUNT(B.*) AS falls, COUNT(C.*) AS rises
  PATTERN (A B{2,} C{2,})
  DEFINE B AS B.price < PREV(B.price), C AS C.price > PREV(C.price))`},
	{"rising-run", `SELECT * FROM events MATCH_RECOGNIZE (
  PARTITION BY name ORDER BY ts
  MEASURES FIRST(B.ts) AS since, COUNT(B.*) AS n, SUM(B.volume) AS volume, LAST(B.price) - A.price AS gain
  PATTERN (A B{3,}) WITHIN INTERVAL '1' MINUTE
  DEFINE B AS B.price > PREV(B.price))`},
	{"kleene-giving-back", `SELECT * FROM events MATCH_RECOGNIZE (
  PARTITION BY name ORDER BY ts
  MEASURES A.id AS a, COUNT(B.*) AS n, C.id AS c, MAX(B.volume) AS biggest
  PATTERN (A B+ C) WITHIN INTERVAL '10' SECOND
  DEFINE A AS volume > 2000, B AS B.price >= A.price, C AS C.volume > 1000 AND C.kind <> A.kind)`},
	{"skip-to-next-match", `SELECT * FROM events MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES A.id AS a, B.id AS b, C.id AS c
  AFTER MATCH SKIP TO NEXT ROW
  PATTERN (A X*? B Y*? C) WITHIN INTERVAL '1' SECOND
  DEFINE A AS kind = 'SELL' AND name = 'INTC', B AS kind = 'BUY' AND name = 'RIMM', C AS kind = 'BUY' AND name = 'QQQ')`},
	{"average-breakout", `SELECT * FROM events MATCH_RECOGNIZE (
  PARTITION BY name ORDER BY ts
  MEASURES FIRST(A.id) AS a, AVG(A.volume) AS usual, B.volume AS volume
  PATTERN (A{3,8} B)
  DEFINE A AS A.volume < 300, B AS B.volume > 20 * AVG(A.volume))`},
	{"either-order", `SELECT * FROM events MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES FIRST(id) AS first, LAST(id) AS last, CLASSIFIER() AS ended
  AFTER MATCH SKIP TO NEXT ROW
  PATTERN (PERMUTE(A, B) (C | D)+)
  DEFINE A AS name = 'MSFT', B AS name = 'ORCL', C AS name = 'CSCO', D AS name = 'AMAT' AND kind = 'SELL')`},
	{"all-rows-running", `SELECT * FROM events MATCH_RECOGNIZE (
  PARTITION BY name ORDER BY ts
  MEASURES MATCH_NUMBER() AS mn, CLASSIFIER() AS cls, SUM(volume) AS running, FINAL SUM(volume) AS total, PREV(price) AS before
  ALL ROWS PER MATCH
  PATTERN (A+ B{2} {- C -} D)
  DEFINE A AS A.price < PREV(A.price), B AS B.price > LAST(A.price), C AS kind = 'BUY', D AS D.volume > FIRST(A.volume))`},
	{"impossible-last", `SELECT * FROM events MATCH_RECOGNIZE (
  PARTITION BY volume ORDER BY ts
  MEASURES A.id AS a
  PATTERN (A B+ C)
  DEFINE A AS kind = 'SELL', B AS B.name <> A.name, C AS name = 'NotExists')`},
}

// Case is a query over trades in the form that conformance drivers run.
func Case(q Query, trades []Trade) *conformance.Case {
	c := &conformance.Case{
		Area: "stock", Name: q.Name, Query: q.SQL,
		Schema: [][2]string{{"kind", "VARCHAR"}, {"id", "BIGINT"}, {"name", "VARCHAR"}, {"volume", "BIGINT"}, {"price", "DOUBLE"}, {"ts", "TIMESTAMP"}},
		Input:  make([]conformance.Entry, len(trades)),
	}
	for i, t := range trades {
		c.Input[i].Row = []any{t.Kind, int(t.ID), t.Name, int(t.Volume), t.Price, int(t.Time)}
	}
	return c
}
