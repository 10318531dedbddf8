-- Three trades in this order within half a minute.
-- outputs: 3143587
-- triggers: 11721
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES C.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> B ->> C) WITHIN INTERVAL '30' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'INTC',
    B AS kind = 'BUY' AND name = 'RIMM',
    C AS kind = 'BUY' AND name = 'QQQ'
)
