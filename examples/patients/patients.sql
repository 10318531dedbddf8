-- Patient pathway: what has to happen, in time, and what should not happen.
--   sepsis_signs       three different vital signs out of range within an hour, none of them normal again
--   late_antibiotics   sepsis is suspected, and no antibiotics for an hour
--   no_follow_up       discharged, and not seen for seven days
--   readmitted         back within thirty days of discharge
-- An illustration of patterns, not a clinical guideline.

CREATE TABLE vitals (
  patient STRING, sign STRING, -- temperature, pulse, breathing
  reading DOUBLE, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '30' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'vitals', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE pathway (
  patient STRING, step STRING, -- admitted, sepsis suspected, antibiotics, discharged, seen, died
  ward STRING, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE
) WITH ('connector' = 'kafka', 'topic' = 'pathway', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE TABLE patient_alerts (rule STRING, patient STRING, since TIMESTAMP(3), at TIMESTAMP(3), detail STRING)
  WITH ('connector' = 'kafka', 'topic' = 'patient-alerts', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');

CREATE VIEW judged AS
SELECT *, CASE sign
    WHEN 'temperature' THEN reading > 38.3 OR reading < 36
    WHEN 'pulse' THEN reading > 90
    WHEN 'breathing' THEN reading > 20
  END AS abnormal
FROM vitals;

INSERT INTO patient_alerts /*+ NAME('sepsis_signs') */
SELECT 'sepsis signs', patient, since, at, first_sign || ', ' || second_sign || ', ' || third_sign
FROM judged MATCH_RECOGNIZE (
  PARTITION BY patient ORDER BY ts
  MEASURES A.ts AS since, C.ts AS at, A.sign AS first_sign, B.sign AS second_sign, C.sign AS third_sign
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A -> NOT N -> B -> NOT N -> C) WITHIN INTERVAL '1' HOUR
  DEFINE
    A AS A.abnormal,
    B AS B.abnormal AND B.sign <> A.sign,
    C AS C.abnormal AND C.sign <> A.sign AND C.sign <> B.sign,
    N AS NOT N.abnormal
);

INSERT INTO patient_alerts /*+ NAME('late_antibiotics') */
SELECT 'late antibiotics', patient, since, at, ward
FROM pathway MATCH_RECOGNIZE (
  PARTITION BY patient ORDER BY ts
  MEASURES S.ts AS since, MATCH_ROWTIME() AS at, S.ward AS ward
  PATTERN (S -> NOT A) WITHIN INTERVAL '1' HOUR
  DEFINE S AS S.step = 'sepsis suspected', A AS A.step IN ('antibiotics', 'died')
);

INSERT INTO patient_alerts /*+ NAME('no_follow_up') */
SELECT 'no follow-up', patient, since, at, ward
FROM pathway MATCH_RECOGNIZE (
  PARTITION BY patient ORDER BY ts
  MEASURES D.ts AS since, MATCH_ROWTIME() AS at, D.ward AS ward
  PATTERN (D -> NOT S) WITHIN INTERVAL '7' DAY
  DEFINE D AS D.step = 'discharged', S AS S.step IN ('seen', 'admitted', 'died')
);

INSERT INTO patient_alerts /*+ NAME('readmitted') */
SELECT 'readmitted', patient, since, at, CAST(TIMESTAMPDIFF(DAY, since, at) AS STRING) || ' days after discharge'
FROM pathway MATCH_RECOGNIZE (
  PARTITION BY patient ORDER BY ts
  MEASURES D.ts AS since, A.ts AS at
  PATTERN (D -> A) WITHIN INTERVAL '30' DAY
  DEFINE D AS D.step = 'discharged', A AS A.step = 'admitted'
);
