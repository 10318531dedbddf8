-- Functions of one's own, in WebAssembly: functions.wasm is built from src/ by `make example-functions`.

CREATE FUNCTION risk(DOUBLE, STRING) RETURNS DOUBLE LANGUAGE WASM USING FILE 'functions.wasm';
CREATE FUNCTION mask(STRING) RETURNS STRING LANGUAGE WASM USING FILE 'functions.wasm';
CREATE AGGREGATE FUNCTION spread(DOUBLE) RETURNS DOUBLE LANGUAGE WASM AS 'spread' USING FILE 'functions.wasm'
WITH ('memory-bytes' = '4194304', 'timeout-ms' = '5000');

CREATE TABLE transfers (
  card    STRING,
  amount  DOUBLE,
  country STRING,
  ts      TIMESTAMP(3),
  WATERMARK FOR ts AS ts
) WITH (
  'connector' = 'kafka', 'topic' = 'transfers', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE TABLE alerts (card STRING, total_risk DOUBLE) WITH (
  'connector' = 'kafka', 'topic' = 'transfer-alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE TABLE spreads (card STRING, minute TIMESTAMP(3), spread DOUBLE) WITH (
  'connector' = 'kafka', 'topic' = 'transfer-spreads', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

-- Two risky transfers within a minute: the function is called for each row as it comes, many rows at a time.
INSERT INTO alerts
SELECT MASK(card), total_risk
FROM transfers MATCH_RECOGNIZE (
  PARTITION BY card
  ORDER BY ts
  MEASURES RISK(FIRST(R.amount), FIRST(R.country)) + RISK(LAST(R.amount), LAST(R.country)) AS total_risk
  PATTERN (R{2}) WITHIN INTERVAL '1' MINUTE
  DEFINE R AS RISK(R.amount, R.country) > 0.5
);

INSERT INTO spreads
SELECT MASK(card), window_start, SPREAD(amount)
FROM TUMBLE(TABLE transfers, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, card;
