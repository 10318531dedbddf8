package peers;

import java.nio.file.Files;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** Flink SQL in this process. A fifth argument, hashmap or rocksdb, is the backend of state with a checkpoint a second. */
public final class FlinkSqlBench {
  private static final String TABLE = """
      CREATE TABLE tx (rt TIMESTAMP_LTZ(3), card BIGINT, amount DOUBLE, country STRING, kind STRING,
        WATERMARK FOR rt AS SOURCE_WATERMARK()) WITH ('connector' = 'bench-tx', 'events' = '%d')""";

  private FlinkSqlBench() {}

  /** The columns of the sink and the query. */
  record Statement(String columns, String query) {}

  static Statement statement(Query q) {
    return switch (q.name()) {
      case "Q1" -> new Statement("rt TIMESTAMP_LTZ(3), card BIGINT, amount DOUBLE, country STRING",
          "SELECT rt, card, amount, country FROM tx WHERE amount > 1000 AND country <> 'US'");
      case "Q2" -> new Statement("card BIGINT, a DOUBLE, b DOUBLE", """
          SELECT card, a, b FROM tx MATCH_RECOGNIZE (
            PARTITION BY card ORDER BY rt
            MEASURES A.amount AS a, B.amount AS b
            ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
            PATTERN (A B) WITHIN INTERVAL '10' MINUTE
            DEFINE A AS A.amount < 10, B AS B.amount > 1000)""");
      case "Q3" -> new Statement("card BIGINT, t1 TIMESTAMP_LTZ(3), t2 TIMESTAMP_LTZ(3), t3 TIMESTAMP_LTZ(3)", """
          SELECT card, t1, t2, t3 FROM tx MATCH_RECOGNIZE (
            PARTITION BY card ORDER BY rt
            MEASURES A.rt AS t1, B.rt AS t2, C.rt AS t3
            ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
            PATTERN (A X*? B Y*? C) WITHIN INTERVAL '1' HOUR
            DEFINE A AS A.amount < 10, B AS B.amount > 1000,
              C AS C.kind = 'withdraw' AND C.country <> A.country)""");
      case "Q4" -> new Statement("card BIGINT, n BIGINT, b DOUBLE", """
          SELECT card, n, b FROM tx MATCH_RECOGNIZE (
            PARTITION BY card ORDER BY rt
            MEASURES COUNT(A.amount) AS n, B.amount AS b
            ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
            PATTERN (A{3,} B)
            DEFINE A AS A.amount < 10, B AS B.amount > 5 * AVG(A.amount))""");
      case "Q6" -> new Statement("card BIGINT, ws TIMESTAMP_LTZ(3), n BIGINT, s DOUBLE, x DOUBLE", """
          SELECT card, window_start, COUNT(*), SUM(amount), MAX(amount)
          FROM TABLE(TUMBLE(TABLE tx, DESCRIPTOR(rt), INTERVAL '1' MINUTE)) GROUP BY card, window_start, window_end""");
      case "Q7" -> new Statement("country STRING, ws TIMESTAMP_LTZ(3), n BIGINT, s DOUBLE", """
          SELECT country, window_start, COUNT(*), SUM(amount)
          FROM TABLE(HOP(TABLE tx, DESCRIPTOR(rt), INTERVAL '1' MINUTE, INTERVAL '10' MINUTE))
          GROUP BY country, window_start, window_end HAVING SUM(amount) > 9700000""");
      default -> throw q.unknown();
    };
  }

  static long run(Query q, String backend, int n) throws Exception {
    Configuration c = backend == null ? Settings.of(1) : Settings.durable(backend, Files.createTempDirectory("flink-bench").toString());
    StreamTableEnvironment t = StreamTableEnvironment.create(StreamExecutionEnvironment.getExecutionEnvironment(c));
    Statement s = statement(q);
    t.executeSql(TABLE.formatted(n));
    t.executeSql("CREATE TABLE detections (" + s.columns + ") WITH ('connector' = 'bench-count')");
    t.executeSql("INSERT INTO detections " + s.query).await();
    return Bench.MATCHES.sum();
  }

  public static void main(String[] args) throws Exception {
    Query q = new Query(args[0]);
    String backend = args.length > 4 ? args[4] : null;
    Bench.main(args, n -> run(q, backend, n));
    System.exit(0);
  }
}
