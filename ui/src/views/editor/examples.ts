// Texts to begin with; each runs as it is.
export const examples = [
  {
    title: 'Three failed logins, then one that works',
    sql: `CREATE TABLE logins (
  account STRING, ok BOOLEAN, address STRING, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'datagen', 'rows-per-second' = '200', 'fields.account.length' = '1');

CREATE TABLE takeovers (account STRING, tries BIGINT, began TIMESTAMP(3)) WITH ('connector' = 'blackhole');

INSERT INTO takeovers
SELECT account, tries, began FROM logins MATCH_RECOGNIZE (
  PARTITION BY account ORDER BY ts
  MEASURES COUNT(FAILED.ok) AS tries, FIRST(FAILED.ts) AS began
  PATTERN (FAILED{3,} WORKS) WITHIN INTERVAL '10' MINUTE
  DEFINE FAILED AS NOT FAILED.ok, WORKS AS WORKS.ok
);
`,
  },
  {
    title: 'Amounts by minute',
    sql: `CREATE TABLE payments (
  card INT, amount DOUBLE, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'datagen', 'rows-per-second' = '100', 'fields.card.min' = '1', 'fields.card.max' = '20');

CREATE TABLE by_minute (card INT, began TIMESTAMP(3), total DOUBLE) WITH ('connector' = 'blackhole');

INSERT INTO by_minute
SELECT card, window_start, SUM(amount)
FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY card, window_start, window_end;
`,
  },
];
