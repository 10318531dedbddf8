-- All combinations of six trades in a tenth of a second, the last one of a volume above :volume.
SELECT * FROM stock MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES FIRST(A.ts) AS began, F.ts AS ts
  PATTERN (A ->> B ->> C ->> D ->> E ->> F) WITHIN INTERVAL '0.1' SECOND
  DEFINE A AS A.symbol = 'MSFT', B AS B.symbol = 'ORCL', C AS C.symbol = 'CSCO',
    D AS D.symbol = 'AMAT', E AS E.symbol = 'MSFT', F AS F.symbol = 'ORCL' AND F.volume > :volume);
