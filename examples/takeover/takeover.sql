-- Account take-over: the password is reset, a device that the account has never
-- used logs in, and money leaves, within an hour. Other events may lie between.
-- A call from the bank that confirms the owner ends the suspicion.

CREATE TABLE account_events (
  account STRING,
  kind    STRING,          -- reset, login, transfer, verified
  device  STRING,
  known   BOOLEAN,         -- the device has been used before
  amount  DECIMAL(12, 2),
  ts      TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'account-events', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE TABLE takeovers (
  account  STRING,
  reset_at TIMESTAMP(3),
  device   STRING,
  amount   DECIMAL(12, 2),
  at       TIMESTAMP(3)
) WITH (
  'connector' = 'kafka', 'topic' = 'takeovers', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

INSERT INTO takeovers /*+ NAME('takeover') */
SELECT * FROM account_events MATCH_RECOGNIZE (
  PARTITION BY account
  ORDER BY ts
  MEASURES R.ts AS reset_at, L.device AS device, T.amount AS amount, T.ts AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (R -> NOT V -> L -> NOT V -> T) WITHIN INTERVAL '1' HOUR
  DEFINE
    R AS R.kind = 'reset',
    L AS L.kind = 'login' AND NOT L.known,
    T AS T.kind = 'transfer' AND T.amount >= 1000,
    V AS V.kind = 'verified'
);
