CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test','format'='json');
CREATE TABLE o (card BIGINT, n BIGINT, amount DECIMAL(12,2), at TIMESTAMP(3)) WITH ('connector'='test');
INSERT INTO o SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
 MEASURES COUNT(S.*) AS n, B.amount AS amount, B.ts AS at
 AFTER MATCH SKIP PAST LAST ROW PATTERN (S{1,} B) WITHIN INTERVAL '1' MINUTE
 DEFINE S AS S.amount < 10, B AS B.amount > 5 * AVG(S.amount) AND B.amount > 50);
