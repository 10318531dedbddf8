package sim

import "strings"

// changing is a query over payments whose results change. Which changes lead to the
// last result follows from the order of the rows, so the table is of one partition.
func changing(name, settings, columns, query string) workload {
	w := plain(name, columns, query)
	w.alone, w.record = true, late
	w.sql = settings + "\n" + w.sql
	return w
}

func init() {
	ttl := "SET 'state.ttl' = '40 s';"
	emit := strings.Join([]string{
		"SET 'table.exec.emit.early-fire.enabled' = 'true';", "SET 'table.exec.emit.allow-lateness' = '20 s';",
	}, " ")
	workloads = append(workloads,
		changing("groups", ttl, "country STRING, n BIGINT, total DECIMAL(38,2), m DECIMAL(12,2)",
			`SELECT country, COUNT(*), SUM(amount), MAX(amount) FROM payments GROUP BY country`),
		changing("ranks", ttl, "card BIGINT, amount DECIMAL(12,2), n BIGINT",
			`SELECT card, amount, n FROM (SELECT card, amount, ROW_NUMBER() OVER (PARTITION BY card ORDER BY amount DESC) AS n FROM payments) WHERE n <= 3`),
		changing("shown early", emit, "country STRING, s TIMESTAMP(3), e TIMESTAMP(3), n BIGINT, total DECIMAL(38,2)",
			`SELECT country, window_start, window_end, COUNT(*), SUM(amount) FROM HOP(TABLE payments, DESCRIPTOR(ts), INTERVAL '3' SECOND, INTERVAL '9' SECOND) GROUP BY window_start, window_end, country`),
	)
}
