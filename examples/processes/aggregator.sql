-- Aggregator: what an account has spent lately is kept by account, and a call goes
-- out when it passes a limit.

CREATE TABLE spendings (account STRING, amount DECIMAL(12, 2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE limits_reached (account STRING, total DECIMAL(12, 2), PRIMARY KEY (account) NOT ENFORCED)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/limits', 'format' = 'json');

INSERT INTO limits_reached /*+ NAME('aggregator') */
SELECT account, total FROM (
  SELECT account, amount, SUM(amount) OVER (PARTITION BY account ORDER BY ts
    RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW) AS total FROM spendings
) AS s WHERE total > 1000 AND total - amount <= 1000;
