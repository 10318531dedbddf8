// A rule with tests, to begin with.
export const example = {
  sql: `CREATE TABLE logins (account STRING, ok BOOLEAN, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'http', 'format' = 'json');
CREATE TABLE takeovers (account STRING, tries BIGINT) WITH ('connector' = 'blackhole');

INSERT INTO takeovers
SELECT account, tries FROM logins MATCH_RECOGNIZE (
  PARTITION BY account ORDER BY ts
  MEASURES COUNT(FAILED.ok) AS tries
  PATTERN (FAILED{3,} WORKS) WITHIN INTERVAL '10' MINUTE
  DEFINE FAILED AS NOT FAILED.ok, WORKS AS WORKS.ok
);
`,
  tests: `tests:
  - name: three failures, then a success
    input:
      logins: |
        ts   account  ok
        0s   ann      false
        1s   ann      false
        2s   ann      false
        3s   ann      true
    expect:
      takeovers: [{account: ann, tries: 3}]

  - name: two are not enough
    input:
      logins: |
        ts   account  ok
        0s   ann      false
        1s   ann      false
        2s   ann      true
    expect: {takeovers: none}
`,
};
