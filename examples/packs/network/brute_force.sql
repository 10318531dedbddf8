INSERT INTO security_alerts
SELECT 'brute_force', account, source_ip, at
FROM logons MATCH_RECOGNIZE (
  PARTITION BY account
  ORDER BY ts
  MEASURES S.source_ip AS source_ip, S.ts AS at
  PATTERN (F{:failures,} S) WITHIN :span
  DEFINE F AS NOT F.ok, S AS S.ok
);
