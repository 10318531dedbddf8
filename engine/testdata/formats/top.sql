CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test','format'='json');
CREATE TABLE o (card BIGINT, amount DECIMAL(12,2), rn BIGINT) WITH ('connector'='test');
INSERT INTO o SELECT card, amount, rn FROM (SELECT card, amount, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY amount DESC, card, ts) AS rn FROM TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '15' SECOND)) WHERE rn <= 3;
