-- Ticket service levels: a ticket that nobody answers within the time of its
-- priority is escalated, and escalated again when that does not help.
--   high          an hour, round the clock
--   high_again    and four
--   normal        eight business hours: Monday to Friday, 9 to 17

CREATE TABLE ticket_events (
  ticket BIGINT, kind STRING, -- opened, answered, closed
  priority STRING, team STRING, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'ticket-events', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json'
);

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

-- Eight business hours are one business day. What is opened in business hours is
-- due at the same time of the next business day; before them, at 17 of that day;
-- after them, at 17 of the next one.
CREATE VIEW dated AS
SELECT *,
  HOUR(ts) * 60 + MINUTE(ts) AS minute_of_day,
  CASE DAYOFWEEK(ts) WHEN 6 THEN 3 WHEN 7 THEN 2 ELSE 1 END AS days_on, -- 1 is Sunday
  DAYOFWEEK(ts) BETWEEN 2 AND 6 AS workday
FROM ticket_events;

CREATE VIEW promised AS
SELECT *, CASE
    WHEN workday AND minute_of_day < 540 THEN 1020 - minute_of_day
    WHEN workday AND minute_of_day < 1020 THEN 1440 * days_on
    ELSE 1440 * days_on + 1020 - minute_of_day
  END AS due_minutes
FROM dated;

INSERT INTO escalations /*+ NAME('normal') */
SELECT ticket, 1, team, opened, at FROM promised MATCH_RECOGNIZE (
  PARTITION BY ticket ORDER BY ts
  MEASURES O.team AS team, O.ts AS opened, MATCH_ROWTIME() AS at
  PATTERN (O -> NOT A) WITHIN due_minutes * INTERVAL '1' MINUTE
  DEFINE O AS O.kind = 'opened' AND O.priority <> 'high', A AS A.kind IN ('answered', 'closed')
);
