INSERT INTO security_alerts
SELECT 'port_scan', target_ip, source_ip, ts
FROM (
  SELECT ts, source_ip, target_ip, COUNT(DISTINCT port) OVER (PARTITION BY source_ip, target_ip ORDER BY ts RANGE BETWEEN :span PRECEDING AND CURRENT ROW) AS ports
  FROM connections
)
WHERE ports = :ports;
