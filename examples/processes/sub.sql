-- Sub-orchestration: setting up a device is a process; opening a site, which waits
-- for three devices, is one over it.

CREATE TABLE steps (site STRING, device STRING, step STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE openings (site STRING, devices BIGINT)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/openings', 'format' = 'json');

CREATE VIEW devices_ready AS
SELECT site, device, at FROM steps MATCH_RECOGNIZE (
  PARTITION BY site, device ORDER BY ts
  MEASURES MATCH_ROWTIME() AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (F -> C -> T) WITHIN INTERVAL '1' DAY
  DEFINE F AS F.step = 'flashed', C AS C.step = 'configured', T AS T.step = 'tested'
);

INSERT INTO openings /*+ NAME('sites') */
SELECT site, devices FROM devices_ready MATCH_RECOGNIZE (
  PARTITION BY site ORDER BY at
  MEASURES COUNT(D.*) AS devices
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (D{3}) WITHIN INTERVAL '7' DAY
  DEFINE D AS D.device IS NOT NULL
);
