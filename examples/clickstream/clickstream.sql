-- A click stream from ingestion to analytics, in one graph that reads the topic once.
-- The layers are Parquet files by day; what somebody waits for is a topic.
--
--   clicks -+-> bronze          what came, as it came, with its place in Kafka
--           +-> rejects         what cannot be used, and why
--           +-> silver          typed, each click once
--                 +-> page_views    per page and five minutes
--                 +-> conversions   from the first view to the order, within two hours
--                 +-> bots          forty clicks in a minute: nobody reads as fast

SET 'state.ttl' = '2 h';  -- for how long a click that comes again is known

CREATE TABLE clicks (
  payload     STRING,
  `partition` INT METADATA VIRTUAL,
  `offset`    BIGINT METADATA VIRTUAL,
  received    TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL,
  id          AS JSON_VALUE(payload, '$.id'),
  visitor     AS JSON_VALUE(payload, '$.visitor'),
  page        AS JSON_VALUE(payload, '$.page'),
  kind        AS JSON_VALUE(payload, '$.kind'),
  revenue     AS TRY_CAST(JSON_VALUE(payload, '$.amount') AS DECIMAL(10, 2)),
  clicked     AS TRY_CAST(JSON_VALUE(payload, '$.ts') AS TIMESTAMP(3)),
  WATERMARK FOR received AS received - INTERVAL '1' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'clicks', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'raw');

CREATE TABLE bronze (payload STRING, `partition` INT, `offset` BIGINT, received TIMESTAMP(3), `day` STRING) WITH (
  'connector' = 'filesystem', 'path' = 'lake/bronze', 'format' = 'parquet', 'partition-by' = 'day'
);
CREATE TABLE rejects (payload STRING, reason STRING, received TIMESTAMP(3)) WITH (
  'connector' = 'kafka', 'topic' = 'clicks-rejects', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);
CREATE TABLE silver (id STRING, visitor STRING, page STRING, kind STRING, revenue DECIMAL(10, 2), clicked TIMESTAMP(3), `day` STRING) WITH (
  'connector' = 'filesystem', 'path' = 'lake/silver', 'format' = 'parquet', 'partition-by' = 'day, kind'
);
CREATE TABLE page_views (page STRING, since TIMESTAMP(3), views BIGINT, visitors BIGINT, `day` STRING) WITH (
  'connector' = 'filesystem', 'path' = 'lake/page_views', 'format' = 'parquet', 'partition-by' = 'day'
);
CREATE TABLE conversions (visitor STRING, first_page STRING, views BIGINT, revenue DECIMAL(10, 2), since TIMESTAMP(3), at TIMESTAMP(3)) WITH (
  'connector' = 'kafka', 'topic' = 'conversions', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);
CREATE TABLE bots (visitor STRING, since TIMESTAMP(3), at TIMESTAMP(3)) WITH (
  'connector' = 'kafka', 'topic' = 'bots', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

CREATE VIEW parsed AS
SELECT id, visitor, page, kind, revenue, clicked, received FROM clicks
WHERE id IS NOT NULL AND visitor IS NOT NULL AND page IS NOT NULL AND clicked IS NOT NULL;

CREATE VIEW unusable AS
SELECT payload, received, CASE
    WHEN id IS NULL THEN 'no JSON object with an id'
    WHEN visitor IS NULL THEN 'visitor is missing'
    WHEN page IS NULL THEN 'page is missing'
    WHEN clicked IS NULL THEN 'ts is missing or no time'
  END AS reason
FROM clicks;

CREATE VIEW clicks_once AS
SELECT id, visitor, page, kind, revenue, clicked, received FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY received) AS rn FROM parsed
) WHERE rn = 1;

EXECUTE STATEMENT SET BEGIN
INSERT INTO bronze SELECT payload, `partition`, `offset`, received, DATE_FORMAT(received, 'yyyy-MM-dd') FROM clicks;
INSERT INTO rejects SELECT payload, reason, received FROM unusable WHERE reason IS NOT NULL;
INSERT INTO silver SELECT id, visitor, page, kind, revenue, clicked, DATE_FORMAT(received, 'yyyy-MM-dd') FROM clicks_once;
INSERT INTO page_views
SELECT page, window_start, COUNT(*), COUNT(DISTINCT visitor), DATE_FORMAT(window_start, 'yyyy-MM-dd')
FROM TUMBLE(TABLE clicks_once, DESCRIPTOR(received), INTERVAL '5' MINUTE)
GROUP BY window_start, window_end, page;
INSERT INTO conversions
SELECT visitor, first_page, views, revenue, since, at FROM clicks_once MATCH_RECOGNIZE (
  PARTITION BY visitor ORDER BY received
  MEASURES FIRST(V.page) AS first_page, COUNT(V.*) AS views, O.revenue AS revenue, FIRST(V.received) AS since, O.received AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (V+ O) WITHIN INTERVAL '2' HOUR
  DEFINE V AS V.kind = 'view', O AS O.kind = 'order'
);
INSERT INTO bots
SELECT visitor, since, at FROM clicks_once MATCH_RECOGNIZE (
  PARTITION BY visitor ORDER BY received
  MEASURES FIRST(received) AS since, LAST(received) AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (C{40}) WITHIN INTERVAL '1' MINUTE
  DEFINE C AS C.kind = 'view'
);
END;
