package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/cepd/cepd/engine/enginetest"
)

// workload is a query and the records it reads. What it gives must not depend
// on which partition comes first: no row is late, but in tables of one
// partition.
type workload struct {
	name   string
	topics []string
	sql    string // after the tables
	alone  bool   // of one partition
	told   bool   // with a budget of its own it keeps other state
	stays  bool   // keys stay in memory, though their rows do not
	record func(rng *rand.Rand, i int) string
}

var onlyPayments = []string{"payments"}

// match is a pattern over payments.
func match(name, clause string) workload {
	return workload{name: name, topics: onlyPayments, record: payment, sql: `CREATE TABLE alerts (card BIGINT, n BIGINT, t TIMESTAMP(3)) WITH ('connector'='sim','format'='json');
INSERT INTO alerts SELECT card, n, t FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts ` + clause + `)`}
}

// all is a pattern with all rows per match.
func all(name, clause string) workload {
	return workload{name: name, topics: onlyPayments, record: payment, sql: `CREATE TABLE alerts (card BIGINT, n BIGINT, t TIMESTAMP(3)) WITH ('connector'='sim','format'='json');
INSERT INTO alerts SELECT card, n, ts FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts ` + clause + `)`}
}

// plain is any query over payments with the columns of columns.
func plain(name, columns, query string) workload {
	return workload{name: name, topics: onlyPayments, record: payment,
		sql: "CREATE TABLE o (" + columns + ") WITH ('connector'='sim','format'='json');\nINSERT INTO o " + query}
}

// told is a workload that keeps other state with a budget of its own.
func told(w workload) workload {
	w.told = true
	return w
}

const smallThenLarge = `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE DEFINE S AS S.amount < 10, B AS B.amount > 50`

var workloads = []workload{
	plain("pass", "card BIGINT, amount DECIMAL(12,2)", `SELECT card, amount FROM payments WHERE amount > 5`),
	match("strict", smallThenLarge),
	match("threads", `MEASURES LAST(ts) AS t, COUNT(*) AS n AFTER MATCH SKIP PAST LAST ROW PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE DEFINE S AS S.amount < 10, B AS B.amount > 5 * AVG(S.amount)`),
	match("greedy end", `MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n PATTERN (A B+) WITHIN INTERVAL '15' SECOND DEFINE B AS B.amount < 9`),
	match("next row", `MEASURES LAST(ts) AS t, COUNT(*) AS n AFTER MATCH SKIP TO NEXT ROW PATTERN (A B* C) WITHIN INTERVAL '20' SECOND DEFINE C AS C.amount > A.amount`),
	match("neighbours", `MEASURES COUNT(*) AS n, LAST(ts) AS t PATTERN (A+ B) WITHIN INTERVAL '30' SECOND DEFINE A AS A.amount < NEXT(A.amount), B AS B.amount > PREV(B.amount)`),
	match("numbered", `MEASURES MATCH_NUMBER() AS n, LAST(ts) AS t PATTERN (A B{2}) WITHIN INTERVAL '15' SECOND DEFINE B AS B.amount < 9`),
	match("relaxed", `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (A -> B) WITHIN INTERVAL '20' SECOND DEFINE A AS A.amount < 5, B AS B.amount > 50`),
	match("relaxed, equal", `MEASURES LAST(ts) AS t, COUNT(*) AS n AFTER MATCH SKIP TO NEXT ROW PATTERN (A -> B -> C) WITHIN INTERVAL '10' SECOND DEFINE A AS A.amount < 5, B AS B.amount > A.amount, C AS C.amount > 50`),
	match("held", `MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n AFTER MATCH SKIP PAST LAST ROW PATTERN (A -> B -> C) WITHIN INTERVAL '20' SECOND DEFINE A AS A.amount < 9, B AS B.amount > A.amount, C AS C.amount > B.amount`),
	match("absence", `MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n PATTERN (A -> NOT B) WITHIN INTERVAL '4' SECOND DEFINE A AS A.amount < 90, B AS B.amount > 50`),
	match("time-outs", `MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n PATTERN (A -> B) WITHIN INTERVAL '10' SECOND EMIT TIMEOUTS DEFINE A AS A.amount < 9, B AS B.amount > 50`),
	match("any", `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (A ->> B ->> C) WITHIN INTERVAL '4' SECOND DEFINE A AS A.amount < 3, C AS C.amount > 50`),
	all("all rows", `MEASURES COUNT(*) AS n ALL ROWS PER MATCH PATTERN (A B+) WITHIN INTERVAL '15' SECOND DEFINE B AS B.amount < 9`),
	all("unmatched rows", `MEASURES COUNT(*) AS n ALL ROWS PER MATCH WITH UNMATCHED ROWS AFTER MATCH SKIP TO NEXT ROW PATTERN (A B{2}) WITHIN INTERVAL '15' SECOND DEFINE B AS B.amount < 9`),
	plain("tumble", "country STRING, s TIMESTAMP(3), n BIGINT, total DECIMAL(38,2)",
		`SELECT country, window_start, COUNT(*), SUM(amount) FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '7' SECOND)) GROUP BY window_start, window_end, country`),
	told(plain("hop", "card BIGINT, s TIMESTAMP(3), n BIGINT, m DECIMAL(12,2)",
		`SELECT card, window_start, COUNT(DISTINCT country), MAX(amount) FROM TABLE(HOP(TABLE payments, DESCRIPTOR(ts), INTERVAL '3' SECOND, INTERVAL '9' SECOND)) GROUP BY window_start, window_end, card`)),
	plain("session", "card BIGINT, s TIMESTAMP(3), n BIGINT",
		`SELECT card, window_start, COUNT(*) FROM TABLE(SESSION(TABLE payments PARTITION BY card, DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY window_start, window_end, card`),
	plain("over", "card BIGINT, ts TIMESTAMP(3), n BIGINT, total DECIMAL(38,2)",
		`SELECT card, ts, COUNT(*) OVER (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '8' SECOND PRECEDING AND CURRENT ROW), SUM(amount) OVER (PARTITION BY card ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM payments`),
	plain("suppress", "parity BIGINT, t TIMESTAMP(3), more BIGINT, status STRING",
		`SELECT parity, t, more, status FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
 MEASURES MATCH_ROWTIME() AS t, MOD(card, 2) AS parity, SUPPRESS_COUNT() AS more, SUPPRESS_STATUS() AS status PATTERN (A B+) WITHIN INTERVAL '15' SECOND
 SUPPRESS BY parity FOR INTERVAL '30' SECOND DEFINE B AS B.amount < 9)`),
	plain("hierarchy", "card BIGINT, a TIMESTAMP(3), z TIMESTAMP(3), n BIGINT",
		`SELECT card, a, z, n FROM (SELECT card, t, n FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
 MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n PATTERN (A -> B) WITHIN INTERVAL '10' SECOND EMIT TIMEOUTS DEFINE A AS A.amount < 9, B AS B.amount > 50))
 MATCH_RECOGNIZE (PARTITION BY card ORDER BY t, n MEASURES FIRST(X.t) AS a, LAST(X.t) AS z, SUM(X.n) AS n
 AFTER MATCH SKIP TO NEXT ROW PATTERN (X{3}) WITHIN INTERVAL '20' SECOND DEFINE X AS TRUE)`),
	{name: "statement set", topics: onlyPayments, record: payment, sql: `CREATE TABLE alerts (card BIGINT, kind STRING, t TIMESTAMP(3)) WITH ('connector'='sim','format'='json');
CREATE TABLE large (card BIGINT, country STRING) WITH ('connector'='sim','format'='json');
CREATE TABLE counts (country STRING, n BIGINT) WITH ('connector'='sim','format'='json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO alerts SELECT card, 'probes', t FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts ` + smallThenLarge + `);
INSERT INTO alerts SELECT card, 'relaxed', t FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES LAST(ts) AS t PATTERN (A -> B) WITHIN INTERVAL '10' SECOND DEFINE A AS A.amount < 5, B AS B.amount > 50);
INSERT INTO large SELECT card, country FROM payments WHERE amount > 50;
INSERT INTO counts SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY country ORDER BY ts MEASURES COUNT(*) AS n PATTERN (A{3}) WITHIN INTERVAL '10' MINUTE DEFINE A AS TRUE);
END;`},
	{name: "rules together", topics: onlyPayments, record: payment, sql: `CREATE TABLE alerts (card BIGINT, kind STRING, t TIMESTAMP(3)) WITH ('connector'='sim','format'='json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO alerts SELECT card, 'a', t FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES LAST(ts) AS t AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) WITHIN INTERVAL '9' SECOND DEFINE A AS A.amount < 5, B AS B.amount < 9);
INSERT INTO alerts SELECT card, 'b', t FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES LAST(ts) AS t PATTERN (A B C) WITHIN INTERVAL '15' SECOND DEFINE B AS B.amount > 50, C AS C.country = 'DE');
INSERT INTO alerts SELECT card, 'c', t FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES LAST(ts) AS t PATTERN (A B) WITHIN INTERVAL '4' SECOND DEFINE A AS A.amount > 50, B AS B.amount > 50);
END;`},
	{name: "interval join", stays: true, topics: []string{"payments", "refunds"}, record: payment, sql: `CREATE TABLE o (card BIGINT, p DECIMAL(12,2), r DECIMAL(12,2), t TIMESTAMP(3)) WITH ('connector'='sim','format'='json');
INSERT INTO o SELECT p.card, p.amount, r.amount, p.ts FROM payments AS p LEFT JOIN refunds AS r ON p.card = r.card AND r.amount > 50 AND r.ts BETWEEN p.ts - INTERVAL '3' SECOND AND p.ts + INTERVAL '6' SECOND`},
	told(plain("cumulate", "card BIGINT, e TIMESTAMP(3), n BIGINT, m DECIMAL(12,2)",
		`SELECT card, window_end, COUNT(*), MAX(amount) FROM TABLE(CUMULATE(TABLE payments, DESCRIPTOR(ts), INTERVAL '3' SECOND, INTERVAL '12' SECOND)) GROUP BY window_start, window_end, card`)),
	plain("totals", "card BIGINT, ts TIMESTAMP(3), n BIGINT, total DECIMAL(38,2)",
		`SELECT card, ts, COUNT(*) OVER (PARTITION BY card ORDER BY ts RANGE UNBOUNDED PRECEDING), SUM(amount) OVER (PARTITION BY card ORDER BY ts RANGE UNBOUNDED PRECEDING) FROM payments`),
	{name: "sessions counted", topics: onlyPayments, record: payment, sql: `CREATE TABLE o (e TIMESTAMP(3), n BIGINT, longest BIGINT) WITH ('connector'='sim','format'='json');
CREATE VIEW visits AS SELECT window_time AS wt, card, COUNT(*) AS n FROM TABLE(SESSION(TABLE payments PARTITION BY card, DESCRIPTOR(ts), INTERVAL '3' SECOND)) GROUP BY window_start, window_end, window_time, card;
INSERT INTO o SELECT window_end, COUNT(*), MAX(n) FROM TABLE(TUMBLE(TABLE visits, DESCRIPTOR(wt), INTERVAL '10' SECOND)) GROUP BY window_start, window_end`},
	plain("first of each", "card BIGINT, e TIMESTAMP(3), amount DECIMAL(12,2), n BIGINT",
		`SELECT card, window_end, amount, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, country ORDER BY amount DESC, card, ts) AS rn FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '7' SECOND))) WHERE rn <= 2`),
	{name: "two tables", topics: []string{"payments", "refunds"}, record: payment, sql: `CREATE TABLE alerts (card BIGINT, n BIGINT, t TIMESTAMP(3)) WITH ('connector'='sim','format'='json');
INSERT INTO alerts SELECT card, n, t FROM (SELECT card, amount, ts, 'p' AS kind FROM payments UNION ALL SELECT card, amount, ts, 'r' AS kind FROM refunds)
 MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (P+ R) WITHIN INTERVAL '30' SECOND DEFINE P AS P.kind = 'p', R AS R.kind = 'r' AND R.amount > 50)`},
	{name: "dead letters", topics: onlyPayments, record: spoilt, sql: deadLetters + smallThenLarge + `)`},
	{name: "late rows", topics: onlyPayments, alone: true, record: late, sql: deadLetters + `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (A -> B) WITHIN INTERVAL '20' SECOND DEFINE A AS A.amount < 5, B AS B.amount > 50)`},
	match("limits", `MEASURES 100 * COUNT(*) + MATCH_NUMBER() AS n, LAST(ts) AS t PATTERN (A B* C) DEFINE A AS A.amount < 8, B AS B.amount < 10, C AS C.amount > 50`),
}

const deadLetters = "CREATE TABLE alerts (card BIGINT, n BIGINT, t TIMESTAMP(3)) WITH ('connector'='sim','format'='json');\n" +
	"CREATE TABLE dead (`partition` INT, `offset` BIGINT, kind STRING) WITH ('connector'='sim','format'='json');\n" +
	"INSERT INTO alerts SELECT card, n, t FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts "

// script is the workload's text for a scenario.
func (w *workload) script(idle, tiny bool) string {
	timeout := "0 s"
	if idle {
		timeout = fmt.Sprintf("%d ms", idleTimeout/1000)
	}
	options := fmt.Sprintf("'connector'='sim','format'='json','scan.watermark.idle-timeout'='%s'", timeout)
	if strings.Contains(w.sql, "TABLE dead") {
		options += ",'scan.dead-letter-table'='dead','scan.late-table'='dead'"
	}
	text := fmt.Sprintf("SET 'cepd.shards' = '3'; SET 'sink.buffer-max-bytes' = '%d';\n", sinkLimit)
	if w.name == "over" || w.name == "totals" {
		text += "SET 'state.ttl' = '40 s';\n"
	}
	if tiny && w.told {
		text += "SET 'state.memory.budget' = '16 b';\n"
	}
	if w.name == "limits" {
		text += "SET 'state.ttl' = '7 s'; SET 'state.limit-policy' = 'drop-oldest'; SET 'state.max-rows-per-key' = '6';\n"
	}
	for _, name := range w.topics {
		text += fmt.Sprintf("CREATE TABLE %s (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH (%s);\n", name, options)
	}
	return text + w.sql
}

// payment is record i of a partition: at most four seconds out of order.
func payment(rng *rand.Rand, i int) string { return paymentAt(rng, i+rng.IntN(4)) }

func paymentAt(rng *rand.Rand, second int) string {
	amount := rng.IntN(12)
	if rng.IntN(3) == 0 {
		amount = 51 + rng.IntN(40)
	}
	second += 60
	return fmt.Sprintf(`{"card":%d,"amount":%d,"country":"%s","ts":"2026-01-01 00:%02d:%02d"}`,
		rng.IntN(4), amount, []string{"DE", "US", "FR"}[rng.IntN(3)], second/60, second%60)
}

// spoilt is a payment, or something that is none.
func spoilt(rng *rand.Rand, i int) string {
	switch rng.IntN(8) {
	case 0:
		return `{"card": 1, "amou`
	case 1:
		return `{"card":2,"amount":3}`
	}
	return payment(rng, i)
}

// late is a payment that is sometimes too late.
func late(rng *rand.Rand, i int) string {
	if rng.IntN(6) == 0 {
		return paymentAt(rng, i-rng.IntN(20))
	}
	return payment(rng, i)
}

func findWorkload(name string) *workload {
	for i := range workloads {
		if workloads[i].name == name {
			return &workloads[i]
		}
	}
	return nil
}

// Compiler compiles the workloads, each once.
type Compiler struct {
	mu    sync.Mutex
	plans map[string]*enginetest.Compiled
}

func (c *Compiler) compile(sc *Scenario) (*enginetest.Compiled, error) {
	w := findWorkload(sc.Workload)
	if w == nil {
		return nil, fmt.Errorf("there is no workload %q", sc.Workload)
	}
	text := w.script(sc.Idle, sc.Tiny)
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.plans[text]; p != nil {
		return p, nil
	}
	p, err := enginetest.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", w.name, err)
	}
	if c.plans == nil {
		c.plans = map[string]*enginetest.Compiled{}
	}
	c.plans[text] = p
	return p, nil
}
