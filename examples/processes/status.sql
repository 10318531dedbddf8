-- Async HTTP: a request is posted and answered at once, with a link; what becomes of
-- it is a stream that its caller, or somebody else, follows.

CREATE TABLE requests (id STRING, kind STRING, answer STRING, proc AS PROCTIME()) -- kind: asked, or done, which the worker posts
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE work (id STRING)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/work', 'format' = 'json');

CREATE TABLE request_status (id STRING, status STRING, answer STRING)
  WITH ('connector' = 'blackhole'); -- GET /v1/queries/status/detections, or its stream

INSERT INTO work /*+ NAME('ask') */ SELECT id FROM requests WHERE kind = 'asked';

INSERT INTO request_status /*+ NAME('status') */
SELECT id, CASE WHEN kind = 'asked' THEN 'running' ELSE 'done' END, answer FROM requests
UNION ALL
SELECT id, 'failed: no answer within 10 minutes', CAST(NULL AS STRING) FROM requests MATCH_RECOGNIZE (
  PARTITION BY id ORDER BY proc MEASURES A.kind AS kind
  PATTERN (A -> NOT D) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.kind = 'asked', D AS D.kind = 'done'
);
