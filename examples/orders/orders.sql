-- Order fulfilment: a long-running process is a pattern over its steps, and a
-- step that does not come is a detection too.
--   each order: placed -> paid (1 hour) -> packed (1 day) -> shipped (2 days)
-- late_steps tells the first step that is late. done tells orders that went
-- through, with the time they took; an order that is cancelled is neither.

CREATE TABLE order_events (
  order_id BIGINT,
  step     STRING,         -- placed, paid, packed, shipped, cancelled
  ts       TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'order-events', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE late_steps (order_id BIGINT, missing STRING, since TIMESTAMP(3), due TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'late-steps', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE fulfilled (order_id BIGINT, placed TIMESTAMP(3), shipped TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'fulfilled', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

INSERT INTO late_steps /*+ NAME('unpaid') */
SELECT order_id, 'paid', since, due FROM order_events MATCH_RECOGNIZE (
  PARTITION BY order_id ORDER BY ts
  MEASURES A.ts AS since, MATCH_ROWTIME() AS due
  PATTERN (A -> NOT B) WITHIN INTERVAL '1' HOUR
  DEFINE A AS A.step = 'placed', B AS B.step IN ('paid', 'cancelled')
);

INSERT INTO late_steps /*+ NAME('unpacked') */
SELECT order_id, 'packed', since, due FROM order_events MATCH_RECOGNIZE (
  PARTITION BY order_id ORDER BY ts
  MEASURES A.ts AS since, MATCH_ROWTIME() AS due
  PATTERN (A -> NOT B) WITHIN INTERVAL '1' DAY
  DEFINE A AS A.step = 'paid', B AS B.step IN ('packed', 'cancelled')
);

INSERT INTO late_steps /*+ NAME('unshipped') */
SELECT order_id, 'shipped', since, due FROM order_events MATCH_RECOGNIZE (
  PARTITION BY order_id ORDER BY ts
  MEASURES A.ts AS since, MATCH_ROWTIME() AS due
  PATTERN (A -> NOT B) WITHIN INTERVAL '2' DAY
  DEFINE A AS A.step = 'packed', B AS B.step IN ('shipped', 'cancelled')
);

INSERT INTO fulfilled /*+ NAME('fulfilled') */
SELECT * FROM order_events MATCH_RECOGNIZE (
  PARTITION BY order_id ORDER BY ts
  MEASURES A.ts AS placed, S.ts AS shipped
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A -> P -> K -> S) WITHIN INTERVAL '30' DAY
  DEFINE A AS A.step = 'placed', P AS P.step = 'paid', K AS K.step = 'packed', S AS S.step = 'shipped'
);
