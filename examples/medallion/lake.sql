-- The gold layer as files: what medallion.sql keeps in the topic silver becomes
-- Parquet, a folder a day, with each minute of a country once.

CREATE TABLE silver (
  id STRING, card BIGINT, amount DECIMAL(12, 2), country STRING, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '30' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'silver', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE TABLE gold_minutes (`day` STRING, country STRING, minute_start TIMESTAMP(3), payments BIGINT, amount DECIMAL(38, 2)) WITH (
  'connector' = 'filesystem', 'path' = 'gold/minutes', 'format' = 'parquet', 'partition-by' = 'day',
  'sink.delivery-guarantee' = 'exactly-once'
);

INSERT INTO gold_minutes
SELECT DATE_FORMAT(window_start, 'yyyy-MM-dd'), country, window_start, COUNT(*), SUM(amount)
FROM TUMBLE(TABLE silver, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, country;
