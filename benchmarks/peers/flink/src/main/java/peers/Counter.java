package peers;

import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;

/** Counts what comes and drops it. Its end is the end of the timed stretch. */
final class Counter<T> extends ProcessFunction<T, Byte> {
  private transient long matches;

  @Override public void processElement(T value, Context context, Collector<Byte> out) { matches++; }

  @Override public void close() {
    Bench.MATCHES.add(matches);
    matches = 0;
    Bench.end();
  }
}
