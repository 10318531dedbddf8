-- Eternal: every rule runs until it is dropped. This one starts a clean-up each day,
-- and has no state that grows with the days.

CREATE TABLE uploads (file STRING, bytes BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE cleanups (since TIMESTAMP(3), files BIGINT, bytes BIGINT)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/cleanup', 'format' = 'json');

INSERT INTO cleanups /*+ NAME('eternal') */
SELECT window_start, COUNT(*), SUM(bytes) FROM TABLE(TUMBLE(TABLE uploads, DESCRIPTOR(ts), INTERVAL '1' DAY))
GROUP BY window_start, window_end;
