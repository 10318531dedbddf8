-- The two streams of the workload. A benchmark gives their rows.
CREATE TABLE tx (
  ts TIMESTAMP(3), card BIGINT, amount DOUBLE, country STRING, kind STRING,
  WATERMARK FOR ts AS ts
) WITH ('connector' = 'workload', 'stream' = 'transactions');
CREATE TABLE stock (
  ts TIMESTAMP(3), symbol STRING, price DOUBLE, volume BIGINT,
  WATERMARK FOR ts AS ts
) WITH ('connector' = 'workload', 'stream' = 'stock');
