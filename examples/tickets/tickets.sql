-- Ticket service levels: a ticket that nobody answers within the time of its
-- priority is escalated, and escalated again when that does not help.

CREATE TABLE ticket_events (
  ticket BIGINT, kind STRING, -- opened, answered, closed
  priority STRING, team STRING, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '10' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'ticket-events', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE escalations (ticket BIGINT, level INT, team STRING, opened TIMESTAMP(3), at TIMESTAMP(3))
  WITH ('connector' = 'kafka', 'topic' = 'escalations', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

INSERT INTO escalations /*+ NAME('high') */
SELECT ticket, 1, team, opened, at FROM ticket_events MATCH_RECOGNIZE (
  PARTITION BY ticket ORDER BY ts
  MEASURES O.team AS team, O.ts AS opened, MATCH_ROWTIME() AS at
  PATTERN (O -> NOT A) WITHIN INTERVAL '1' HOUR
  DEFINE O AS O.kind = 'opened' AND O.priority = 'high', A AS A.kind IN ('answered', 'closed')
);

INSERT INTO escalations /*+ NAME('high_again') */
SELECT ticket, 2, team, opened, at FROM ticket_events MATCH_RECOGNIZE (
  PARTITION BY ticket ORDER BY ts
  MEASURES O.team AS team, O.ts AS opened, MATCH_ROWTIME() AS at
  PATTERN (O -> NOT A) WITHIN INTERVAL '4' HOUR
  DEFINE O AS O.kind = 'opened' AND O.priority = 'high', A AS A.kind IN ('answered', 'closed')
);

INSERT INTO escalations /*+ NAME('normal') */
SELECT ticket, 1, team, opened, at FROM ticket_events MATCH_RECOGNIZE (
  PARTITION BY ticket ORDER BY ts
  MEASURES O.team AS team, O.ts AS opened, MATCH_ROWTIME() AS at
  PATTERN (O -> NOT A) WITHIN INTERVAL '8' HOUR
  DEFINE O AS O.kind = 'opened' AND O.priority <> 'high', A AS A.kind IN ('answered', 'closed')
);
