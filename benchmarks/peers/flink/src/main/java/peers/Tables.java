package peers;

import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.ProviderContext;
import org.apache.flink.table.connector.sink.DataStreamSinkProvider;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.source.DataStreamScanProvider;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.connector.source.abilities.SupportsSourceWatermark;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;

/** Connectors of Flink SQL: 'bench-tx' gives the transactions, 'bench-count' counts rows and drops them. */
public final class Tables {
  static final ConfigOption<Integer> EVENTS = ConfigOptions.key("events").intType().defaultValue(0);

  private Tables() {}

  public static final class SourceFactory implements DynamicTableSourceFactory {
    @Override public String factoryIdentifier() { return "bench-tx"; }
    @Override public Set<ConfigOption<?>> requiredOptions() { return Set.of(EVENTS); }
    @Override public Set<ConfigOption<?>> optionalOptions() { return Set.of(); }

    @Override public DynamicTableSource createDynamicTableSource(Context context) {
      var helper = FactoryUtil.createTableFactoryHelper(this, context);
      return new Source(helper.getOptions().get(EVENTS), (RowType) context.getPhysicalRowDataType().getLogicalType());
    }
  }

  private record Source(int events, RowType type) implements ScanTableSource, SupportsSourceWatermark {
    @Override public ChangelogMode getChangelogMode() { return ChangelogMode.insertOnly(); }
    @Override public void applySourceWatermark() {} // the source emits them anyway
    @Override public DynamicTableSource copy() { return this; }
    @Override public String asSummaryString() { return "bench-tx"; }

    @Override public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
      return new DataStreamScanProvider() {
        @Override public DataStream<RowData> produceDataStream(ProviderContext p, StreamExecutionEnvironment env) {
          return env.addSource(new EventSource.Rows(events), "tx", InternalTypeInfo.of(type));
        }

        @Override public boolean isBounded() { return false; }
      };
    }
  }

  public static final class SinkFactory implements DynamicTableSinkFactory {
    @Override public String factoryIdentifier() { return "bench-count"; }
    @Override public Set<ConfigOption<?>> requiredOptions() { return Set.of(); }
    @Override public Set<ConfigOption<?>> optionalOptions() { return Set.of(); }
    @Override public DynamicTableSink createDynamicTableSink(Context context) { return new Sink(); }
  }

  private record Sink() implements DynamicTableSink {
    @Override public ChangelogMode getChangelogMode(ChangelogMode requested) { return ChangelogMode.insertOnly(); }
    @Override public DynamicTableSink copy() { return this; }
    @Override public String asSummaryString() { return "bench-count"; }

    @Override public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
      return new DataStreamSinkProvider() {
        @Override public DataStreamSink<?> consumeDataStream(ProviderContext p, DataStream<RowData> rows) {
          return rows.process(new Counter<RowData>()).sinkTo(new DiscardingSink<>());
        }
      };
    }
  }
}
