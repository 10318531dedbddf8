-- Monitor: what is watched reports its state. Three bad reports in a row are an outage;
-- so is silence for ten minutes.

CREATE TABLE reports (service STRING, state STRING, proc AS PROCTIME())
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE outages (service STRING, reason STRING, PRIMARY KEY (service) NOT ENFORCED)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/outages', 'format' = 'json');

INSERT INTO outages /*+ NAME('unwell') */
SELECT service, reason FROM reports MATCH_RECOGNIZE (
  PARTITION BY service ORDER BY proc
  MEASURES LAST(B.state) AS reason
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (B{3}) WITHIN INTERVAL '1' HOUR
  DEFINE B AS B.state <> 'ok');

INSERT INTO outages /*+ NAME('silent') */
SELECT service, 'silent' FROM reports MATCH_RECOGNIZE (
  PARTITION BY service ORDER BY proc MEASURES R.state AS state
  PATTERN (R -> NOT N) WITHIN INTERVAL '10' MINUTE
  DEFINE R AS R.state IS NOT NULL, N AS N.state IS NOT NULL);
