-- Four trades of the same volume in this order.
-- outputs: 78
-- triggers: 19
SELECT last FROM stock MATCH_RECOGNIZE (
  PARTITION BY volume
  ORDER BY ts
  MEASURES D.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> B ->> C ->> D) WITHIN INTERVAL '10' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'MSFT',
    B AS kind = 'BUY' AND name = 'ORCL',
    C AS kind = 'BUY' AND name = 'CSCO',
    D AS kind = 'SELL' AND name = 'AMAT'
)
