-- All combinations of three trades in a tenth of a second, the last one of a volume above :volume.
SELECT * FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES FIRST(A.ts) AS began, C.ts AS ts
  PATTERN (A ->> B ->> C) WITHIN INTERVAL '0.1' SECOND
  DEFINE A AS A.symbol = 'MSFT', B AS B.symbol = 'ORCL', C AS C.symbol = 'CSCO' AND C.volume > :volume);
