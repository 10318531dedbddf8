package peers;

import org.apache.flink.streaming.api.functions.source.legacy.RichSourceFunction;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;

/** The workload's events as a source of one task, with a watermark every thousand. */
public abstract class EventSource<T> extends RichSourceFunction<T> {
  private static final int WATERMARK_EVERY = 1000;
  private final int n;
  private volatile boolean cancelled;

  EventSource(int n) { this.n = n; }

  abstract T make(int i);

  @Override public void run(SourceContext<T> out) {
    Bench.begin();
    for (int i = 0; i < n && !cancelled; ) {
      int end = Math.min(n, i + WATERMARK_EVERY);
      synchronized (out.getCheckpointLock()) {
        for (; i < end; i++) out.collectWithTimestamp(make(i), Events.time(i));
        out.emitWatermark(new Watermark(Events.time(end - 1)));
      }
    }
  }

  @Override public void cancel() { cancelled = true; }

  static final class Transactions extends EventSource<Tx> {
    Transactions(int n) { super(n); }
    @Override Tx make(int i) { return Events.tx(i); }
  }

  static final class Trades extends EventSource<Trade> {
    Trades(int n) { super(n); }
    @Override Trade make(int i) { return Events.trade(i); }
  }

  /** Transactions in the rows of Flink SQL, without conversion. */
  static final class Rows extends EventSource<RowData> {
    private static final StringData[] COUNTRIES = strings(Events.COUNTRIES), KINDS = strings(Events.KINDS);

    Rows(int n) { super(n); }

    private static StringData[] strings(String[] texts) {
      StringData[] all = new StringData[texts.length];
      for (int i = 0; i < texts.length; i++) all[i] = StringData.fromString(texts[i]);
      return all;
    }

    @Override RowData make(int i) {
      return GenericRowData.of(TimestampData.fromEpochMillis(Events.time(i)), Events.card(i), Events.amount(i),
          COUNTRIES[Events.country(i)], KINDS[Events.kind(i)]);
    }
  }
}
