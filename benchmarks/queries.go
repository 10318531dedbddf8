package benchmarks

// Table is the transactions as cepd sees them; Options go between WITH's
// parentheses.
const Table = `CREATE TABLE tx (
  ts TIMESTAMP(3), card BIGINT, amount DOUBLE, country STRING, kind STRING,
  WATERMARK FOR ts AS ts
) WITH (%s);
`

// Workload is a query of the shared workload, with its known answer.
type Workload struct {
	Name    string
	Query   string
	Hand    func(*Transactions) int
	Matches int // in the first 5,000,000 events
}

// Workloads are the queries that run in this release.
var Workloads = []Workload{
	{"Q1", `SELECT card, amount, country FROM tx WHERE amount > 1000 AND country <> 'US'`, HandQ1, 44_060},
	{"Q2", `SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES A.ts AS probed, B.ts AS ts, B.amount AS amount
  PATTERN (A B) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.amount < 10, B AS B.amount > 1000)`, HandQ2, 2_269},
	{"Q4", `SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES COUNT(A.*) AS probes, B.ts AS ts, B.amount AS amount
  PATTERN (A{3,} B)
  DEFINE A AS A.amount < 10, B AS B.amount > 5 * AVG(A.amount))`, HandQ4, 350},
}
