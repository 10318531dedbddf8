CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test','format'='json');
CREATE TABLE o (card BIGINT, amount DECIMAL(12,2)) WITH ('connector'='test');
INSERT INTO o SELECT card, amount FROM payments WHERE amount > 50;
