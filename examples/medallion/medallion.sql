-- Bronze, silver, gold in one file and one graph. The topic is read once.
--
--   payments -+-> bronze             what came, as it came, with its place in Kafka
--             +-> silver_rejects     what cannot be used, and why
--             +-> parsed -> silver   typed, each payment once
--                             +-> gold_minutes   per country and minute
--                             +-> gold_alerts    small payments, then a large one

SET 'state.ttl' = '1 d';  -- for how long a payment that comes again is known

CREATE TABLE payments (
  payload     STRING,
  `partition` INT METADATA VIRTUAL,
  `offset`    BIGINT METADATA VIRTUAL,
  received    TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  id          AS JSON_VALUE(payload, '$.id'),
  card        AS TRY_CAST(JSON_VALUE(payload, '$.card') AS BIGINT),
  amount      AS TRY_CAST(JSON_VALUE(payload, '$.amount') AS DECIMAL(12, 2)),
  country     AS JSON_VALUE(payload, '$.country'),
  ts          AS TRY_CAST(JSON_VALUE(payload, '$.ts') AS TIMESTAMP(3)),
  WATERMARK FOR ts AS ts - INTERVAL '30' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'payments', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'raw'
);

CREATE TABLE bronze (payload STRING, `partition` INT, `offset` BIGINT, received TIMESTAMP_LTZ(3)) WITH (
  'connector' = 'kafka', 'topic' = 'bronze', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);
CREATE TABLE silver (id STRING, card BIGINT, amount DECIMAL(12, 2), country STRING, ts TIMESTAMP(3)) WITH (
  'connector' = 'kafka', 'topic' = 'silver', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);
CREATE TABLE silver_rejects (`partition` INT, `offset` BIGINT, reason STRING, payload STRING) WITH (
  'connector' = 'kafka', 'topic' = 'silver-rejects', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);
CREATE TABLE gold_minutes (country STRING, minute_start TIMESTAMP(3), payments BIGINT, amount DECIMAL(38, 2)) WITH (
  'connector' = 'kafka', 'topic' = 'gold-minutes', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);
CREATE TABLE gold_alerts (card BIGINT, probes BIGINT, amount DECIMAL(12, 2), at TIMESTAMP(3)) WITH (
  'connector' = 'kafka', 'topic' = 'gold-alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

-- Every record is here or in the view below it, never in both.
CREATE VIEW parsed AS
SELECT id, card, amount, country, ts FROM payments
WHERE id IS NOT NULL AND card IS NOT NULL AND amount > 0 AND country IS NOT NULL AND ts IS NOT NULL;

CREATE VIEW unusable AS
SELECT `partition`, `offset`, payload, CASE
    WHEN id IS NULL THEN 'no JSON object with an id'
    WHEN card IS NULL THEN 'card is missing or no number'
    WHEN amount IS NULL THEN 'amount is missing or no number'
    WHEN amount <= 0 THEN 'amount is not positive'
    WHEN country IS NULL THEN 'country is missing'
    WHEN ts IS NULL THEN 'ts is missing or no time'
  END AS reason
FROM payments;

-- A payment that is sent again counts once.
CREATE VIEW payments_once AS
SELECT id, card, amount, country, ts FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts) AS rn FROM parsed
) WHERE rn = 1;

EXECUTE STATEMENT SET BEGIN
INSERT INTO bronze SELECT payload, `partition`, `offset`, received FROM payments;
INSERT INTO silver_rejects SELECT `partition`, `offset`, reason, payload FROM unusable WHERE reason IS NOT NULL;
INSERT INTO silver SELECT id, card, amount, country, ts FROM payments_once;
INSERT INTO gold_minutes
SELECT country, window_start, COUNT(*), SUM(amount)
FROM TUMBLE(TABLE payments_once, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, country;
INSERT INTO gold_alerts
SELECT card, probes, amount, at FROM payments_once MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES COUNT(S.*) AS probes, L.amount AS amount, L.ts AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S{2,} L) WITHIN INTERVAL '10' MINUTE
  DEFINE S AS S.amount < 5, L AS L.amount > 100
);
END;
