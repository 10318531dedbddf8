-- Cold chain: a parcel that is too warm for ten minutes without a break is
-- spoilt; a door that stays open for five is told before that.

CREATE TABLE sensors (
  parcel STRING, celsius DECIMAL(5, 2), door STRING, -- open, shut
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '30' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'sensors', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE spoilt (parcel STRING, since TIMESTAMP(3), warmest DECIMAL(5, 2), average DECIMAL(38, 6), readings BIGINT, at TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'spoilt', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE doors (parcel STRING, since TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'doors', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

INSERT INTO spoilt /*+ NAME('spoilt') */
SELECT * FROM sensors MATCH_RECOGNIZE (
  PARTITION BY parcel ORDER BY ts
  MEASURES FIRST(W.ts) AS since, MAX(T.celsius) AS warmest, AVG(T.celsius) AS average, COUNT(*) AS readings, L.ts AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (W+? L) WITHIN INTERVAL '1' HOUR
  SUBSET T = (W, L)
  DEFINE
    W AS W.celsius > 8,
    L AS L.celsius > 8 AND L.ts >= FIRST(W.ts) + INTERVAL '10' MINUTE
);

INSERT INTO doors /*+ NAME('door') */
SELECT parcel, since FROM sensors MATCH_RECOGNIZE (
  PARTITION BY parcel ORDER BY ts
  MEASURES O.ts AS since
  PATTERN (S O -> NOT C) WITHIN INTERVAL '5' MINUTE
  DEFINE S AS S.door = 'shut', O AS O.door = 'open', C AS C.door = 'shut'
);
