-- Nine trades in this order within ten seconds: few events complete a match, each of them some 150,000.
-- outputs: 2314188
-- triggers: 15
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES I.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> B ->> C ->> D ->> E ->> F ->> G ->> H ->> I) WITHIN INTERVAL '10' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'INTC',
    B AS kind = 'BUY' AND name = 'RIMM',
    C AS kind = 'BUY' AND name = 'QQQ',
    D AS kind = 'SELL' AND name = 'IPIX',
    E AS kind = 'BUY' AND name = 'AMAT',
    F AS kind = 'BUY' AND name = 'CSCO',
    G AS kind = 'SELL' AND name = 'YHOO',
    H AS kind = 'BUY' AND name = 'DELL',
    I AS kind = 'BUY' AND name = 'ORCL'
)
