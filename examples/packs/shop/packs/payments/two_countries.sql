INSERT INTO fraud_alerts
SELECT 'two_countries', card, at, here || ', then ' || there
FROM payments MATCH_RECOGNIZE (
  PARTITION BY card
  ORDER BY ts
  MEASURES B.ts AS at, A.country AS here, B.country AS there
  PATTERN (A B) WITHIN :patience
  DEFINE B AS B.country <> A.country
);
