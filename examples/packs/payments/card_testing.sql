INSERT INTO fraud_alerts
SELECT 'card_testing', card, at, CAST(amount AS STRING) || ' behind ' || CAST(probes AS STRING)
FROM payments MATCH_RECOGNIZE (
  PARTITION BY card
  ORDER BY ts
  MEASURES B.ts AS at, COUNT(S.*) AS probes, B.amount AS amount
  PATTERN (S{:probes,} B) WITHIN :patience
  DEFINE S AS S.amount < :small, B AS B.amount > :large
);
