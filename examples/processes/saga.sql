-- Saga: a trip is booked step by step; when a step fails, or the whole is not there in
-- time, what has been booked is cancelled, the last first.

CREATE TABLE events (trip STRING, kind STRING, what STRING, proc AS PROCTIME()) -- started, booked, failed, completed
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE cancellations (trip STRING, what STRING, reason STRING, PRIMARY KEY (trip) NOT ENFORCED)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/{what}/cancel', 'format' = 'json', 'sink.error-policy' = 'block');

CREATE VIEW ended AS
SELECT trip, booked, CASE WHEN status = 'TIMED_OUT' THEN 'out of time' ELSE kind END AS reason FROM events MATCH_RECOGNIZE (
  PARTITION BY trip ORDER BY proc
  MEASURES ARRAY_AGG(B.what) AS booked, E.kind AS kind, MATCH_STATUS() AS status
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S B* E) WITHIN INTERVAL '15' MINUTE EMIT TIMEOUTS
  DEFINE S AS S.kind = 'started', B AS B.kind = 'booked', E AS E.kind IN ('failed', 'completed')
);

INSERT INTO cancellations /*+ NAME('saga') */
SELECT e.trip, b.what, e.reason FROM ended AS e CROSS JOIN UNNEST(ARRAY_REVERSE(e.booked)) AS b (what)
WHERE e.reason <> 'completed';
