-- Four trades in this order within ten seconds.
-- outputs: 600122
-- triggers: 1128
SELECT last FROM stock MATCH_RECOGNIZE (
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
