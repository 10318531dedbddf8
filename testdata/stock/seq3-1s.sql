-- Three trades in this order, others between them, within a second.
-- outputs: 3525
-- triggers: 565
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES C.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> B ->> C) WITHIN INTERVAL '1' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'INTC',
    B AS kind = 'BUY' AND name = 'RIMM',
    C AS kind = 'BUY' AND name = 'QQQ'
)
