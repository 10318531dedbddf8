package peers;

import io.siddhi.core.SiddhiAppRuntime;
import io.siddhi.core.SiddhiManager;
import io.siddhi.core.event.Event;
import io.siddhi.core.stream.input.InputHandler;
import io.siddhi.core.stream.output.StreamCallback;

/** Siddhi embedded, one sending thread, synchronous streams, event time by playback. */
public final class SiddhiBench {
  private static final String STREAM =
      "@app:playback define stream Tx(ts long, card long, amount double, country string, kind string); ";
  private static final long END = 700_000; // ms after the last event: past every window and timer

  private SiddhiBench() {}

  static String text(Query q) {
    return switch (q.name()) {
      case "Q1" -> "from Tx[amount > 1000 and country != 'US'] select ts, card, amount, country insert into Out;";
      case "Q2" -> perCard(pair(10, 1000));
      case "Q3" -> perCard("from every (e1=Tx[amount < 10.0] -> e2=Tx[amount > 1000.0] "
          + "-> e3=Tx[kind == 'withdraw' and country != e1.country]) within 1 hour "
          + "select e1.card as card, e1.ts as t1, e3.ts as t3 insert into Out; ");
      case "Q5" -> "from every e1=Tx[kind == 'auth' and amount > 1000] -> not Tx[card == e1.card and kind == 'transfer'] for 5 sec "
          + "select e1.card as card, e1.ts as ts insert into Out;";
      case "Q6" -> "from Tx#window.externalTimeBatch(ts, 1 min) select card, count() as n, sum(amount) as s, max(amount) as x "
          + "group by card insert into Out;";
      case "Q7" -> "from Tx#window.externalTime(ts, 10 min) select country, count() as n, sum(amount) as s group by country "
          + "having s > 9700000.0 output snapshot every 1 min insert into Out;";
      default -> {
        if (!q.copies()) throw q.unknown();
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < q.count(); i++) all.append(pair(q.small(i), q.large(i)));
        yield perCard(all.toString());
      }
    };
  }

  private static String perCard(String queries) { return "partition with (card of Tx) begin " + queries + "end;"; }

  private static String pair(double small, double large) {
    return "from every e1=Tx[amount < " + small + "], e2=Tx[amount > " + large + "] within 10 min "
        + "select e1.card as card, e1.amount as a, e2.amount as b insert into Out; ";
  }

  static long run(Query q, int n) throws Exception {
    SiddhiManager manager = new SiddhiManager();
    SiddhiAppRuntime runtime = manager.createSiddhiAppRuntime(STREAM + text(q));
    long[] matches = new long[1];
    runtime.addCallback("Out", new StreamCallback() {
      @Override public void receive(Event[] events) { matches[0] += events.length; }
    });
    runtime.start();
    InputHandler in = runtime.getInputHandler("Tx");
    Bench.begin();
    for (int i = 0; i < n; i++) {
      in.send(Events.time(i), new Object[] {Events.time(i), Events.card(i), Events.amount(i), Events.COUNTRIES[Events.country(i)],
          Events.KINDS[Events.kind(i)]});
    }
    long end = Events.time(n) + END;
    in.send(end, new Object[] {end, -1L, 500.0, "US", "flush"}); // matches nothing; its time fires what waits
    Bench.end();
    runtime.shutdown();
    manager.shutdown();
    return matches[0];
  }

  public static void main(String[] args) throws Exception {
    Query q = new Query(args[0]);
    Bench.main(args, n -> run(q, n));
    System.exit(0); // its timer threads would keep the process
  }
}
