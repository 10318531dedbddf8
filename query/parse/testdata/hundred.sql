-- Card fraud: the tables, a view, and three detections. One hundred lines, the
-- text that BenchmarkParse reads.
CREATE TABLE payments (
  card     BIGINT NOT NULL,
  amount   DECIMAL(12, 2),
  currency CHAR(3),
  country  STRING,
  merchant STRING COMMENT 'as the acquirer spells it',
  kind     STRING,
  device   ROW<id STRING, os STRING, tags ARRAY<STRING>>,
  extra    MAP<STRING, STRING>,
  ts       TIMESTAMP(3),
  part     INT METADATA FROM 'partition' VIRTUAL,
  off      BIGINT METADATA FROM 'offset' VIRTUAL,
  proc     AS PROCTIME(),
  PRIMARY KEY (card) NOT ENFORCED,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'payments',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE alerts (
  card BIGINT, rule STRING, amount DECIMAL(12, 2), probes BIGINT, started TIMESTAMP(3)
) WITH ('connector' = 'kafka', 'topic' = 'alerts', 'format' = 'json');

CREATE VIEW foreign_payments AS
SELECT card, amount, country, ts, UPPER(TRIM(merchant)) AS merchant,
       CASE WHEN amount > 1000 THEN 'large' WHEN amount > 100 THEN 'middle' ELSE 'small' END AS size
FROM payments
WHERE country <> 'US' AND amount IS NOT NULL AND kind IN ('ecom', 'pos', 'atm')
  AND merchant NOT LIKE 'TEST%' AND amount BETWEEN 0 AND 1000000;

/* Small probes, then a large payment. */
INSERT INTO alerts
SELECT card, 'probe', amount, probes, started
FROM payments
MATCH_RECOGNIZE (
  PARTITION BY card
  ORDER BY ts
  MEASURES
    FIRST(S.ts) AS started,
    COUNT(S.*) AS probes,
    B.amount AS amount
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S{3,} B) WITHIN INTERVAL '10' MINUTE
  DEFINE
    S AS S.amount < 10,
    B AS B.amount > 5 * AVG(S.amount) AND B.amount > 500
) AS m;

-- Two countries, too fast, with no travel booking between.
INSERT INTO alerts
SELECT card, 'travel', amount, CAST(NULL AS BIGINT), started
FROM payments
MATCH_RECOGNIZE (
  PARTITION BY card
  ORDER BY ts
  MEASURES A.ts AS started, B.amount AS amount, CLASSIFIER() AS last_step
  AFTER MATCH SKIP TO LAST B
  PATTERN (A -> NOT T -> B) WITHIN INTERVAL '1' HOUR
  DEFINE
    A AS A.kind = 'pos',
    T AS T.merchant SIMILAR TO '%(AIR|RAIL)%',
    B AS B.kind = 'pos' AND B.country <> A.country
) AS m;

-- Velocity: many payments and much money within ten minutes.
INSERT INTO alerts
WITH velocity AS (
  SELECT card, amount, ts,
         COUNT(*) OVER w AS n,
         SUM(amount) OVER w AS total
  FROM payments
  WINDOW w AS (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW)
)
SELECT v.card, 'velocity', v.total, v.n, v.ts
FROM velocity AS v
LEFT JOIN limits FOR SYSTEM_TIME AS OF v.ts AS l ON v.card = l.card
WHERE v.n > COALESCE(l.max_payments, 20) OR v.total > COALESCE(l.max_total, 5000.00);

-- Per merchant and ten minutes.
INSERT INTO merchant_stats
SELECT merchant, window_start, window_end, COUNT(*) AS n, SUM(amount) FILTER (WHERE kind = 'ecom') AS ecom
FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '10' MINUTES))
GROUP BY merchant, window_start, window_end
HAVING COUNT(DISTINCT card) > 100;

INSERT INTO merchant_hours
SELECT merchant, EXTRACT(HOUR FROM ts) AS hour_of_day, AVG(amount) AS average
FROM payments
GROUP BY merchant, EXTRACT(HOUR FROM ts);

SET 'table.exec.state.ttl' = '1 d';
EXPLAIN SELECT card, COUNT(*) FROM payments GROUP BY card;
SHOW TABLES;
