-- Strict pair: a small transaction, then a large one as the card's very next, within ten minutes.
SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES A.ts AS probed, B.ts AS ts, B.amount AS amount
  PATTERN (A B) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.amount < 10, B AS B.amount > 1000);
