CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test','format'='json');
CREATE TABLE o (card BIGINT, n BIGINT, at TIMESTAMP(3)) WITH ('connector'='test');
INSERT INTO o SELECT card, COUNT(*), window_end FROM SESSION(TABLE payments PARTITION BY card, DESCRIPTOR(ts), INTERVAL '3' SECOND) GROUP BY card, window_start, window_end;
