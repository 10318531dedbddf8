-- Absence: a large authorisation without a transfer of the same card in the next five seconds.
SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES A.ts AS ts, A.amount AS amount
  AFTER MATCH NO SKIP
  PATTERN (A -> NOT T) WITHIN INTERVAL '5' SECOND
  DEFINE A AS A.kind = 'auth' AND A.amount > 1000, T AS T.kind = 'transfer');
