-- Human interaction: a payment is approved or rejected by a link in a message; after
-- three days without an answer the manager is asked, after five it is refused.

CREATE TABLE events (id STRING, kind STRING, amount DECIMAL(12, 2), proc AS PROCTIME()) -- asked; approved, rejected: by the links
  WITH ('connector' = 'http', 'format' = 'json', 'http.link-secret' = '${env:CEPD_SECRET_LINKS}');

CREATE TABLE questions (id STRING, amount DECIMAL(12, 2), who STRING)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/messages', 'format' = 'json',
        'http.sink.body' = '{"to": {{who}}, "text": "Pay {{amount}} for {{id}}? Yes: {{link.approve}} No: {{link.reject}}"}',
        'sink.link.url' = 'http://localhost:8080', 'sink.link.table' = 'events', 'sink.link.secret' = '${env:CEPD_SECRET_LINKS}',
        'sink.link.event.approve' = '{"id": {{id}}, "kind": "approved"}', 'sink.link.event.reject' = '{"id": {{id}}, "kind": "rejected"}');

CREATE TABLE outcomes (id STRING, outcome STRING, amount DECIMAL(12, 2))
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/outcomes', 'format' = 'json');

INSERT INTO questions /*+ NAME('ask') */ SELECT id, amount, 'team' FROM events WHERE kind = 'asked';

INSERT INTO questions /*+ NAME('escalate') */
SELECT id, amount, 'manager' FROM events MATCH_RECOGNIZE (
  PARTITION BY id ORDER BY proc MEASURES A.amount AS amount
  PATTERN (A -> NOT D) WITHIN INTERVAL '3' DAY
  DEFINE A AS A.kind = 'asked', D AS D.kind IN ('approved', 'rejected'));

INSERT INTO outcomes /*+ NAME('decide') */ -- the first answer counts
SELECT id, outcome, amount FROM events MATCH_RECOGNIZE (
  PARTITION BY id ORDER BY proc MEASURES D.kind AS outcome, A.amount AS amount
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A -> D) WITHIN INTERVAL '5' DAY
  DEFINE A AS A.kind = 'asked', D AS D.kind IN ('approved', 'rejected'));

INSERT INTO outcomes /*+ NAME('refuse') */
SELECT id, 'refused', amount FROM events MATCH_RECOGNIZE (
  PARTITION BY id ORDER BY proc MEASURES A.amount AS amount
  PATTERN (A -> NOT D) WITHIN INTERVAL '5' DAY
  DEFINE A AS A.kind = 'asked', D AS D.kind IN ('approved', 'rejected'));
