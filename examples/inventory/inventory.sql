-- Inventory: goods that are reserved and neither bought nor given back within
-- fifteen minutes are released, and the answer of the warehouse is an event of
-- its own that others can wait for.

CREATE TABLE stock_events (
  sku STRING, basket STRING, kind STRING, -- reserved, bought, returned
  pieces INT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'stock-events', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE releases (sku STRING, basket STRING, pieces INT, reserved TIMESTAMP(3), released TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'releases', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

INSERT INTO releases /*+ NAME('release') */
SELECT sku, basket, pieces, reserved, released FROM stock_events MATCH_RECOGNIZE (
  PARTITION BY sku, basket ORDER BY ts
  MEASURES R.pieces AS pieces, R.ts AS reserved, MATCH_ROWTIME() AS released
  PATTERN (R -> NOT E) WITHIN INTERVAL '15' MINUTE
  DEFINE R AS R.kind = 'reserved', E AS E.kind IN ('bought', 'returned')
);
