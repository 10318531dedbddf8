-- Three trades of INTC, one right after the other, within ten seconds.
-- outputs: 198
-- triggers: 198
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES C.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A B C) WITHIN INTERVAL '10' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'INTC',
    B AS kind = 'BUY' AND name = 'INTC',
    C AS kind = 'BUY' AND name = 'INTC'
)
