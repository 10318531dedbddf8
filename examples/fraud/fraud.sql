-- Card testing: a thief tries a stolen card with small payments, and when they
-- go through, buys something large. Three or more payments below 10, then, as
-- the card's very next payment, one that is above 500 and above five times
-- their average, all within ten minutes.

CREATE TABLE payments (
  card     BIGINT,
  amount   DECIMAL(12, 2),
  country  STRING,
  merchant STRING,
  kind     STRING,
  ts       TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'payments',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

CREATE TABLE alerts (
  card    BIGINT,
  started TIMESTAMP(3),
  ended   TIMESTAMP(3),
  probes  BIGINT,
  amount  DECIMAL(12, 2),
  country STRING
) WITH (
  'connector' = 'kafka',
  'topic' = 'alerts',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json'
);

INSERT INTO alerts /*+ NAME('card_testing') */
SELECT *
FROM payments MATCH_RECOGNIZE (
  PARTITION BY card
  ORDER BY ts
  MEASURES
    FIRST(S.ts) AS started,
    B.ts        AS ended,
    COUNT(S.*)  AS probes,
    B.amount    AS amount,
    B.country   AS country
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S{3,} B) WITHIN INTERVAL '10' MINUTE
  DEFINE
    S AS S.amount < 10,
    B AS B.amount > 5 * AVG(S.amount) AND B.amount > 500
);
