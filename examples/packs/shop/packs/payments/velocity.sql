INSERT INTO fraud_alerts
SELECT 'velocity', card, at, CAST(n AS STRING) || ' payments'
FROM payments MATCH_RECOGNIZE (
  PARTITION BY card
  ORDER BY ts
  MEASURES LAST(P.ts) AS at, COUNT(P.*) AS n
  PATTERN (P{6}) WITHIN :patience
  DEFINE P AS TRUE
);
