CREATE TABLE logons (account STRING, source_ip STRING, ok BOOLEAN, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '10' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 'logons', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE connections (source_ip STRING, target_ip STRING, port INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '10' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 'connections', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE security_alerts (rule STRING, subject STRING, source_ip STRING, at TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'security-alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
