CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test','format'='json');
CREATE TABLE o (card BIGINT, n BIGINT) WITH ('connector'='test');
INSERT INTO o SELECT card, COUNT(*) FROM TUMBLE((SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
 MEASURES MATCH_ROWTIME() AS t PATTERN (A B) DEFINE A AS A.amount > 50)), DESCRIPTOR(t), INTERVAL '10' SECOND) GROUP BY window_start, window_end, card;
