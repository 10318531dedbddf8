-- Loan processing: a process of weeks, and what goes wrong in it.
--   applied -> identity, income checked in any order -> decided -> signed -> paid out
--   undecided     both checks are there, and no decision for three days
--   unsigned      approved, and neither signed nor withdrawn within fourteen days
--   early         paid out without a signature
--   same_hands    who checked the income also approved it, above 50,000
--   done          paid out, with the days it took

CREATE TABLE loan_events (
  loan   BIGINT,
  step   STRING,          -- applied, identity, income, approved, declined, signed, withdrawn, paid
  clerk  STRING,
  amount DECIMAL(12, 2),
  ts     TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'loan-events', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE loan_alerts (rule STRING, loan BIGINT, since TIMESTAMP(3), at TIMESTAMP(3), detail STRING)
  WITH ('connector' = 'kafka', 'topic' = 'loan-alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE loans_paid (loan BIGINT, applied TIMESTAMP(3), at TIMESTAMP(3), days BIGINT)
  WITH ('connector' = 'kafka', 'topic' = 'loans-paid', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

-- Both checks, in any order, are an event of its own; what follows on it, or does
-- not, is a pattern over these and the decisions.
CREATE VIEW checked AS
SELECT * FROM loan_events MATCH_RECOGNIZE (
  PARTITION BY loan ORDER BY ts
  MEASURES 'checked' AS step, MATCH_ROWTIME() AS at
  PATTERN (A -> NOT D -> B) WITHIN INTERVAL '60' DAY
  DEFINE
    A AS A.step IN ('identity', 'income'),
    B AS B.step IN ('identity', 'income') AND B.step <> A.step,
    D AS D.step IN ('approved', 'declined', 'withdrawn')
);

CREATE VIEW decisions AS
SELECT loan, step, ts AS at FROM loan_events WHERE step IN ('approved', 'declined', 'withdrawn');

INSERT INTO loan_alerts /*+ NAME('undecided') */
SELECT 'undecided', loan, since, due, 'checked, and no decision for three days'
FROM (SELECT loan, step, at FROM checked UNION ALL SELECT loan, step, at FROM decisions) MATCH_RECOGNIZE (
  PARTITION BY loan ORDER BY at
  MEASURES C.at AS since, MATCH_ROWTIME() AS due
  PATTERN (C -> NOT D) WITHIN INTERVAL '3' DAY
  DEFINE C AS C.step = 'checked', D AS D.step <> 'checked'
);

INSERT INTO loan_alerts /*+ NAME('unsigned') */
SELECT 'unsigned', loan, since, at, 'approved, and not signed for fourteen days'
FROM loan_events MATCH_RECOGNIZE (
  PARTITION BY loan ORDER BY ts
  MEASURES A.ts AS since, MATCH_ROWTIME() AS at
  PATTERN (A -> NOT S) WITHIN INTERVAL '14' DAY
  DEFINE A AS A.step = 'approved', S AS S.step IN ('signed', 'withdrawn')
);

INSERT INTO loan_alerts /*+ NAME('early') */
SELECT 'early', loan, since, at, 'paid out without a signature'
FROM loan_events MATCH_RECOGNIZE (
  PARTITION BY loan ORDER BY ts
  MEASURES A.ts AS since, P.ts AS at
  PATTERN (A -> NOT S -> P) WITHIN INTERVAL '60' DAY
  DEFINE A AS A.step = 'applied', S AS S.step = 'signed', P AS P.step = 'paid'
);

INSERT INTO loan_alerts /*+ NAME('same_hands') */
SELECT 'same hands', loan, since, at, clerk || ' checked and approved ' || CAST(amount AS STRING)
FROM loan_events MATCH_RECOGNIZE (
  PARTITION BY loan ORDER BY ts
  MEASURES I.ts AS since, A.ts AS at, A.clerk AS clerk, A.amount AS amount
  PATTERN (I -> A) WITHIN INTERVAL '60' DAY
  DEFINE I AS I.step = 'income', A AS A.step = 'approved' AND A.amount > 50000 AND A.clerk = I.clerk
);

INSERT INTO loans_paid /*+ NAME('done') */
SELECT loan, applied, at, TIMESTAMPDIFF(DAY, applied, at)
FROM loan_events MATCH_RECOGNIZE (
  PARTITION BY loan ORDER BY ts
  MEASURES A.ts AS applied, P.ts AS at
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A -> K -> S -> P) WITHIN INTERVAL '60' DAY
  DEFINE A AS A.step = 'applied', K AS K.step = 'approved', S AS S.step = 'signed', P AS P.step = 'paid'
);
