CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test','format'='json');
CREATE TABLE o (card BIGINT, n BIGINT, s DECIMAL(20,2), u BIGINT) WITH ('connector'='test');
INSERT INTO o SELECT card, COUNT(*), SUM(amount), COUNT(DISTINCT amount) FROM TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '20' SECOND) GROUP BY window_start, window_end, card;
