-- One rule for all segments: three payments above the segment's limit within ten
-- minutes. The limits are parameters, which are changed while the rule runs:
--
--   cepd parameters load limits examples/limits/seed.csv --valid-from 2026-01-01T00:00:00Z
--   cepd parameters set limits retail allowed=250 tries=3
CREATE TABLE payments (
  account STRING,
  segment STRING,
  amount  DECIMAL(12, 2),
  ts      TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '2' SECOND
) WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE limits (
  segment    STRING,
  allowed    DECIMAL(12, 2),
  tries      INT,
  valid_from TIMESTAMP_LTZ(3) METADATA FROM 'valid-from' VIRTUAL,
  version    BIGINT METADATA VIRTUAL,
  WATERMARK FOR valid_from AS valid_from,
  PRIMARY KEY (segment) NOT ENFORCED
) WITH ('connector' = 'parameters');

CREATE TABLE alerts (account STRING, segment STRING, payments BIGINT, total DECIMAL(12, 2), version BIGINT)
  WITH ('connector' = 'kafka', 'topic' = 'alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE VIEW judged AS
  SELECT p.account, p.segment, p.amount, p.ts, l.allowed, l.tries, l.version
  FROM payments AS p
  LEFT JOIN limits FOR SYSTEM_TIME AS OF p.ts AS l ON l.segment = p.segment;

INSERT INTO alerts /*+ NAME('over_limit') */
SELECT account, segment, payments, total, version
FROM judged MATCH_RECOGNIZE (
  PARTITION BY account
  ORDER BY ts
  MEASURES LAST(L.segment) AS segment, COUNT(*) AS payments, SUM(amount) AS total, L.version AS version
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (O*? L) WITHIN INTERVAL '10' MINUTE
  DEFINE
    O AS O.amount > O.allowed,
    L AS L.amount > L.allowed AND COUNT(O.amount) + 1 >= L.tries
);
