-- The same, whether ORCL and CSCO are bought or sold.
-- outputs: 4260
-- triggers: 219
SELECT last FROM stock MATCH_RECOGNIZE (
  PARTITION BY volume
  ORDER BY ts
  MEASURES D.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> B ->> C ->> D) WITHIN INTERVAL '10' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'MSFT',
    B AS name = 'ORCL',
    C AS name = 'CSCO',
    D AS kind = 'SELL' AND name = 'AMAT'
)
