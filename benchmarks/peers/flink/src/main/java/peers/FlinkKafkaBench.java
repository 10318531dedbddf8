package peers;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * Flink SQL from Kafka JSON to Kafka JSON, the topic read to its end. args: BOOTSTRAP IN OUT EVENTS WARMUP_SECONDS RUNS; at least
 * once, state on the heap. The start of the job, about a second, counts.
 */
public final class FlinkKafkaBench {
  private FlinkKafkaBench() {}

  static long run(String bootstrap, String in, String out) throws Exception {
    var env = StreamExecutionEnvironment.getExecutionEnvironment(Settings.of(1));
    StreamTableEnvironment t = StreamTableEnvironment.create(env);
    t.executeSql("""
        CREATE TABLE tx (ts BIGINT, card BIGINT, amount DOUBLE, rt AS TO_TIMESTAMP_LTZ(ts, 3), WATERMARK FOR rt AS rt - INTERVAL '1' SECOND)
        WITH ('connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'properties.group.id' = 'flink-bench',
          'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json')""".formatted(in, bootstrap));
    FlinkSqlBench.Statement s = FlinkSqlBench.statement(new Query("Q2"));
    t.executeSql("CREATE TABLE detections (" + s.columns() + ") WITH ('connector' = 'kafka', 'topic' = '" + out
        + "', 'properties.bootstrap.servers' = '" + bootstrap + "', 'format' = 'json')");
    Bench.begin();
    t.executeSql("INSERT INTO detections " + s.query()).await();
    Bench.end();
    return -1; // they are in the topic
  }

  public static void main(String[] args) throws Exception {
    Bench.measure(Integer.parseInt(args[3]), Double.parseDouble(args[4]), Integer.parseInt(args[5]), n -> run(args[0], args[1], args[2]));
    System.exit(0);
  }
}
