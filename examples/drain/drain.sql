-- Account draining: from a device that the account has never used, money goes
-- in several transfers to banks that fraud likes, each far above what the
-- customer usually sends. What is usual is looked up in the customer's record
-- as it was at the time of the transfer.

CREATE TABLE transfers (
  account STRING,
  bank    STRING,          -- of the payee
  amount  DECIMAL(12, 2),
  ts      TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'transfers', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE TABLE logins (
  account STRING,
  known   BOOLEAN,         -- the device has been used before
  ts      TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'logins', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

-- A compacted topic: each record is a version of the customer.
CREATE TABLE customers (
  account STRING,
  usual   DECIMAL(12, 2),  -- median of the last year's transfers
  changed TIMESTAMP(3),
  PRIMARY KEY (account) NOT ENFORCED,
  WATERMARK FOR changed AS changed - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'customers', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

-- Read once, when the query starts.
CREATE TABLE watched_banks (bank STRING) WITH (
  'connector' = 'file', 'path' = 'watched_banks.csv', 'format' = 'csv'
);

CREATE TABLE drained (
  account   STRING,
  transfers BIGINT,
  amount    DECIMAL(12, 2),
  usual     DECIMAL(12, 2),
  at        TIMESTAMP(3)
) WITH (
  'connector' = 'kafka', 'topic' = 'drained', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE VIEW large AS
SELECT t.account, t.amount, c.usual, t.ts
FROM transfers AS t
JOIN customers FOR SYSTEM_TIME AS OF t.ts AS c ON c.account = t.account
WHERE t.amount > 5 * c.usual
  AND t.bank IN (SELECT bank FROM watched_banks)
  AND EXISTS (
    SELECT 1 FROM logins AS l
    WHERE l.account = t.account AND NOT l.known AND t.ts BETWEEN l.ts AND l.ts + INTERVAL '30' MINUTE
  );

INSERT INTO drained /*+ NAME('drain') */
SELECT * FROM large MATCH_RECOGNIZE (
  PARTITION BY account
  ORDER BY ts
  MEASURES COUNT(*) AS transfers, SUM(T.amount) AS amount, LAST(T.usual) AS usual, LAST(T.ts) AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (T{3}) WITHIN INTERVAL '20' MINUTE
  DEFINE T AS TRUE
);
