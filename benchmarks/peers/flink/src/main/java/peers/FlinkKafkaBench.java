package peers;

import java.nio.file.Files;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Flink SQL from Kafka JSON to Kafka JSON, the first EVENTS of a topic, as many of each partition, at least once. args: QUERY EVENTS
 * WARMUP_SECONDS RUNS BACKEND BOOTSTRAP IN OUT PARTITIONS; BACKEND heap, or rocksdb with a checkpoint a second. The start of the job,
 * about a second, counts.
 */
public final class FlinkKafkaBench {
  private final String query, backend, bootstrap, in, out;
  private final int partitions;

  private FlinkKafkaBench(String[] args) {
    query = args[0];
    backend = args[4];
    bootstrap = args[5];
    in = args[6];
    out = args[7];
    partitions = Integer.parseInt(args[8]);
  }

  /** Records in the topic of detections. */
  private long written() {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    try (var c = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> all = IntStream.range(0, partitions).mapToObj(i -> new TopicPartition(out, i)).toList();
      return c.endOffsets(all).values().stream().mapToLong(Long::longValue).sum();
    }
  }

  private long run(int n) throws Exception {
    Configuration c = backend.equals("heap") ? Settings.of(1) : Settings.durable(backend, Files.createTempDirectory("flink-bench").toString());
    StreamTableEnvironment t = StreamTableEnvironment.create(StreamExecutionEnvironment.getExecutionEnvironment(c));
    String ends = IntStream.range(0, partitions).mapToObj(i -> "partition:" + i + ",offset:" + n / partitions).collect(Collectors.joining(";"));
    t.executeSql("""
        CREATE TABLE tx (ts BIGINT, card BIGINT, amount DOUBLE, country STRING, rt AS TO_TIMESTAMP_LTZ(ts, 3),
          WATERMARK FOR rt AS rt - INTERVAL '1' SECOND)
        WITH ('connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'properties.group.id' = 'flink-bench',
          'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'specific-offsets',
          'scan.bounded.specific-offsets' = '%s', 'format' = 'json')""".formatted(in, bootstrap, ends));
    FlinkSqlBench.Statement s = FlinkSqlBench.statement(new Query(query));
    t.executeSql("CREATE TABLE detections (" + s.columns() + ") WITH ('connector' = 'kafka', 'topic' = '" + out
        + "', 'properties.bootstrap.servers' = '" + bootstrap + "', 'format' = 'json')");
    long before = written();
    Bench.begin();
    t.executeSql("INSERT INTO detections " + s.query()).await();
    Bench.end();
    return written() - before;
  }

  public static void main(String[] args) throws Exception {
    FlinkKafkaBench b = new FlinkKafkaBench(args);
    Bench.measure(Integer.parseInt(args[1]), Double.parseDouble(args[2]), Integer.parseInt(args[3]), b::run);
    System.exit(0);
  }
}
