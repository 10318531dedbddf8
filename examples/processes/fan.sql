-- Fan-out, fan-in: a job has parts, which are worked on beside each other; the job
-- is done when the last of them is.

CREATE TABLE jobs (job STRING, parts ARRAY<STRING>)
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE results (job STRING, part STRING, amount INT, wanted INT, proc AS PROCTIME()) -- wanted: how many parts there are
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE work (job STRING, part STRING, wanted INT)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/work', 'format' = 'json', 'sink.requests.max-inflight' = '64');

CREATE TABLE done (job STRING, total INT, status STRING)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/done', 'format' = 'json');

INSERT INTO work /*+ NAME('fan_out') */
SELECT j.job, p.part, CARDINALITY(j.parts) FROM jobs AS j CROSS JOIN UNNEST(j.parts) AS p (part);

INSERT INTO done /*+ NAME('fan_in') */
SELECT job, total, CASE status WHEN 'MATCHED' THEN 'done' ELSE 'incomplete' END FROM results MATCH_RECOGNIZE (
  PARTITION BY job ORDER BY proc
  MEASURES SUM(amount) AS total, MATCH_STATUS() AS status
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (R* L) WITHIN INTERVAL '1' HOUR EMIT TIMEOUTS
  DEFINE R AS COUNT(R.*) < R.wanted, L AS COUNT(R.*) + 1 = L.wanted
);
