-- E-commerce: carts that are left, and how far visitors get.
--   abandoned   goods in the cart, no purchase for thirty minutes after the last of them
--   funnel      search, view, add, buy: of those who search, how far each got within an hour

CREATE TABLE clicks (
  visitor STRING, kind STRING, -- search, view, add, buy
  product STRING, price DECIMAL(10, 2), ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'clicks', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE abandoned (visitor STRING, products BIGINT, total DECIMAL(38, 2), last_at TIMESTAMP(3), at TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'abandoned-carts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE funnel (visitor STRING, reached STRING, searched TIMESTAMP(3), at TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'funnel', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

INSERT INTO abandoned /*+ NAME('abandoned') */
SELECT visitor, products, total, last_at, at FROM clicks MATCH_RECOGNIZE (
  PARTITION BY visitor ORDER BY ts
  MEASURES COUNT(A.*) AS products, SUM(A.price) AS total, LAST(A.ts) AS last_at, MATCH_ROWTIME() AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A (-> A)*+ -> NOT B) WITHIN INTERVAL '30' MINUTE BETWEEN ROWS
  DEFINE A AS A.kind = 'add', B AS B.kind = 'buy'
);

INSERT INTO funnel /*+ NAME('funnel') */
SELECT visitor, CASE status WHEN 'MATCHED' THEN 'buy' ELSE COALESCE(added, viewed, 'search') END, searched, at
FROM clicks MATCH_RECOGNIZE (
  PARTITION BY visitor ORDER BY ts
  MEASURES MATCH_STATUS() AS status, V.kind AS viewed, A.kind AS added, S.ts AS searched, MATCH_ROWTIME() AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S -> V -> A -> B) WITHIN INTERVAL '1' HOUR EMIT TIMEOUTS
  DEFINE S AS S.kind = 'search', V AS V.kind = 'view', A AS A.kind = 'add', B AS B.kind = 'buy'
);
