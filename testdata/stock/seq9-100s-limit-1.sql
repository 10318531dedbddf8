-- Nine trades in this order within a hundred seconds; of the matches of a trade, too many to list, the first.
-- outputs: 5171
-- triggers: 5171
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES I.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> B ->> C ->> D ->> E ->> F ->> G ->> H ->> I) WITHIN INTERVAL '100' SECOND
  LIMIT 1
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
