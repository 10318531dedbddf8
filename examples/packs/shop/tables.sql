-- A project that imports the pack payments: its transactions are payments by another
-- name, in cents, and a view says so.
CREATE TABLE transactions (pan STRING, cents BIGINT, merchant ROW<country STRING>, booked TIMESTAMP(3), WATERMARK FOR booked AS booked - INTERVAL '2' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 'transactions', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE VIEW payments AS
SELECT pan AS card, CAST(cents AS DECIMAL(12, 2)) / 100 AS amount, merchant.country AS country, booked AS ts
FROM transactions;

CREATE TABLE fraud_alerts (rule STRING, card STRING, at TIMESTAMP(3), detail STRING)
  WITH ('connector' = 'kafka', 'topic' = 'shop-alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
