-- Predictive maintenance: what to look at before a machine fails.
--   overheating   four readings, each hotter than the one before, that end above the limit
--   drift         its mean over ten minutes creeps up, by 3.5 degrees within an hour: in small steps, and for half an hour
--   silent        no heartbeat for two minutes after the last: absence, decided by time alone

CREATE TABLE readings (
  machine STRING,
  celsius DOUBLE,
  ts      TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'readings', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE TABLE heartbeats (
  machine STRING,
  ts      TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'heartbeats', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE TABLE maintenance (
  machine STRING,
  reason  STRING,
  since   TIMESTAMP(3),
  at      TIMESTAMP(3),
  detail  STRING
) WITH (
  'connector' = 'kafka', 'topic' = 'maintenance', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

INSERT INTO maintenance /*+ NAME('overheating') */
SELECT machine, 'overheating', since, at, 'from ' || CAST(low AS STRING) || ' to ' || CAST(high AS STRING)
FROM readings MATCH_RECOGNIZE (
  PARTITION BY machine
  ORDER BY ts
  MEASURES A.ts AS since, H.ts AS at, A.celsius AS low, H.celsius AS high
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A R{2,} H) WITHIN INTERVAL '30' MINUTE
  DEFINE
    R AS R.celsius > PREV(R.celsius),
    H AS H.celsius > PREV(H.celsius) AND H.celsius > 90
);

INSERT INTO maintenance /*+ NAME('silent') */
SELECT machine, 'silent', since, at, 'no heartbeat'
FROM heartbeats MATCH_RECOGNIZE (
  PARTITION BY machine
  ORDER BY ts
  MEASURES B.ts AS since, MATCH_ROWTIME() AS at
  PATTERN (B -> NOT N) WITHIN INTERVAL '2' MINUTE
  DEFINE N AS N.machine IS NOT NULL
);

CREATE VIEW means AS
SELECT machine, window_time AS at, AVG(celsius) AS mean
FROM TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '10' MINUTE)
GROUP BY machine, window_start, window_end, window_time;

INSERT INTO maintenance /*+ NAME('drift') */
SELECT machine, 'drift', since, at, CAST(CAST(high - low AS DECIMAL(6, 1)) AS STRING) || ' degrees in an hour'
FROM means MATCH_RECOGNIZE (
  PARTITION BY machine
  ORDER BY at
  MEASURES A.at AS since, L.at AS at, A.mean AS low, L.mean AS high, SUPPRESS_STATUS() AS status
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A R{5} L)
  SUPPRESS BY machine FOR INTERVAL '90' MINUTE
  DEFINE
    R AS R.mean - PREV(R.mean) BETWEEN -1.5 AND 3.5,
    L AS L.mean - PREV(L.mean) BETWEEN -1.5 AND 3.5
     AND L.mean >= A.mean + 3.5 AND PREV(L.mean) >= A.mean + 2.5 AND PREV(L.mean, 2) >= A.mean + 1.5
)
WHERE status = 'FIRST';
