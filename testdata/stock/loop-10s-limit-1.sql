-- One sale, any choice of purchases, one sale, within ten seconds: one match of each last sale.
-- outputs: 6236
-- triggers: 6236
SELECT last FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES C.id AS last
  AFTER MATCH NO SKIP
  PATTERN (A ->> (->> B)+ ->> C) WITHIN INTERVAL '10' SECOND
  LIMIT 1
  DEFINE
    A AS kind = 'SELL' AND name = 'INTC',
    B AS kind = 'BUY' AND name = 'RIMM',
    C AS kind = 'SELL' AND name = 'QQQ'
)
