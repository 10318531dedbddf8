package api

// statements are texts to begin with.
var statements = []string{
	"CREATE TABLE a (x BIGINT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'number-of-rows' = '10');\nCREATE TABLE b (x BIGINT) WITH ('connector' = 'blackhole');\nINSERT INTO b /*+ NAME('q') */ SELECT x FROM a;",
	"CREATE TABLE IF NOT EXISTS b (x BIGINT) WITH ('connector' = 'blackhole'); CREATE TABLE IF NOT EXISTS q (x BIGINT) WITH ('connector' = 'http', 'format' = 'json', 'http.rate-limit' = '20'); INSERT INTO b /*+ NAME('q') */ SELECT x FROM q",
	"CREATE TABLE IF NOT EXISTS a (x BIGINT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'datagen', 'rows-per-second' = '100');\nCREATE TABLE IF NOT EXISTS b (x BIGINT) WITH ('connector' = 'blackhole');\n" +
		"INSERT INTO b /*+ NAME('q') */ SELECT n FROM a MATCH_RECOGNIZE (PARTITION BY s ORDER BY ts MEASURES COUNT(A.x) AS n, LAST(B.x) AS l ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A{2,5}? (B | C)* $) WITHIN INTERVAL '1' HOUR DEFINE A AS A.x < 10, B AS B.x > AVG(A.x), C AS PREV(C.x, 2) IS NULL);",
	"SELECT s, COUNT(*) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY s, window_start, window_end",
	"CREATE TABLE k (x INT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '127.0.0.1:1', 'format' = 'json', 'properties.sasl.password' = '${env:HOME}'); INSERT INTO k VALUES (1);",
	"CREATE TABLE f (x INT) WITH ('connector' = 'file', 'path' = '../../etc/passwd', 'format' = 'csv'); INSERT INTO f VALUES (1);",
	"CREATE VIEW v AS SELECT x + 1 AS y FROM a WHERE s LIKE '%x' AND REGEXP(s, '(a*)*b'); EXPLAIN SELECT * FROM v;",
	"SHOW TABLES; SHOW QUERIES; SHOW CREATE TABLE a; DESCRIBE a; SET 'state.ttl' = '1 h'; RESET 'state.ttl';",
	"DROP TABLE IF EXISTS a; DROP QUERY IF EXISTS q; DROP VIEW IF EXISTS v;",
	"INSERT INTO b SELECT CAST(:p AS BIGINT) FROM a WHERE x IN (1, 2, NULL) AND ts BETWEEN TIMESTAMP '2026-01-01 00:00:00' AND CURRENT_TIMESTAMP",
	"EXECUTE STATEMENT SET BEGIN INSERT INTO b SELECT x FROM a; INSERT INTO b SELECT -x FROM a; END;",
	"SELECT 1; SELECT * FROM (VALUES (1, 'a')) AS t(x, y) ORDER BY x LIMIT 5",
}
