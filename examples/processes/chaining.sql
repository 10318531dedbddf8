-- Function chaining: reserve, charge, ship. Each answer starts the next step.

CREATE TABLE events (id STRING, kind STRING, detail STRING) -- answers are posted here, and the order itself
  WITH ('connector' = 'http', 'format' = 'json');

CREATE TABLE calls (id STRING, step STRING, detail STRING, PRIMARY KEY (id) NOT ENFORCED)
  WITH ('connector' = 'http', 'url' = 'http://localhost:9000/{step}', 'format' = 'json');

INSERT INTO calls /*+ NAME('order_steps') */
SELECT id, CASE kind WHEN 'placed' THEN 'reserve' WHEN 'reserved' THEN 'charge' ELSE 'ship' END, detail
FROM events WHERE kind IN ('placed', 'reserved', 'charged');
