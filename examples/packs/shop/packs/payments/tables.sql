-- What the rules read and write: a project has tables, or views, with these names and
-- columns.
CREATE TABLE payments (card STRING, amount DECIMAL(12, 2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 'payments', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE fraud_alerts (rule STRING, card STRING, at TIMESTAMP(3), detail STRING)
  WITH ('connector' = 'kafka', 'topic' = 'fraud-alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
