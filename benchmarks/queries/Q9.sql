-- One of many copies of Q2, each with thresholds of its own.
SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES A.ts AS probed, B.ts AS ts, B.amount AS amount
  PATTERN (A B) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.amount < :small, B AS B.amount > :large);
