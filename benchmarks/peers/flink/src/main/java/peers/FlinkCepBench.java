package peers;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.cep.CEP;
import org.apache.flink.cep.functions.PatternProcessFunction;
import org.apache.flink.cep.nfa.aftermatch.AfterMatchSkipStrategy;
import org.apache.flink.cep.pattern.Pattern;
import org.apache.flink.cep.pattern.conditions.IterativeCondition;
import org.apache.flink.cep.pattern.conditions.SimpleCondition;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.util.Collector;

/** Flink CEP in this process; Q1 and Q6 with the DataStream API. */
public final class FlinkCepBench {
  private FlinkCepBench() {}

  private static Pattern<Tx, ?> pair(double small, double large) {
    return begin(small).next("B").where(SimpleCondition.of(e -> e.amount > large)).within(Duration.ofMinutes(10));
  }

  private static Pattern<Tx, Tx> begin(double small) {
    return Pattern.<Tx>begin("A", AfterMatchSkipStrategy.skipPastLastEvent()).where(SimpleCondition.of(e -> e.amount < small));
  }

  static Pattern<Tx, ?> pattern(Query q) {
    return switch (q.name()) {
      case "Q2" -> pair(10, 1000);
      case "Q3" -> begin(10).followedBy("B").where(SimpleCondition.of(e -> e.amount > 1000))
          .followedBy("C").where(new Elsewhere()).within(Duration.ofHours(1));
      case "Q4" -> begin(10).timesOrMore(3).consecutive().greedy().next("B").where(new AboveAverage());
      case "Q5" -> Pattern.<Tx>begin("A").where(SimpleCondition.of(e -> e.kind.equals("auth") && e.amount > 1000))
          .notFollowedBy("T").where(SimpleCondition.of(e -> e.kind.equals("transfer"))).within(Duration.ofSeconds(5));
      default -> throw q.unknown();
    };
  }

  private static final class Elsewhere extends IterativeCondition<Tx> {
    @Override public boolean filter(Tx e, Context<Tx> context) throws Exception {
      if (!e.kind.equals("withdraw")) return false;
      for (Tx a : context.getEventsForPattern("A")) return !e.country.equals(a.country);
      return false;
    }
  }

  private static final class AboveAverage extends IterativeCondition<Tx> {
    @Override public boolean filter(Tx e, Context<Tx> context) throws Exception {
      double sum = 0;
      int n = 0;
      for (Tx a : context.getEventsForPattern("A")) {
        sum += a.amount;
        n++;
      }
      return e.amount > 5 * (sum / n);
    }
  }

  private static Pattern<Trade, ?> combinations(Query q) {
    Pattern<Trade, Trade> p = Pattern.<Trade>begin("e0", AfterMatchSkipStrategy.noSkip())
        .where(SimpleCondition.of(e -> e.symbol.equals("MSFT")));
    for (int k = 1; k < q.steps(); k++) {
      String symbol = Events.SYMBOLS[k & 3];
      int least = k == q.steps() - 1 ? q.volume() : 0;
      p = p.followedByAny("e" + k).where(SimpleCondition.of(e -> e.symbol.equals(symbol) && e.volume > least));
    }
    return p.within(Duration.ofMillis(q.window()));
  }

  private static <T> PatternProcessFunction<T, Long> emit() {
    return new PatternProcessFunction<>() {
      @Override public void processMatch(Map<String, List<T>> match, Context context, Collector<Long> out) {
        out.collect(context.timestamp());
      }
    };
  }

  /** Aggregates of Q6. */
  public static final class Sums {
    public long n;
    public double total;
    public double largest = Double.NEGATIVE_INFINITY;
  }

  private static final class Summing implements AggregateFunction<Tx, Sums, Sums> {
    @Override public Sums createAccumulator() { return new Sums(); }
    @Override public Sums getResult(Sums s) { return s; }

    @Override public Sums add(Tx e, Sums s) {
      s.n++;
      s.total += e.amount;
      s.largest = Math.max(s.largest, e.amount);
      return s;
    }

    @Override public Sums merge(Sums a, Sums b) {
      a.n += b.n;
      a.total += b.total;
      a.largest = Math.max(a.largest, b.largest);
      return a;
    }
  }

  static long run(Query q, int n) throws Exception {
    var env = StreamExecutionEnvironment.getExecutionEnvironment(Settings.of(q.copies() ? q.count() : 1));
    if (q.trades()) {
      count(CEP.pattern(env.addSource(new EventSource.Trades(n), "trades"), combinations(q)).process(FlinkCepBench.<Trade>emit()));
    } else {
      transactions(q, env.addSource(new EventSource.Transactions(n), "tx"));
    }
    env.execute();
    return Bench.MATCHES.sum();
  }

  private static void transactions(Query q, DataStream<Tx> tx) {
    if (q.name().equals("Q1")) {
      count(tx.filter(e -> e.amount > 1000 && !e.country.equals("US")));
      return;
    }
    KeyedStream<Tx, Long> cards = tx.keyBy(e -> e.card);
    if (q.name().equals("Q6")) {
      count(cards.window(TumblingEventTimeWindows.of(Duration.ofMinutes(1))).aggregate(new Summing()));
    } else if (q.copies()) {
      for (int i = 0; i < q.count(); i++)
        count(CEP.pattern(cards, pair(q.small(i), q.large(i))).process(FlinkCepBench.<Tx>emit()));
    } else {
      count(CEP.pattern(cards, pattern(q)).process(FlinkCepBench.<Tx>emit()));
    }
  }

  private static <T> void count(DataStream<T> found) { found.process(new Counter<T>()).sinkTo(new DiscardingSink<>()); }

  public static void main(String[] args) throws Exception {
    Query q = new Query(args[0]);
    Bench.main(args, n -> run(q, n));
    System.exit(0);
  }
}
