-- One sale, any choice of purchases, one sale, within a second.
-- outputs: 12884
-- triggers: 547
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES C.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> (->> B)+ ->> C) WITHIN INTERVAL '1' SECOND
  DEFINE
    A AS kind = 'SELL' AND name = 'INTC',
    B AS kind = 'BUY' AND name = 'RIMM',
    C AS kind = 'SELL' AND name = 'QQQ'
)
