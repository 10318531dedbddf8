package peers;

import com.espertech.esper.common.client.EPCompiled;
import com.espertech.esper.common.client.EventSender;
import com.espertech.esper.common.client.configuration.Configuration;
import com.espertech.esper.compiler.client.CompilerArguments;
import com.espertech.esper.compiler.client.EPCompilerProvider;
import com.espertech.esper.runtime.client.EPDeployment;
import com.espertech.esper.runtime.client.EPEventService;
import com.espertech.esper.runtime.client.EPRuntime;
import com.espertech.esper.runtime.client.EPRuntimeProvider;
import java.util.ArrayList;
import java.util.List;

/** Esper embedded, one thread, its clock advanced before every event. Each query in the form that was the fastest. */
public final class EsperBench {
  private static final long END = 10_000_000; // ms after the last event: past every window and timer

  private EsperBench() {}

  static String epl(Query q) {
    return switch (q.name()) {
      case "Q1" -> "select ts, card, amount, country from Tx(amount > 1000 and country != 'US')";
      case "Q2" -> pair(10, 1000);
      case "Q3" -> """
          select * from Tx match_recognize (
            partition by card
            measures A.card as card, A.ts as t1, B.ts as t2, C.ts as t3
            after match skip past last row
            pattern (A X*? B Y*? C)
            define A as A.amount < 10, B as B.amount > 1000,
              C as C.kind = 'withdraw' and C.country != A.country and C.ts - A.ts < 3600000)""";
      case "Q4" -> """
          select * from Tx match_recognize (
            partition by card
            measures A[0].card as card, A.countOf() as n, B.amount as b
            after match skip past last row
            pattern (A{3,} B)
            define A as A.amount < 10, B as B.amount > 5 * A.average(x => x.amount))""";
      case "Q5" -> """
          select a.card as card, a.ts as ts from pattern [
            every a=Tx(kind = 'auth', amount > 1000) ->
              (timer:interval(5 sec) and not Tx(card = a.card, kind = 'transfer'))]""";
      case "Q6" -> """
          create context PerMinute initiated @now and pattern [every timer:interval(1 min)] terminated after 1 min;
          context PerMinute select card, count(*) as n, sum(amount) as s, max(amount) as x
            from Tx group by card output snapshot when terminated;""";
      case "Q7" -> """
          create context PerMinute initiated @now and pattern [every timer:interval(1 min)] terminated after 1 min;
          context PerMinute insert into Pane select country, count(*) as n, sum(amount) as s
            from Tx group by country output snapshot when terminated;
          select country, sum(n) as n, sum(s) as s from Pane#length(80)
            group by country having sum(s) > 9700000 output snapshot every 1 min;""";
      default -> {
        if (!q.trades()) throw q.unknown();
        yield combinations(q);
      }
    };
  }

  private static String pair(double small, double large) {
    return """
        select * from Tx match_recognize (
          partition by card
          measures A.card as card, A.amount as a, B.amount as b
          after match skip past last row
          pattern (A B)
          define A as A.amount < %s, B as B.amount > %s and B.ts - A.ts < 600000)""".formatted(small, large);
  }

  private static String combinations(Query q) {
    StringBuilder b = new StringBuilder("select e0.ts as t0 from pattern [every e0=Trade(symbol='MSFT') -> (");
    for (int k = 1; k < q.steps(); k++) {
      b.append(k > 1 ? " -> " : "").append("every e").append(k).append("=Trade(symbol='").append(Events.SYMBOLS[k & 3]).append("'");
      b.append(k == q.steps() - 1 ? ", volume > " + q.volume() : "").append(")");
    }
    return b.append(") where timer:within(").append(q.window()).append(" msec)]").toString();
  }

  private static List<String> statements(Query q) {
    if (!q.copies()) return List.of(epl(q));
    List<String> all = new ArrayList<>();
    for (int i = 0; i < q.count(); i++) all.add(pair(q.small(i), q.large(i)));
    return all;
  }

  private static Configuration configuration() {
    Configuration c = new Configuration();
    c.getCommon().addEventType("Tx", Tx.class);
    c.getCommon().addEventType("Trade", Trade.class);
    c.getRuntime().getThreading().setInternalTimerEnabled(false);
    c.getRuntime().getThreading().setListenerDispatchPreserveOrder(false);
    c.getRuntime().getThreading().setInsertIntoDispatchPreserveOrder(false);
    c.getRuntime().getExecution().setPrioritized(false);
    return c;
  }

  static long run(Query q, int n) throws Exception {
    Configuration c = configuration();
    EPRuntime runtime = EPRuntimeProvider.getRuntime("bench", c);
    runtime.initialize();
    EPEventService service = runtime.getEventService();
    service.clockExternal();
    service.advanceTime(Events.START);
    long[] matches = new long[1];
    for (String epl : statements(q)) {
      EPCompiled compiled = EPCompilerProvider.getCompiler().compile(epl, new CompilerArguments(c));
      EPDeployment d = runtime.getDeploymentService().deploy(compiled);
      d.getStatements()[d.getStatements().length - 1].addListener((rows, old, s, r) -> matches[0] += rows == null ? 0 : rows.length);
    }
    EventSender sender = service.getEventSender(q.trades() ? "Trade" : "Tx");
    Bench.begin();
    for (int i = 0; i < n; i++) {
      service.advanceTime(Events.time(i));
      sender.sendEvent(q.trades() ? Events.trade(i) : Events.tx(i));
    }
    service.advanceTime(Events.START + (n + 59_999L) / 60_000 * 60_000); // the open minute
    service.advanceTime(Events.time(n) + END);
    Bench.end();
    runtime.destroy();
    return matches[0];
  }

  public static void main(String[] args) throws Exception {
    Query q = new Query(args[0]);
    Bench.main(args, n -> run(q, n));
  }
}
