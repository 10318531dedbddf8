-- Three trades in this order within ten seconds; a match uses up what came before.
-- outputs: 21834
-- triggers: 859
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES C.id AS last
  AFTER MATCH NO SKIP CONSUME BY ANY
  PATTERN (A ->> B ->> C) WITHIN INTERVAL '10' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'INTC',
    B AS kind = 'BUY' AND name = 'RIMM',
    C AS kind = 'BUY' AND name = 'QQQ'
)
