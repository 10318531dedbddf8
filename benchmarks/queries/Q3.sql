-- Skip till next: small, later large, later a withdrawal in another country, within an hour.
SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES A.ts AS small, B.ts AS large, C.ts AS ts
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A -> B -> C) WITHIN INTERVAL '1' HOUR
  DEFINE A AS A.amount < 10, B AS B.amount > 1000, C AS C.kind = 'withdraw' AND C.country <> A.country);
