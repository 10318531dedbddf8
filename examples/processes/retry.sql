-- Retry of a step whose answer does not come: asked again after 30 s and 2 min, given up
-- after 5. That a service does not take a call is another matter, which the sink sees to.

CREATE TABLE events (id STRING, kind STRING, proc AS PROCTIME()) -- asked, answered
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE calls (id STRING, attempt INT, PRIMARY KEY (id) NOT ENFORCED)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/scoring', 'format' = 'json',
        'sink.max-retries' = '20', 'sink.retry-strategy.exponential-delay.max-backoff' = '10 s', 'sink.error-policy' = 'skip');

CREATE TABLE failures (id STRING)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/failures', 'format' = 'json');

INSERT INTO calls /*+ NAME('first') */ SELECT id, 1 FROM events WHERE kind = 'asked';

INSERT INTO calls /*+ NAME('second') */ SELECT id, 2 FROM events MATCH_RECOGNIZE (
  PARTITION BY id ORDER BY proc MEASURES A.kind AS kind
  PATTERN (A -> NOT D) WITHIN INTERVAL '30' SECOND DEFINE A AS A.kind = 'asked', D AS D.kind = 'answered');

INSERT INTO calls /*+ NAME('third') */ SELECT id, 3 FROM events MATCH_RECOGNIZE (
  PARTITION BY id ORDER BY proc MEASURES A.kind AS kind
  PATTERN (A -> NOT D) WITHIN INTERVAL '2' MINUTE DEFINE A AS A.kind = 'asked', D AS D.kind = 'answered');

INSERT INTO failures /*+ NAME('given_up') */ SELECT id FROM events MATCH_RECOGNIZE (
  PARTITION BY id ORDER BY proc MEASURES A.kind AS kind
  PATTERN (A -> NOT D) WITHIN INTERVAL '5' MINUTE DEFINE A AS A.kind = 'asked', D AS D.kind = 'answered');
