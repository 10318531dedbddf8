-- Card fraud, four ways.
--   card_testing  three or more payments below 10, then at once one above 500: a stolen card is tried
--   velocity      eight payments within ten minutes
--   geo_jump      the card itself is shown at two places that nobody gets between in that time
--   mule_chain    money that goes through two accounts within two hours, a little less each time

CREATE TABLE payments (
  card     BIGINT,
  amount   DECIMAL(12, 2),
  merchant STRING,
  present  BOOLEAN,        -- the card was there, not only its number
  lat      DOUBLE,
  lon      DOUBLE,
  ts       TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'card-payments', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE transfers (
  payer  STRING,
  payee  STRING,
  amount DECIMAL(12, 2),
  ts     TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'transfers', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE alerts (rule STRING, card BIGINT, since TIMESTAMP(3), at TIMESTAMP(3), detail STRING)
  WITH ('connector' = 'kafka', 'topic' = 'card-alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE mule_chains (origin STRING, via STRING, mule STRING, target STRING, amount DECIMAL(12, 2), since TIMESTAMP(3), at TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'mule-chains', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

INSERT INTO alerts /*+ NAME('card_testing') */
SELECT 'card testing', card, since, at, CAST(probes AS STRING) || ' probes, then ' || CAST(amount AS STRING)
FROM payments MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES FIRST(S.ts) AS since, L.ts AS at, COUNT(S.*) AS probes, L.amount AS amount
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S{3,} L) WITHIN INTERVAL '10' MINUTE
  DEFINE S AS S.amount < 10, L AS L.amount > 500
);

INSERT INTO alerts /*+ NAME('velocity') */
SELECT 'velocity', card, since, at, CAST(total AS STRING) || ' in eight payments'
FROM payments MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES FIRST(P.ts) AS since, LAST(P.ts) AS at, SUM(P.amount) AS total
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (P{8}) WITHIN INTERVAL '10' MINUTE
  DEFINE P AS P.amount > 0
);

-- Kilometres on a plane are good enough here: a degree of latitude is 111.2 km,
-- one of longitude less by the cosine of the latitude.
INSERT INTO alerts /*+ NAME('geo_jump') */
SELECT 'geo jump', card, since, at, CAST(CAST(km AS INT) AS STRING) || ' km in ' || CAST(minutes AS STRING) || ' min'
FROM (SELECT * FROM payments WHERE present) MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES
    A.ts AS since,
    B.ts AS at,
    TIMESTAMPDIFF(MINUTE, A.ts, B.ts) AS minutes,
    SQRT(POWER((B.lat - A.lat) * 111.2, 2) + POWER((B.lon - A.lon) * 111.2 * COS(RADIANS(A.lat)), 2)) AS km
  AFTER MATCH SKIP TO LAST B
  PATTERN (A B) WITHIN INTERVAL '3' HOUR
  DEFINE
    B AS SQRT(POWER((B.lat - A.lat) * 111.2, 2) + POWER((B.lon - A.lon) * 111.2 * COS(RADIANS(A.lat)), 2))
         > GREATEST(300, 900 * TIMESTAMPDIFF(SECOND, A.ts, B.ts) / 3600.0)
);

-- There is no key that the three transfers share: B is found by A's payee.
INSERT INTO mule_chains /*+ NAME('mule_chain') */
SELECT * FROM transfers MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES A.payer AS origin, A.payee AS via, B.payee AS mule, C.payee AS target, C.amount AS amount, A.ts AS since, C.ts AS at
  PATTERN (A -> B -> C) WITHIN INTERVAL '2' HOUR
  DEFINE
    A AS A.amount >= 1000,
    B AS B.payer = A.payee AND B.amount BETWEEN A.amount * 0.85 AND A.amount,
    C AS C.payer = B.payee AND C.amount BETWEEN B.amount * 0.85 AND B.amount
);
