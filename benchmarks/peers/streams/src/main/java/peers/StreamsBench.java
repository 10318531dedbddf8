package peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Kafka Streams has no patterns; Q6 from a topic to a topic, at least once. args: BOOTSTRAP IN OUT EVENTS WARMUP_SECONDS RUNS. The
 * run ends when the last event has been taken: what its windows hold then is not emitted and so not counted.
 */
public final class StreamsBench {
  private static final ObjectMapper JSON = new ObjectMapper();

  private StreamsBench() {}

  /** Aggregates of a window. */
  record Sums(long n, double total, double largest) {
    static final Sums NONE = new Sums(0, 0, Double.NEGATIVE_INFINITY);

    Sums plus(double amount) { return new Sums(n + 1, total + amount, Math.max(largest, amount)); }

    byte[] bytes() { return ByteBuffer.allocate(24).putLong(n).putDouble(total).putDouble(largest).array(); }

    static Sums of(byte[] b) {
      ByteBuffer in = ByteBuffer.wrap(b);
      return new Sums(in.getLong(), in.getDouble(), in.getDouble());
    }

    static Serde<Sums> serde() {
      return Serdes.serdeFrom((topic, s) -> s == null ? null : s.bytes(), (topic, b) -> b == null ? null : of(b));
    }
  }

  private static Properties properties(String bootstrap) throws IOException {
    Properties p = new Properties();
    p.putAll(Map.of("bootstrap.servers", bootstrap, "application.id", "q6-" + System.nanoTime(), "processing.guarantee", "at_least_once",
        "num.stream.threads", 1, "state.dir", Files.createTempDirectory("streams-bench").toString(), "auto.offset.reset", "earliest",
        "replication.factor", 1, "commit.interval.ms", 1000, "statestore.cache.max.bytes", 64L << 20,
        "windowstore.changelog.additional.retention.ms", 0));
    return p;
  }

  private static double amount(byte[] json) {
    try {
      return JSON.readTree(json).get("amount").doubleValue();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static long run(String bootstrap, String in, String out, int n) throws Exception {
    AtomicLong seen = new AtomicLong(), found = new AtomicLong();
    CountDownLatch done = new CountDownLatch(1);
    StreamsBuilder b = new StreamsBuilder();
    b.stream(in, Consumed.with(Serdes.Long(), Serdes.ByteArray()))
        .mapValues(v -> {
          long count = seen.incrementAndGet();
          if (count == 1) Bench.begin();
          if (count == n) done.countDown();
          return amount(v);
        })
        .groupByKey(Grouped.with(Serdes.Long(), Serdes.Double()))
        .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
        .emitStrategy(EmitStrategy.onWindowClose())
        .aggregate(() -> Sums.NONE, (card, amount, s) -> s.plus(amount),
            Materialized.<Long, Sums, WindowStore<Bytes, byte[]>>as("sums").withKeySerde(Serdes.Long()).withValueSerde(Sums.serde())
                .withRetention(Duration.ofMinutes(2)))
        .toStream()
        .map((card, s) -> {
          found.incrementAndGet();
          return KeyValue.pair(card.key(), ("{\"card\":" + card.key() + ",\"n\":" + s.n + ",\"total\":" + s.total + "}").getBytes());
        })
        .to(out, Produced.with(Serdes.Long(), Serdes.ByteArray()));
    KafkaStreams streams = new KafkaStreams(b.build(), properties(bootstrap));
    streams.setUncaughtExceptionHandler(e -> {
      e.printStackTrace();
      System.exit(1); // else the run would wait for ever
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.start();
    done.await();
    Bench.end();
    streams.close(Duration.ofSeconds(20));
    streams.cleanUp();
    return found.get();
  }

  public static void main(String[] args) throws Exception {
    Bench.measure(Integer.parseInt(args[3]), Double.parseDouble(args[4]), Integer.parseInt(args[5]), n -> run(args[0], args[1], args[2], n));
    System.exit(0);
  }
}
