package peers;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.atomic.LongAdder;

/**
 * Runs a query some times in one JVM and prints a line of JSON for each run. The clock and the process's CPU counter (user and
 * system, all threads: the JIT and the collector too) run from begin, at the first event, to end, when the last operator has
 * finished; building the query is not in it.
 */
public final class Bench {
  /** One run over n events; answers the number of matches. */
  public interface Run { long over(int n) throws Exception; }

  /** Matches of engines whose operators run in threads of their own. */
  public static final LongAdder MATCHES = new LongAdder();

  private static volatile long wallBegin, wallEnd, cpuBegin, cpuEnd;

  private Bench() {}

  public static synchronized void begin() {
    if (wallBegin != 0) return; // of several sources the first
    cpuBegin = cpu();
    wallBegin = System.nanoTime();
  }

  /** Of several operators the last that ends counts. */
  public static void end() {
    wallEnd = System.nanoTime();
    cpuEnd = cpu();
  }

  private static long cpu() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  /** args: QUERY EVENTS WARMUP_SECONDS RUNS */
  public static void main(String[] args, Run run) throws Exception {
    Query q = new Query(args[0]);
    int n = Integer.parseInt(args[1]);
    if (q.trades()) Events.makeTrades(n);
    else Events.makeTransactions(n);
    measure(n, Double.parseDouble(args[2]), Integer.parseInt(args[3]), run);
  }

  public static void measure(int n, double warmupSeconds, int runs, Run run) throws Exception {
    long warmUntil = System.nanoTime() + (long) (warmupSeconds * 1e9);
    do one(n, run); while (System.nanoTime() < warmUntil);
    for (int i = 0; i < runs; i++) {
      System.gc();
      long matches = one(n, run);
      System.out.printf(Locale.ROOT, "{\"events\":%d,\"wall_seconds\":%.6f,\"cpu_seconds\":%.6f,\"matches\":%d,\"rss_mb\":%d}%n", n,
          (wallEnd - wallBegin) / 1e9, (cpuEnd - cpuBegin) / 1e9, matches, peakResidentMb());
    }
  }

  private static long one(int n, Run run) throws Exception {
    wallBegin = wallEnd = cpuBegin = cpuEnd = 0;
    MATCHES.reset();
    return run.over(n);
  }

  private static long peakResidentMb() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status")))
      if (line.startsWith("VmHWM")) return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
    return 0;
  }
}
