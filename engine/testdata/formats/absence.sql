CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test','format'='json');
CREATE TABLE o (card BIGINT, a TIMESTAMP(3)) WITH ('connector'='test');
INSERT INTO o SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
 MEASURES A.ts AS a PATTERN (A -> NOT B) WITHIN INTERVAL '8' SECOND
 DEFINE A AS A.amount > 50, B AS B.amount < 6);
