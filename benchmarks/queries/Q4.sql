-- Greedy loop with a running average: three or more small ones, then one above five times their average.
-- It has no time limit: a run of small ones may last for ever, up to a quota per card.
SET 'state.limit-policy' = 'fail';
SET 'state.max-rows-per-key' = '100000';
SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES COUNT(A.*) AS probes, B.ts AS ts, B.amount AS amount
  PATTERN (A{3,} B)
  DEFINE A AS A.amount < 10, B AS B.amount > 5 * AVG(A.amount));
