-- Network security over several sources.
--   brute_force   ten failed logins of one address, then one that succeeds, within five minutes
--   port_scan     one address asks for twenty different ports of a host within a minute
--   beaconing     ten connections to one host at gaps that hardly differ: a program that
--                 calls home
--   lateral       a login from outside, then, from the host that was entered, a connection for
--                 administration and with it a login, on two further hosts, all within ten
--                 minutes: the log of logins and that of connections, one pattern

CREATE TABLE logins (
  source STRING, host STRING, account STRING, ok BOOLEAN, outside BOOLEAN, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'logins', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE connections (
  source STRING, host STRING, port INT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'connections', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE incidents (
  rule STRING, source STRING, host STRING, detail STRING, since TIMESTAMP(3), at TIMESTAMP(3)
) WITH ('connector' = 'kafka', 'topic' = 'incidents', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

INSERT INTO incidents /*+ NAME('brute_force') */
SELECT 'brute force', source, host, CAST(failures AS STRING) || ' failures, then in as ' || account, since, at
FROM logins MATCH_RECOGNIZE (
  PARTITION BY source, host
  ORDER BY ts
  MEASURES COUNT(F.*) AS failures, S.account AS account, FIRST(F.ts) AS since, S.ts AS at
  PATTERN (F{10,} S) WITHIN INTERVAL '5' MINUTE
  DEFINE F AS NOT F.ok, S AS S.ok
);

INSERT INTO incidents /*+ NAME('port_scan') */
SELECT 'port scan', source, host, CAST(ports AS STRING) || ' ports', since, at
FROM connections MATCH_RECOGNIZE (
  PARTITION BY source, host
  ORDER BY ts
  MEASURES COUNT(DISTINCT port) AS ports, FIRST(ts) AS since, LAST(ts) AS at
  PATTERN (C*? D) WITHIN INTERVAL '1' MINUTE
  SUBSET U = (C, D)
  DEFINE D AS COUNT(DISTINCT U.port) >= 20
);

INSERT INTO incidents /*+ NAME('beaconing') */
SELECT 'beaconing', source, host, 'every ' || CAST(gap AS STRING) || ' s', since, at
FROM connections MATCH_RECOGNIZE (
  PARTITION BY source, host
  ORDER BY ts
  MEASURES TIMESTAMPDIFF(SECOND, A.ts, B.ts) AS gap, A.ts AS since, LAST(C.ts) AS at
  PATTERN (A B C{8}) WITHIN INTERVAL '6' HOUR
  DEFINE
    B AS B.ts >= A.ts + INTERVAL '20' SECOND,
    C AS ABS(TIMESTAMPDIFF(SECOND, PREV(C.ts), C.ts) - TIMESTAMPDIFF(SECOND, A.ts, B.ts)) <= 3
);

CREATE VIEW entered AS SELECT host AS via, 'in' AS kind, source, host, account, ts FROM logins WHERE ok AND outside;
CREATE VIEW moved AS SELECT source AS via, 'on' AS kind, source, host, account, ts FROM logins WHERE ok AND NOT outside;
CREATE VIEW reached AS
SELECT source AS via, 'to' AS kind, source, host, CAST(NULL AS STRING) AS account, ts FROM connections WHERE port IN (22, 445, 3389, 5985);

INSERT INTO incidents /*+ NAME('lateral') */
SELECT 'lateral movement', source, via, first_host || ', ' || second_host, since, at
FROM (SELECT * FROM entered UNION ALL BY NAME SELECT * FROM reached UNION ALL BY NAME SELECT * FROM moved) MATCH_RECOGNIZE (
  PARTITION BY via
  ORDER BY ts
  MEASURES I.source AS source, A.host AS first_host, B.host AS second_host, I.ts AS since, B.ts AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (I -> C -> A -> D -> B) WITHIN INTERVAL '10' MINUTE
  DEFINE
    I AS I.kind = 'in',
    C AS C.kind = 'to',
    A AS A.kind = 'on' AND A.host = C.host,
    D AS D.kind = 'to' AND D.host <> C.host,
    B AS B.kind = 'on' AND B.host = D.host
);
