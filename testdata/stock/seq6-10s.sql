-- Six trades in this order within ten seconds.
-- outputs: 1789725
-- triggers: 484
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES F.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> B ->> C ->> D ->> E ->> F) WITHIN INTERVAL '10' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'INTC',
    B AS kind = 'BUY' AND name = 'RIMM',
    C AS kind = 'BUY' AND name = 'QQQ',
    D AS kind = 'SELL' AND name = 'IPIX',
    E AS kind = 'BUY' AND name = 'AMAT',
    F AS kind = 'BUY' AND name = 'CSCO'
)
